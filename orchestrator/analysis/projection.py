"""How a measured training would scale beyond the machine at hand: a simulator of the data-parallel step.

A step lasts until the slowest rank has its gradients, and then for that part of the averaging that no computation
hides:

    step(N) = max over ranks of own time + max(last message, allreduce(N) − overlap · own time)

- own times are drawn from what was measured: a rank's own speed from the spread between ranks, each of its steps from
  the spread between steps. Nothing slower than was seen is ever drawn.
- allreduce of n bytes over p ranks by latency α and bandwidth β (of one rank's share of the network):
  ring, 2 (p − 1) α + 2 (p − 1)/p · n/β (Patarasuk and Yuan 2009); tree, 2 ⌈log₂ p⌉ α + 2 n/β (Sanders, Speck and Träff
  2009); hierarchical, a ring within each node and the p ÷ g nodes' rings or trees beside each other.
- ``calibrate_communication`` fits the cost of communication to the wait, beyond stragglers, at measured scales.

Its errors on scales that were measured and on published ones are what tests/benchmarks/projection_errors.py prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEPS = 200
"""Steps simulated at each scale."""
DRAWS_AT_ONCE = 2_000_000
ALGORITHMS = ("ring", "tree", "hierarchical")
BACKWARD_SHARE = 2 / 3
"""Part of a step's computation that the backward pass takes: it costs about twice the forward pass."""
MESSAGE_BYTES = 4 * 2**20
LEAST_COST, MOST_COST = 1e-3, 1e3


