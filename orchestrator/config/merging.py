"""What Hydra composes from groups of files and overrides, without the configuration of Hydra itself.

``hydra.initialize`` and ``hydra.compose`` do the same and more: they import every plugin that is installed, copy all
that is registered, and compose the node ``hydra`` from ten files, which they then take away. That doubles the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.core_plugins.structured_config_source import StructuredConfigSource
from hydra._internal.defaults_list import create_defaults_list
from hydra._internal.hydra import Hydra
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

SCHEMAS = "structured://"
"""Where Hydra finds what is in its ConfigStore."""


class Repository(CachingConfigRepository):  # type: ignore[misc]
    """Hydra's, which remembers what it has read, without a copy of everything that is registered."""

    def __init__(self, delegate: IConfigRepository) -> None:
        self.delegate = delegate
        self.cache = {}


class Loader(ConfigLoaderImpl):  # type: ignore[misc]
    """Hydra's, which reads a file once for all compositions of a command."""

    def __init__(self, path: ConfigSearchPathImpl) -> None:
        super().__init__(path)
        self.read = Repository(self.repository)

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        """Return what a file gives the configuration. Hydra copies what it lays into a part of it, and changes what it
        lays at the top: then it is given a copy.
        """
        assert default.config_path is not None
        found = super()._load_single_config(default, repo)
        if found is repo.load_config(default.config_path):
            found = replace(found, config=deepcopy(found.config))
        return found


@contextmanager
def search_in(places: Sequence[str], sources: Sequence[type[ConfigSource]]) -> Iterator[None]:
    """Let Hydra find files, within the context, in these places by these classes, the first place first, and then what
    is in its ConfigStore.
    """
    version.setbase("1.3")
    registry = SourcesRegistry.instance()
    registry.register(StructuredConfigSource)
    for source in sources:
        registry.register(source)
    path = ConfigSearchPathImpl()
    for place in places:
        path.append("orchestrator", place)
    path.append("schema", SCHEMAS)
    GlobalHydra.instance().clear()
    GlobalHydra.instance().initialize(Hydra("orchestrator", Loader(path)))
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


def merge_groups(primary: str, overrides: Sequence[str]) -> DictConfig:
    """Return what ``hydra.compose`` returns of a primary configuration and overrides, within ``search_in``.

    Raises HydraException and OmegaConfBaseException.
    """
    loader = GlobalHydra.instance().config_loader()
    assert isinstance(loader, Loader)
    try:
        parsed = OverridesParser.create().parse_overrides(overrides=list(overrides))
        loader.validate_sweep_overrides_legal(overrides=parsed, run_mode=RunMode.RUN, from_shell=False)
        chosen = create_defaults_list(loader.read, primary, parsed, prepend_hydra=False, skip_missing=False)
        config = loader._compose_config_from_defaults_list(chosen.defaults, loader.read)
        # Before the overrides: one for a key that is not there is refused.
        OmegaConf.set_struct(config, True)
        loader._apply_overrides_to_config(chosen.config_overrides, config)
    except OmegaConfBaseException as error:
        raise ConfigCompositionException() from error
    return config
