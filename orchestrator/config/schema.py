"""Every configuration key, its type and its default. A key that is not here is refused when the config is composed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING
from orchestrator.config.schema_benchmark import BenchmarkConfig
from orchestrator.config.schema_machine import ClusterConfig


@dataclass
class ScaleConfig:
    """How the node count varies: ``single`` and ``weak`` keep the batch per rank, ``strong`` the global batch.

    ``shuffle`` starts the runs of each repeat in an order drawn from ``seed``, not in that of their node counts.
    """

    mode: str = "single"
    nodes: Any = 1
    repeats: int = 1
    shuffle: bool = True


@dataclass
class StoreConfig:
    """The central store: any SQLAlchemy URL; unset means a SQLite file in the results folder."""

    url: str | None = None


@dataclass
class WatchConfig:
    """Intervals between looks at running jobs, in seconds."""

    interval_s: float = 0.5


@dataclass
class OrchestratorConfig:
    """The whole of one command's configuration."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"scale": "single"},
            {"benchmark": "???"},
            {"dataset": "default"},
            {"method": "default"},
            {"recipe": "small"},
            {"datasets@benchmark": "${benchmark}/${dataset}"},
            {"methods@benchmark": "${benchmark}/${method}"},
            {"recipes@benchmark": "${benchmark}/${recipe}"},
            {"variants@benchmark": "${benchmark}/${dataset}/${method}/${recipe}"},
            # Last, since Hydra lets only later entries override earlier ones: a profile may choose the recipe.
            {"cluster": "local"},
        ]
    )
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    recipe: str = MISSING
    nodes: Any = "${scale.nodes}"
    repeats: int = "${scale.repeats}"  # type: ignore[assignment]
    comm: str = "horovod"
    mode: str = "training"
    seed: int = 1
    campaign: str | None = None
    results: str = "${cluster.paths.results}"
    store: StoreConfig = field(default_factory=StoreConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
