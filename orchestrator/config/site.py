"""A site's own folder of configurations, ``--config-dir DIR``, read by the one reader of YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import OmegaConf

from orchestrator.config import families
from orchestrator.config.keys import hint_at
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.words import settle_value
from orchestrator.config.yaml_words import read_tree

PACKAGES = {"datasets": "benchmark", "methods": "benchmark", "recipes": "benchmark", "acceptance": "suite"}
"""Where a group's files are laid, for groups that are not called as the part of the configuration that they fill."""


class SiteSource(FileConfigSource):  # type: ignore[misc]
    """Hydra's view of a folder."""

    schema: type = OrchestratorConfig
    """The primary configuration that is being composed, whose types the files' words have."""

    @staticmethod
    def scheme() -> str:
        """Search path entries ``site://`` come here."""
        return "site"

    def load_config(self, config_path: str) -> ConfigResult:
        """Return one file's configuration. Raises ConfigLoadError."""
        path = (Path(self.path) / self._normalize_file_name(config_path)).resolve()
        if not path.is_file():
            raise ConfigLoadError(f"{path} does not exist")
        tree = read_tree(path)
        try:
            header = self._get_header_dict(path.read_text(encoding="utf-8")[:512])
        except ValueError as error:
            raise ConfigLoadError(f"{path}: {error}") from error
        content = settle_value(tree, hints_of(self.schema, config_path, header.get("package")), str(path))
        return ConfigResult(
            config=OmegaConf.create(content),
            path=f"{self.scheme()}://{self.path}",
            provider=self.provider,
            header=header,
        )


def hints_of(schema: type, config_path: str, package: str | None) -> Any:
    """Return the type of what a file fills: its group's part of the configuration, or the package in its header."""
    if package is None:
        group = config_path.partition("/")[0]
        package = PACKAGES.get(group, group)
    hint = hint_at(schema, "" if package == "_global_" else package)
    return families.FILE_HINTS if package == "benchmark" else hint
