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

    @property
    def steps(self) -> int:
        """Steps of one epoch."""
        return -(-self.samples // self.global_batch)

    def permutation(self, epoch: int) -> Indices:
        """Order of all samples in that epoch, (samples,)."""
        return np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(self.samples)

    def batch(self, permutation: Indices, step: int) -> Indices:
        """The global batch of a step, (at most global_batch,)."""
        return permutation[step * self.global_batch : (step + 1) * self.global_batch]


def share(indices: Indices, part: int, parts: int) -> Indices:
    """The ``part``-th of ``parts`` contiguous pieces whose sizes differ by at most one."""
    count = len(indices)
    return indices[count * part // parts : count * (part + 1) // parts]


@dataclass(frozen=True)
class MicroBatch:
    """What one rank computes a gradient on, and how much that gradient counts.

    ``weight`` makes the mean over ranks of the weighted gradients equal to the gradient of the mean loss over the
    whole global batch: n_local · R ÷ n_global. A rank without samples computes on a stranger's sample with weight 0,
    since all ranks must take part.
    """

    indices: Indices
    samples: int
    weight: float


def micro_batches(batch: Indices, rank: int, ranks: int, accumulate: int) -> list[MicroBatch]:
    """The ``accumulate`` micro-batches of one rank for one global batch."""
    mine = share(batch, rank, ranks)
    parts = []
    for part in range(accumulate):
        indices = share(mine, part, accumulate)
        weight = len(indices) * ranks / len(batch)
        parts.append(MicroBatch(indices if len(indices) else batch[:1], len(indices), weight))
    return parts
