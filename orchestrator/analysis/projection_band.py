"""How far a projection may be off: the efficiencies of all machines that would have measured the same.

Few scales do not tell latency from bandwidth, nor how much of the communication is hidden: where it is hidden at every
measured scale, nothing is known of it but that it is short. So the simulator runs with several overlaps and latencies,
with communication as short and as long as the measured waits allow, and with rare long steps spread out or rare. What
explains the measured scales makes the band; tests/benchmarks/projection_band.py measures how often it holds the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from orchestrator.analysis.projection import (
    LEAST_COST,
    MOST_COST,
    Floats,
    Network,
    Observed,
    Workload,
    exposed_s,
    simulate_steps,
)

OVERLAPS = (0.0, 1 / 3, 2 / 3)
"""Parts of the own time that may hide communication: none, to all of the backward pass."""
ASSUMED_FACTORS, STATED_FACTORS = (0.1, 1.0, 10.0), (0.5, 1.0, 2.0)
"""Of the latency, where the network is assumed and where a profile states it."""
WAIT_ERROR, OWN_ERROR = 0.1, 0.005
"""Uncertainty of a measured wait: relative to it, and to the own time."""
MISFIT = 2.0
"""Uncertainties by which a scale's predicted wait may differ from the measured one."""
RARE = 4
"""Power by which the longest steps are made rarer than a straight line between quantiles has them."""
FINER = 16
FARTHEST = 8
"""Times the largest measured scale beyond which a projection with an assumed network is a guess."""


@dataclass(frozen=True)
class Simulated:
    """Own times of a workload at each rank count, drawn once: they do not depend on the network."""

    workload: Workload

    @cached_property
    def drawn(self) -> dict[int, tuple[Floats, float]]:
        """The longest own times, s, and their mean, by rank count, as far as they were needed."""
        return {}

    def longest(self, ranks: int) -> tuple[Floats, float]:
        """Return the longest own time of each step, s, and the mean of them."""
        if ranks not in self.drawn:
            without = replace(self.workload, gradient_bytes=0.0)
            found = simulate_steps(without, Network(0.0, 1.0), ranks)[0]
            self.drawn[ranks] = found, float(found.mean())
        return self.drawn[ranks]

    def wait(self, workload: Workload, network: Network, ranks: int) -> float:
        """Return the mean communication that is not hidden, s a step."""
        return float(exposed_s(self.longest(ranks)[0], ranks, workload, network).mean()) if ranks > 1 else 0.0


def project_band(
    workload: Workload, network: Network, ranks: Sequence[int], observed: Sequence[Observed], assumed: bool
) -> list[tuple[float, float]]:
    """Return the least and the greatest plausible weak efficiency at each rank count; ``observed[0]`` is the base."""
    base = observed[0]
    found: list[list[float]] = [[] for _ in ranks]
    for simulated, variant, other in plausible_machines(workload, network, observed, assumed):
        unexplained = base.step_s - simulated.longest(base.ranks)[1] - simulated.wait(variant, other, base.ranks)
        for place, count in enumerate(ranks):
            step = simulated.longest(count)[1] + simulated.wait(variant, other, count)
            step += unexplained * workload.crowding(count) / workload.crowding(base.ranks)
            found[place].append(base.step_s / step)
    return [(min(values), max(values)) for values in found]


def plausible_machines(
    workload: Workload, network: Network, observed: Sequence[Observed], assumed: bool
) -> Iterator[tuple[Simulated, Workload, Network]]:
    """Yield the machines that would have measured what was measured; if there is none, those that come closest."""
    several = [item for item in observed if item.ranks > 1]
    tried: list[tuple[float, tuple[Simulated, Workload, Network]]] = []
    for steps in (workload.steps, rarer(workload.steps)):
        simulated = Simulated(replace(workload, steps=steps))
        for overlap in sorted({*OVERLAPS, workload.overlap}):
            for factor in ASSUMED_FACTORS if assumed else STATED_FACTORS:
                other = replace(network, latency_s=network.latency_s * factor)
                variant = replace(workload, overlap=overlap)
                for sign in (-1, 1) if several and workload.gradient_bytes > 0 else (0,):
                    fitted = fit_cost(simulated, variant, other, several, sign) if sign else variant
                    tried.append((misfit(simulated, fitted, other, several), (simulated, fitted, other)))
    least = min(error for error, _ in tried)
    yield from (machine for error, machine in tried if error <= max(MISFIT, least))


def rarer(steps: Sequence[float]) -> list[float]:
    """Return quantiles with the longest steps as rare as the quantiles allow, evenly spaced as they are."""
    if len(steps) < 3:
        return list(steps)
    grid = np.linspace(0, 1, FINER * (len(steps) - 1) + 1)
    values = np.interp(grid, np.linspace(0, 1, len(steps)), steps)
    rise = np.linspace(0, 1, FINER + 1) ** RARE
    values[-FINER - 1 :] = steps[-2] + (steps[-1] - steps[-2]) * rise
    return [float(value) for value in values]


def uncertainty(item: Observed, workload: Workload) -> float:
    """Return by how much the measured wait of a scale may be off, s."""
    return WAIT_ERROR * item.communication_s + OWN_ERROR * workload.own_s


def fit_cost(
    simulated: Simulated, workload: Workload, network: Network, observed: Sequence[Observed], sign: int
) -> Workload:
    """Return the workload with the cost of communication that explains waits longer (``sign`` 1) or shorter (−1) than
    measured by their uncertainty, all scales together, by bisection.
    """
    waited = sum(item.communication_s + sign * uncertainty(item, workload) for item in observed)
    low, high = np.log(LEAST_COST), np.log(MOST_COST)
    for _ in range(30):
        middle = (low + high) / 2
        tried = replace(workload, cost=float(np.exp(middle)))
        predicted = sum(simulated.wait(tried, network, item.ranks) for item in observed)
        low, high = (middle, high) if predicted < waited else (low, middle)
    return replace(workload, cost=float(np.exp((low + high) / 2)))


def misfit(simulated: Simulated, workload: Workload, network: Network, observed: Sequence[Observed]) -> float:
    """Return the largest difference of a predicted from a measured wait, in its uncertainty."""
    return max(
        (
            abs(simulated.wait(workload, network, item.ranks) - item.communication_s) / uncertainty(item, workload)
            for item in observed
        ),
        default=0.0,
    )
