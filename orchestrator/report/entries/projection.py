"""The projected part of a report's document."""

from __future__ import annotations

from typing import Literal, TypedDict

from orchestrator.report.entries.series import SeriesEntry
from orchestrator.report.entries.values import Interval


class NetworkEntry(TypedDict):
    """The network of a projection (analysis.projection.Network), and the source of its numbers."""

    latency_s: float
    bandwidth: float
    ranks_per_node: int
    inner_latency_s: float
    inner_bandwidth: float
    algorithm: str
    source: str


class BasisEntry(TypedDict):
    """The basis of a projection."""

    own_s: float
    gradient_bytes: float
    overlap: float
    communication_cost: float
    calibrated: bool
    cores: int | None
    network: NetworkEntry


class PointEntry(TypedDict):
    """One projected scale; ``band`` holds what all measured scales leave open."""

    ranks: int
    nodes: int
    efficiency: float
    band: Interval
    assumed: bool
    step_s: float
    simulation_error_s: float
    own_s: float
    straggling_s: float
    communication_s: float


class CheckEntry(TypedDict):
    """A measured scale predicted from the two smallest."""

    ranks: int
    fitted_on: list[int]
    measured: float
    predicted: float
    error: float


class ProjectionEntry(SeriesEntry):
    """Not measured: how a series would scale further."""

    label: Literal["projected"]
    measured_ranks: list[int]
    base_ranks: int
    basis: BasisEntry
    points: list[PointEntry]
    check: list[CheckEntry]
