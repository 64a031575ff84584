"""Sampling: every sample once an epoch, the same global batches whatever the number of ranks."""

import numpy as np
import pytest

from workloads.runtime.samples.sampler import Sampler, micro_batches, share


def test_an_epoch_visits_every_sample_once_and_the_last_batch_may_be_smaller() -> None:
    sampler = Sampler(samples=103, global_batch=16, seed=1)
    order = sampler.permutation(0)
    batches = [sampler.batch(order, step) for step in range(sampler.steps)]
    assert [len(batch) for batch in batches] == [16] * 6 + [7]
    assert sorted(np.concatenate(batches)) == list(range(103))


def test_epochs_and_seeds_differ_and_repeat_themselves() -> None:
    first = Sampler(50, 8, seed=1)
    assert (first.permutation(0) == Sampler(50, 8, seed=1).permutation(0)).all()
    assert (first.permutation(0) != first.permutation(1)).any()
    assert (first.permutation(0) != Sampler(50, 8, seed=2).permutation(0)).any()


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_ranks_share_a_global_batch_without_overlap(ranks: int, accumulate: int) -> None:
    batch = Sampler(100, 14, seed=3).batch(np.arange(100), 0)
    parts = [micro_batches(batch, rank, ranks, accumulate) for rank in range(ranks)]
    seen = [part.indices for mine in parts for part in mine if part.samples]
    assert sorted(np.concatenate(seen)) == list(range(14))


@pytest.mark.parametrize(("batch", "ranks"), [(14, 4), (3, 4), (1, 2)])
def test_weights_make_the_mean_over_ranks_the_mean_over_samples(batch: int, ranks: int) -> None:
    values = np.arange(batch, dtype=float) ** 2
    total = 0.0
    for rank in range(ranks):
        for part in micro_batches(np.arange(batch), rank, ranks, 1):
            total += part.weight * float(values[part.indices].mean()) / ranks
    assert total == pytest.approx(values.mean())


def test_shares_differ_by_at_most_one() -> None:
    sizes = [len(share(np.arange(11), part, 4)) for part in range(4)]
    assert sum(sizes) == 11
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_count_by_the_items_of_their_samples(ranks: int) -> None:
    items = np.array([5, 0, 1, 4, 2, 8, 3])
    losses = np.array([0.5, 0.0, 2.0, 1.0, 4.0, 0.25, 3.0])  # each sample's mean over its items
    mean = 0.0
    for rank in range(ranks):
        (part,) = micro_batches(np.arange(7), rank, ranks, 1, items)
        own = items[part.indices] * (part.samples > 0)
        assert (part.items, part.items_of_all) == (own.sum(), 23)
        mean += part.weight * float((own * losses[part.indices]).sum() / max(1, own.sum())) / ranks
    assert mean == pytest.approx((items * losses).sum() / 23)


def test_fresh_sets_are_asked_for_every_number_once_whatever_the_number_of_ranks() -> None:
    sampler = Sampler(10, 4, seed=1, fresh=True)
    asked = [sampler.permutation(epoch) for epoch in range(3)]
    assert sorted(np.concatenate(asked)) == list(range(30))
    assert sorted(asked[1]) == list(range(10, 20))
    assert (asked[1] % 10 == Sampler(10, 4, seed=1).permutation(1)).all()


@pytest.mark.parametrize(("first", "stop", "samples"), [(0, 3, 17), (0, 2, 14), (2, 3, 3), (1, 1, 0), (0, 1, 7)])
def test_some_steps_of_an_epoch_have_the_samples_of_their_batches(first: int, stop: int, samples: int) -> None:
    sampler = Sampler(17, 7, seed=1)
    assert sampler.samples_of(first, stop) == samples
    permutation = sampler.permutation(0)
    assert sum(len(sampler.batch(permutation, step)) for step in range(first, stop)) == samples
