"""The projection of one series: from the steps that its runs measured to the scales that nobody has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.losses import Split
from orchestrator.analysis.projection import (
    Network,
    Observed,
    Projected,
    Workload,
    calibrate_communication,
    project_scales,
)
from orchestrator.analysis.projection_band import FARTHEST, project_band
from orchestrator.telemetry.steps import QUANTILES, StepDistribution

Floats = npt.NDArray[np.floating]

GRADIENT_BYTES = 4
"""Bytes of one parameter's gradient, which is averaged in float32."""
LATENCY_US = 10.0
GB_PER_S = 1.0
"""Bandwidth for profiles that state none. Calibration with measured scales corrects it."""
CHECKED_FROM = 2
"""Scales from which the larger ones are predicted, to check the method."""


@dataclass(frozen=True)
class SteppedRun:
    """One run with the times of its steps.

    A step trains ``global_batch`` items of all ranks together, at ``rate`` items/s. ``split`` are the parts of the
    run's time; None if they were not measured. ``own_s`` are the (R,) own times of its ranks over all steps, s.
    """

    ranks: int
    global_batch: float
    rate: float
    split: Split | None
    own_s: Floats
    distribution: StepDistribution

    @property
    def step_s(self) -> float:
        """Mean seconds of a step."""
        return self.global_batch / self.rate

    @property
    def communication_s(self) -> float:
        """Mean seconds of communication in a step; 0 if it was not measured."""
        return self.step_s * self.split.communication_share if self.split else 0.0


@dataclass(frozen=True)
class Point:
    """A projected scale, and the least and greatest efficiency that the measured scales leave open. ``assumed``: it is
    too far for what is known of the network.
    """

    projected: Projected
    nodes: int
    band: tuple[float, float]
    assumed: bool


@dataclass(frozen=True)
class Check:
    """Weak efficiency of a measured scale: ``measured``, and ``predicted`` from the scales ``fitted_on``."""

    ranks: int
    fitted_on: list[int]
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Predicted − measured."""
        return self.predicted - self.measured


@dataclass(frozen=True)
class SeriesProjection:
    """A series beyond its ``observed`` scales, by the ``workload`` whose communication they calibrated."""

    workload: Workload
    observed: list[Observed]
    points: list[Point]
    checks: list[Check]

    @property
    def calibrated(self) -> bool:
        """Whether there was communication to calibrate with."""
        return any(item.ranks > 1 for item in self.observed)


def network_of(
    latency_us: float | None, gb_per_s: float | None, ranks_per_node: int, algorithm: str | None = None
) -> Network:
    """Return a network between nodes from what a profile states of it, None or 0 where it states nothing.

    ``gb_per_s`` is a node's bandwidth. Without an ``algorithm`` it is a ring, on nodes of several ranks a hierarchy.
    Raises ValueError as Network.
    """
    return Network(
        latency_s=1e-6 * (latency_us or LATENCY_US),
        bandwidth=1e9 * (gb_per_s or GB_PER_S),
        ranks_per_node=ranks_per_node,
        algorithm=algorithm or ("hierarchical" if ranks_per_node > 1 else "ring"),
    )


def observe_scales(runs: Sequence[SteppedRun]) -> list[Observed]:
    """Return the scales that were measured, smallest first: medians over the repeats of each."""
    repeats: dict[int, list[SteppedRun]] = {}
    for run in runs:
        repeats.setdefault(run.ranks, []).append(run)
    return [
        Observed(ranks, median(run.step_s for run in found), median(run.communication_s for run in found))
        for ranks, found in sorted(repeats.items())
    ]


def measure_workload(runs: Sequence[SteppedRun], parameters: float, cores: int | None, threads: int) -> Workload:
    """Return the workload: own times at the smallest scale, where ranks disturb each other least, and the spread
    between ranks at all scales.

    ``parameters`` are those whose gradients are averaged, ``cores`` those that all ranks share, None if they share
    none, ``threads`` those of a rank.
    """
    least = min(run.ranks for run in runs)
    base = [run.distribution for run in runs if run.ranks == least]
    speeds = np.concatenate([run.own_s / np.median(run.own_s) for run in runs])
    return Workload(
        own_s=median(item["own_median_s"] for item in base),
        steps=np.median([item["own"] for item in base], axis=0).tolist(),
        ranks=np.quantile(speeds, np.linspace(0, 1, QUANTILES)).tolist(),
        gradient_bytes=GRADIENT_BYTES * parameters,
        cores=cores,
        threads=threads,
    )


def project_series(
    workload: Workload, network: Network, observed: Sequence[Observed], ranks: Sequence[int], network_stated: bool
) -> SeriesProjection:
    """Project weak scaling to the rank counts that were not ``observed`` (smallest scale first).

    Unless the network is stated, points beyond FARTHEST times the largest observed scale are assumed.
    """
    measured = [item.ranks for item in observed]
    wanted = [count for count in ranks if count not in measured]
    fitted = calibrate_communication(workload, network, observed)
    bands = project_band(workload, network, wanted, observed, not network_stated)
    points = [
        Point(
            item,
            network.nodes(item.ranks),
            (min(low, item.efficiency), max(high, item.efficiency)),
            not network_stated and item.ranks > FARTHEST * measured[-1],
        )
        for item, (low, high) in zip(project_scales(fitted, network, wanted, observed[0]), bands, strict=True)
    ]
    return SeriesProjection(fitted, list(observed), points, check_projection(workload, network, observed))


def check_projection(workload: Workload, network: Network, observed: Sequence[Observed]) -> list[Check]:
    """Return, with three scales or more, the prediction of each larger scale from the two smallest, beside its
    measurement.
    """
    known, others = observed[:CHECKED_FROM], observed[CHECKED_FROM:]
    if not others:
        return []
    fitted = calibrate_communication(workload, network, known)
    predicted = project_scales(fitted, network, [item.ranks for item in others], observed[0])
    fitted_on = [item.ranks for item in known]
    return [
        Check(item.ranks, fitted_on, observed[0].step_s / item.step_s, guess.efficiency)
        for item, guess in zip(others, predicted, strict=True)
    ]
