"""Reads a manifest for whoever goes on with its run: with all keys of this version, whichever version wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from orchestrator.config.defaults import completed
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_benchmark import BenchmarkConfig
from orchestrator.records import Manifest, RunDirectory
from orchestrator.records.settings import Configuration, Settings


def read_manifest(directory: RunDirectory) -> Manifest:
    """Return the manifest of a run. Raises RecordError if there is none, or one of another schema."""
    manifest = directory.read_manifest()
    config = completed(manifest.config, OrchestratorConfig)
    whole = completed(manifest.spec.settings, BenchmarkConfig)
    known = {*Settings.__required_keys__, *Settings.__optional_keys__}
    settings = {key: value for key, value in whole.items() if key in known}
    return replace(
        manifest,
        config=cast("Configuration", {key: value for key, value in config.items() if key != "defaults"}),
        spec=replace(manifest.spec, settings=cast("Settings", settings)),
    )
