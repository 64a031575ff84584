"""Reads a manifest for whoever goes on with its run: with all keys of this version, whichever version wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.config.defaults import completed
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_benchmark import BenchmarkConfig
from orchestrator.records import Manifest, RunDirectory, check_record
from orchestrator.records.files import read_sharing
from orchestrator.records.settings import Configuration, Settings

SHARED = (("spec", "settings"), ("config",))
"""Objects of a manifest that are the same in most runs of a campaign."""


class Manifests:
    """Reads manifests, of which many have the same configuration: it is parsed, checked and completed once."""

    def __init__(self) -> None:
        self.parsed: dict[str, Any] = {}
        self.completed: dict[int, Any] = {}

    def read(self, directory: RunDirectory) -> Manifest:
        """Return the manifest of a run. Raises RecordError if there is none, or one of another schema."""
        manifest = directory.parse_manifest(read_sharing(directory.manifest, SHARED, self.parsed))
        where = str(directory.manifest)
        config = self.complete(manifest.config, OrchestratorConfig, Configuration, where)
        settings = self.complete(manifest.spec.settings, BenchmarkConfig, Settings, where)
        return replace(manifest, config=config, spec=replace(manifest.spec, settings=settings))

    def complete(self, given: Any, schema: type, kind: type, where: str) -> Any:
        """Return a configuration with all keys of this version and no others, checked. Raises RecordError."""
        if id(given) not in self.completed:
            known = {*kind.__required_keys__, *kind.__optional_keys__}  # type: ignore[attr-defined]
            known |= given.keys() - {"defaults"} if kind is Configuration else set()
            whole = {key: value for key, value in completed(given, schema).items() if key in known}
            # With what was given, so that its identity stays its own.
            self.completed[id(given)] = (given, check_record(whole, kind, where, whole=False))
        return self.completed[id(given)][1]


def read_manifest(directory: RunDirectory) -> Manifest:
    """Return the manifest of a run. Raises RecordError if there is none, or one of another schema."""
    return Manifests().read(directory)