@dataclass(frozen=True)
class Network:
    """The network of the ranks: latency s and bandwidth bytes/s between nodes (of a node) and within a node (of a
    rank).
    """

    latency_s: float
    bandwidth: float
    ranks_per_node: int = 1
    inner_latency_s: float = 2e-6
    inner_bandwidth: float = 10e9
    algorithm: str = "ring"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"the algorithm {self.algorithm!r} is none of {', '.join(ALGORITHMS)}")
        if not (self.latency_s >= 0 and self.bandwidth > 0 and self.inner_bandwidth > 0 and self.ranks_per_node >= 1):
            raise ValueError(f"latency and bandwidth of a network are positive, not {self}")

    def nodes(self, ranks: int) -> int:
        """Return the number of nodes that so many ranks fill."""
        return -(-ranks // self.ranks_per_node)


@dataclass(frozen=True)
class Workload:
    """One rank's step.

    ``own_s`` is its median own time, s. ``steps`` are quantiles of steps ÷ their rank's median, ``ranks`` quantiles of
    ranks' medians ÷ their median; both are evenly spaced in probability. ``overlap`` is the part of the own time that
    can hide communication. ``cost`` multiplies the network's allreduce; 1 is the textbook's. ``cores`` is the number of
    cores that all ranks share, None if they do not share; each rank has ``threads`` of them.
    """

    own_s: float
    steps: Sequence[float]
    ranks: Sequence[float]
    gradient_bytes: float
    overlap: float = BACKWARD_SHARE
    cost: float = 1.0
    message_bytes: float = MESSAGE_BYTES
    cores: int | None = None
    threads: int = 1

    def crowding(self, ranks: int) -> float:
        """Return the factor by which own times grow if ``ranks`` share too few cores."""
        return max(1.0, ranks * self.threads / self.cores) if self.cores else 1.0


@dataclass(frozen=True)
class Observed:
    """A measured scale: its mean step, s, and its mean wait for gradients beyond stragglers, s a step."""

    ranks: int
    step_s: float
    communication_s: float


@dataclass(frozen=True)
class Projected:
    """A projected scale: mean step and its parts, s, the simulation's standard error, and weak efficiency by
    the base.
    """

    ranks: int
    step_s: float
    error_s: float
    own_s: float
    straggling_s: float
    communication_s: float
    efficiency: float


def allreduce_s(size: float, ranks: int, network: Network, messages: int = 1) -> float:
    """Return the seconds in which ``ranks`` average ``size`` bytes, sent as ``messages`` messages one after
    the other.
    """
    if ranks == 1:
        return 0.0
    inner = min(ranks, network.ranks_per_node)
    nodes = network.nodes(ranks)
    if network.algorithm == "hierarchical" and inner > 1:
        within = 2 * (inner - 1) * messages * network.inner_latency_s
        within += 2 * (inner - 1) / inner * size / network.inner_bandwidth
        # Between nodes whichever is faster, as communication libraries choose.
        outer = min(level_s(size, nodes, network, messages, name) for name in ("ring", "tree"))
        return within + (outer if nodes > 1 else 0.0)
    if nodes == 1:
        alike = replace(network, latency_s=network.inner_latency_s, bandwidth=network.inner_bandwidth)
        return level_s(size, ranks, alike, messages, network.algorithm)
    return level_s(size, ranks, network, messages, network.algorithm)


def level_s(size: float, parties: int, network: Network, messages: int, algorithm: str) -> float:
    """Return the seconds of one level of an allreduce among ``parties``: a tree, or a ring, which is also the
    hierarchy's.
    """
    if algorithm == "tree" and parties > 1:
        return 2 * float(np.ceil(np.log2(parties))) * messages * network.latency_s + 2 * size / network.bandwidth
    if parties == 1:
        return 0.0
    return 2 * (parties - 1) * messages * network.latency_s + 2 * (parties - 1) / parties * size / network.bandwidth


def exposed_s(own: Floats, ranks: int, workload: Workload, network: Network) -> Floats:
    """Return the communication that no computation hides, s, given each step's own time. It is at least the last
    message's.
    """
    messages = max(1, int(np.ceil(workload.gradient_bytes / workload.message_bytes)))
    whole = workload.cost * allreduce_s(workload.gradient_bytes, ranks, network, messages)
    last = whole / messages
    return np.maximum(last, whole - workload.overlap * own)


def draw_values(quantiles: Sequence[float], random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw values of a distribution given by evenly spaced quantiles."""
    return np.interp(random.random(shape), np.linspace(0, 1, len(quantiles)), np.asarray(quantiles, np.float64))


def simulate_steps(workload: Workload, network: Network, ranks: int, seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Return the longest own time, mean own time and exposed communication of each simulated step, (STEPS,) s each."""
    random = np.random.default_rng(seed)
    scale = workload.own_s * workload.crowding(ranks)
    longest, mean = np.empty(STEPS), np.empty(STEPS)
    at_once = max(1, DRAWS_AT_ONCE // ranks)
    for start in range(0, STEPS, at_once):
        count = min(at_once, STEPS - start)
        # Other ranks in every step: what is expected of a machine, not of one draw of its devices.
        own = (
            scale
            * draw_values(workload.ranks, random, (count, ranks))
            * draw_values(workload.steps, random, (count, ranks))
        )
        longest[start : start + count], mean[start : start + count] = own.max(axis=1), own.mean(axis=1)
    # Gradients of the slowest rank are the last to be averaged: what it can hide is what can be hidden.
    return longest, mean, exposed_s(longest, ranks, workload, network)


def mean_step(workload: Workload, network: Network, ranks: int) -> tuple[float, float, float, float, float]:
    """Return the mean step, its standard error, and the mean own, straggling and communication parts, s."""
    longest, mean, exposed = simulate_steps(workload, network, ranks)
    steps = longest + exposed
    error = float(steps.std(ddof=1) / np.sqrt(len(steps)))
    return float(steps.mean()), error, float(mean.mean()), float((longest - mean).mean()), float(exposed.mean())


def calibrate_communication(workload: Workload, network: Network, observed: Sequence[Observed]) -> Workload:
    """Return the workload with the communication cost that best explains the wait of the measured ranks.

    The sum of the wait over the scales grows with the cost, so it is found by bisection. Without a scale of several
    ranks the workload stays as it is.
    """
    several = [item for item in observed if item.ranks > 1]
    if not several or workload.gradient_bytes <= 0:
        return workload
    waited = sum(item.communication_s for item in several)

    def predicted(cost: float) -> float:
        tried = replace(workload, cost=cost)
        return sum(mean_step(tried, network, item.ranks)[4] for item in several)

    low, high = np.log(LEAST_COST), np.log(MOST_COST)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if predicted(float(np.exp(middle))) < waited else (low, middle)
    return replace(workload, cost=float(np.exp((low + high) / 2)))


def project_scales(workload: Workload, network: Network, ranks: Sequence[int], base: Observed) -> list[Projected]:
    """Project weak scaling to the given rank counts. Samples per rank and step are constant, so the efficiency is
    step(base) ÷ step(N).

    The base's step is simulated too. Its difference from the measured one covers overheads that the model leaves out,
    and is added to every projected step.
    """
    unexplained = base.step_s - mean_step(workload, network, base.ranks)[0]
    result = []
    for count in ranks:
        step, error, own, straggling, communication = mean_step(workload, network, count)
        step += unexplained * workload.crowding(count) / workload.crowding(base.ranks)
        result.append(Projected(count, step, error, own, straggling, communication, base.step_s / step))
    return result
