"""The parts of each rank's wall time: work, and the causes that kept it from working."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Split:
    """Mean over ranks of the seconds of each part; the parts sum to ``total``.

    compute: forward, backward and optimiser. data: waiting for the next batch. straggling: waiting for ranks that were
    slower with their own data and compute. communication: the rest of a step's waiting. evaluation: measuring quality.
    other: the remaining time (checkpoints, first-step compilation between the steps, clock reads).
    """

    compute: float
    data: float
    straggling: float
    communication: float
    evaluation: float
    other: float

    @property
    def total(self) -> float:
        """The sum of all parts."""
        return float(sum(asdict(self).values()))

    def shares(self) -> dict[str, float]:
        """Return each part ÷ total; zeros if nothing was measured."""
        total = self.total
        return {name: value / total if total > 0 else 0.0 for name, value in asdict(self).items()}

    @property
    def communication_share(self) -> float:
        """The part of the steps' time that went into communication alone; 0 if no time passed in steps."""
        steps = self.compute + self.data + self.straggling + self.communication
        return self.communication / steps if steps > 0 else 0.0


def step_shares(seconds: Mapping[str, Floats]) -> dict[str, float]:
    """Return what share of the ranks' time in steps each part took: its sum over the ranks ÷ that of ``total``.

    ``seconds`` are sums over the steps by part, (R,) each, among them ``total``. Empty if no time passed.
    """
    sums = {part: float(np.sum(values, dtype=np.float64)) for part, values in seconds.items()}
    whole = sums.pop("total")
    return {part: value / whole for part, value in sums.items()} if whole > 0 else {}


def straggling_seconds(data: Floats, compute: Floats, waiting: Floats) -> Floats:
    """Return the seconds of each step that a rank waited for slower ranks, from (R, S) or (R,) arrays; same shape.

    A collective ends for nobody before the last rank has joined it. A rank's wait for others is therefore the last
    rank's own time less its own, and at most its measured wait.
    """
    own = np.asarray(data, np.float64) + np.asarray(compute, np.float64)
    return np.asarray(np.clip(np.max(own, axis=0, keepdims=True) - own, 0.0, waiting))


def split_time(
    total: Floats,
    data: Floats,
    compute: Floats,
    waiting: Floats,
    evaluation_s: float = 0.0,
    other_s: float = 0.0,
    critical_s: float | None = None,
) -> Split:
    """Split the time of a run from telemetry's (R, S) step times, s, or from sums by rank, (R,).

    Sums alone show only stragglers that are slow throughout: ranks that are slow in turns look like communication.
    ``critical_s``, the sum over the steps of the longest own time of any rank, shows those too. ``evaluation_s`` and
    ``other_s`` are spent outside the steps. Raises ValueError without ranks.
    """
    if np.size(total) == 0:
        raise ValueError("a split of time needs at least one rank and one step")
    ranks = np.shape(total)[0]
    waited = float(np.sum(straggling_seconds(data, compute, waiting), dtype=np.float64)) / ranks

    def mean(values: Floats) -> float:
        return float(np.sum(values, dtype=np.float64) / ranks)

    if critical_s is not None:
        waited = min(max(0.0, critical_s - mean(data) - mean(compute)), mean(waiting))
    unmeasured = max(0.0, mean(total) - mean(data) - mean(compute) - mean(waiting))
    return Split(
        compute=mean(compute),
        data=mean(data),
        straggling=waited,
        communication=max(0.0, mean(waiting) - waited),
        evaluation=evaluation_s,
        other=unmeasured + other_s,
    )


def samples_per_rank(throughput: Floats, total: Floats) -> float:
    """Return how many samples a rank trained, mean over the ranks, from their (R,) throughputs and seconds of steps."""
    return float(np.mean(np.asarray(throughput, np.float64) * total))


def median_phases(repeats: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median seconds of each phase over the repeats; a repeat without the phase counts as 0 s."""
    names = dict.fromkeys(name for phases in repeats for name in phases)
    return {name: median(float(phases.get(name, 0.0)) for phases in repeats) for name in names}


def mean_split(splits: Sequence[Split]) -> Split:
    """Return the mean of each part. Raises ValueError without splits."""
    if not splits:
        raise ValueError("a mean needs at least one split")
    parts = [asdict(item) for item in splits]
    return Split(**{name: sum(part[name] for part in parts) / len(parts) for name in parts[0]})


def lost_by_part(base: Split, scaled: Split, samples: Mapping[str, float]) -> dict[str, float]:
    """Return by part how much more time a sample costs a rank at scale than at the base, ÷ the base's step time per
    sample.

    ``samples`` holds the samples per rank of either side, with keys "base" and "scaled". Evaluation is left out, as it
    is from throughput, so the parts sum to 1 ÷ efficiency − 1.
    """
    parts = [name for name in asdict(base) if name != "evaluation"]
    before = {name: getattr(base, name) / samples["base"] for name in parts}
    after = {name: getattr(scaled, name) / samples["scaled"] for name in parts}
    whole = sum(before.values())
    return {name: (after[name] - before[name]) / whole for name in parts}
