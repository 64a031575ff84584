"""Reads a manifest for whoever goes on with its run: with all keys of this version, whichever version wrote it."""

from __future__ import annotations

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
        values, where = read_sharing(directory.manifest, SHARED, self.parsed), str(directory.manifest)
        if isinstance(values.get("config"), dict):
            values["config"] = self.complete(values["config"], OrchestratorConfig, Configuration, where)
        spec = values.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("settings"), dict):
            spec["settings"] = self.complete(spec["settings"], BenchmarkConfig, Settings, where)
        return directory.parse_manifest(values)

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
