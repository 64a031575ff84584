"""Every configuration key, its type and its default. A key that is not here is refused when the config is composed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING
from orchestrator.config.schema_benchmark import BenchmarkConfig
from orchestrator.config.schema_machine import ClusterConfig


@dataclass
class ScaleConfig:
    """How the node count varies: the group ``scale``."""

    mode: str = "single"
    """What node counts have in common: weak, the batch per rank; strong, the global batch; single, nothing."""
    nodes: Any = 1
    """A node count or a list of them."""
    repeats: int = 1
    """Runs of each node count."""
    shuffle: bool = True
    """Start runs in an order drawn from ``seed``; false: in that of their node counts."""


@dataclass
class StoreConfig:
    """The central store."""

    url: str | None = None
    """SQLAlchemy URL of the database; null: a SQLite file in the results folder."""


@dataclass
class WatchConfig:
    """How running jobs are watched."""

    interval_s: float = 0.5
    """Time between looks at running jobs, s."""


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
    """Groups that the configuration is composed from, in this order; Hydra uses this key up."""
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    """What is run."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """The machine that it is run on."""
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    """How the node count varies."""
    recipe: str = MISSING
    """Name of the recipe that is laid over the benchmark; a profile may choose it."""
    nodes: Any = "${scale.nodes}"
    """A node count or a list of them; wins over ``scale.nodes``."""
    repeats: int = "${scale.repeats}"  # type: ignore[assignment]
    """Runs of each node count; wins over ``scale.repeats``."""
    comm: str = "horovod"
    """What averages gradients: horovod, mpi (mpi4py) or torch (torch.distributed)."""
    mode: str = "${benchmark.modes.0}"
    """What is measured: training, inference, probe or noop, if the benchmark has it; the first that it has, else."""
    seed: int = 1
    """Seed of the first run of each node count; run number r after it has ``seed`` + r."""
    campaign: str | None = None
    """Name of the campaign and of its folder; null: made of the time, the benchmarks and the configuration."""
    results: str = "${cluster.paths.results}"
    """Folder of campaigns and of the store; wins over ``cluster.paths.results``."""
    store: StoreConfig = field(default_factory=StoreConfig)
    """The central store."""
    watch: WatchConfig = field(default_factory=WatchConfig)
    """How running jobs are watched."""
