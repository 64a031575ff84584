"""Throughput and efficiency against numbers worked out by hand and published ones."""

import numpy as np
import pytest

from orchestrator.analysis.losses import Split, median_phases, samples_per_rank, step_shares
from orchestrator.analysis.scaling import efficiencies
from orchestrator.telemetry.steps import BlockSums, add_up_blocks
from orchestrator.telemetry.throughput import Throughput, throughput_of


def throughput(total: np.ndarray, samples: np.ndarray, epoch: np.ndarray) -> Throughput:
    """From (R, S) arrays, in blocks of one rank."""
    zeros = np.zeros_like(total)
    whole = {"total": total, "data": zeros, "compute": total, "waiting": zeros, "samples": samples}
    rows = [{name: values[rank : rank + 1] for name, values in whole.items()} for rank in range(len(total))]
    return throughput_of(add_up_blocks(epoch, (BlockSums.of(row, epoch) for row in rows)))


def test_throughput_is_all_samples_over_the_time_of_the_slowest_rank() -> None:
    total = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 1.0]], np.float32)
    samples = np.array([[8, 8, 4], [8, 8, 4]])
    measured = throughput(total, samples, np.zeros(3, int))
    assert measured.run == pytest.approx(40 / 4)
    assert measured.per_rank == pytest.approx([20 / 3, 20 / 4])


def test_the_first_epoch_is_apart_from_later_ones() -> None:
    total = np.array([[4.0, 1.0, 1.0]], np.float32)
    samples = np.array([[8, 8, 8]])
    measured = throughput(total, samples, np.array([3, 4, 4]))
    assert measured.cold == pytest.approx(2.0)
    assert measured.warm == pytest.approx(8.0)


def test_a_single_epoch_has_no_warm_throughput() -> None:
    measured = throughput(np.ones((1, 2)), np.ones((1, 2), int), np.zeros(2, int))
    assert measured.warm is None


def test_efficiencies_reproduce_the_published_cloudmask_table() -> None:
    # PEARL, second epoch, images/s on 1, 2, 4, 8, 16 ranks (E2E case 2): 100, 63, 60, 57, 52 %.
    rates = {1: [159.8], 2: [202.2], 4: [385.3], 8: [729.2], 16: [1320.5]}
    assert [round(100 * item.efficiency) for item in efficiencies(rates)] == [100, 63, 60, 57, 52]


def test_the_base_is_the_smallest_scale_that_was_run() -> None:
    items = efficiencies({4: [100.0], 8: [180.0]})
    assert {item.base_nodes for item in items} == {4}
    assert items[1].efficiency == pytest.approx(0.9)


def test_an_interval_needs_repeats_at_both_scales() -> None:
    assert efficiencies({1: [10.0], 2: [19.0, 19.1]})[1].interval is None
    item = efficiencies({1: [10.0, 10.1, 9.9], 2: [19.0, 19.2, 18.9]})[1]
    assert item.interval is not None
    assert item.interval[0] <= item.efficiency <= item.interval[1]


def test_a_part_of_the_step_time_is_shared_out_over_all_ranks_together() -> None:
    seconds = {"total": np.array([10.0, 30.0]), "data": np.array([4.0, 0.0]), "compute": np.array([6.0, 24.0])}
    assert step_shares(seconds) == {"data": 0.1, "compute": 0.75}
    assert step_shares({part: np.zeros(2) for part in seconds}) == {}


def test_a_phase_lasts_as_long_as_in_the_median_repeat_and_no_time_where_a_repeat_has_none() -> None:
    repeats = [{"import": 1.0, "train": 5.0}, {"train": 7.0}, {"import": 3.0, "train": 6.0, "compile": 9.0}]
    assert median_phases(repeats) == {"import": 1.0, "train": 6.0, "compile": 0.0}


def test_a_rank_trained_as_many_samples_as_its_rate_gives_in_its_time() -> None:
    assert samples_per_rank(np.array([10.0, 20.0]), np.array([3.0, 1.0])) == 25.0


def test_only_time_in_steps_counts_for_the_share_of_communication() -> None:
    parts = {"compute": 5.0, "data": 1.0, "straggling": 2.0, "evaluation": 50.0, "other": 9.0}
    assert Split(communication=2.0, **parts).communication_share == 0.2
    assert Split(0.0, 0.0, 0.0, 0.0, 5.0, 1.0).communication_share == 0.0
