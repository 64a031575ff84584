"""Which samples a rank trains on, when. Pure: every rank computes every rank's share without a word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sampler:
    """Shuffled global batches over ``samples`` samples, the same for any number of ranks that share them.

    An epoch visits every sample once; its last global batch may be smaller.
    """

    samples: int
    global_batch: int
    seed: int
    fresh: bool = False
    """Whether every epoch has numbers of its own (see ``SampleSet.fresh``)."""

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-self.samples // self.global_batch)

    def permutation(self, epoch: int) -> Indices:
        """Order of all samples in that epoch, (samples,)."""
        order = np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(self.samples)
        return order + epoch * self.samples if self.fresh else order

    def batch(self, permutation: Indices, step: int) -> Indices:
        """The global batch of a step, (at most global_batch,)."""
        return permutation[step * self.global_batch : (step + 1) * self.global_batch]

    def samples_of(self, first: int, stop: int) -> int:
        """How many samples the steps from ``first`` to before ``stop`` of an epoch have."""
        before, after = (min(self.samples, step * self.global_batch) for step in (first, stop))
        return after - before


def share(indices: Indices, part: int, parts: int) -> Indices:
    """The ``part``-th of ``parts`` contiguous pieces whose sizes differ by at most one."""
    count = len(indices)
    return indices[count * part // parts : count * (part + 1) // parts]


@dataclass(frozen=True)
class MicroBatch:
    """What one rank computes a gradient on, and how much that gradient counts.

    ``weight`` makes the mean over ranks of the weighted gradients equal to the gradient of the mean loss over the
    items of the whole global batch: items_local · R ÷ items_global. A rank without samples computes on a stranger's
    sample with weight 0, since all ranks must take part. ``items_of_all`` are those of the whole global batch.
    """

    indices: Indices
    samples: int
    items: int
    items_of_all: int
    weight: float


def micro_batches(
    batch: Indices, rank: int, ranks: int, accumulate: int, items: Indices | None = None
) -> list[MicroBatch]:
    """The ``accumulate`` micro-batches of one rank for one global batch, whose samples hold ``items`` (n,): one each if
    not given.
    """
    held = np.ones(len(batch), np.int64) if items is None else items
    total = int(held.sum())
    mine = share(np.arange(len(batch)), rank, ranks)
    parts = []
    for part in range(accumulate):
        places = share(mine, part, accumulate)
        own = int(held[places].sum())
        indices = batch[places] if len(places) else batch[:1]
        parts.append(MicroBatch(indices, len(places), own, total, own * ranks / max(1, total)))
    return parts
