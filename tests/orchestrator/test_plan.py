"""Planning is pure: the same configuration gives the same runs."""

from pathlib import Path

import pytest

from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from orchestrator.plan import Campaign, Site, cores_of_this_machine, plan, same_seeds, undivided_batches
from orchestrator.records import global_batch

SITE = Site(cores=8, folder=Path("/somewhere"))


def planned(*overrides: str) -> Campaign:
    return plan(compose_all(["benchmark=stemdl", *overrides], multirun=False), "20260101-000000", SITE)


def swept(*overrides: str) -> Campaign:
    return plan(compose_all(list(overrides), multirun=True), "20260101-000000", SITE)


def test_the_same_configuration_gives_the_same_names_and_hashes() -> None:
    first, second = planned("nodes=[1,2]", "repeats=2"), planned("nodes=[1,2]", "repeats=2")
    assert first == second


def test_where_results_go_does_not_change_what_is_measured() -> None:
    here, there = planned("results=here"), planned("results=there")
    assert here.runs[0].config_hash == there.runs[0].config_hash
    assert here.runs[0].config_hash != planned("seed=2").runs[0].config_hash


def test_node_counts_times_repeats_become_runs_with_their_own_seeds() -> None:
    runs = planned("nodes=[1,4]", "repeats=3", "seed=10", "scale.shuffle=false").runs
    assert [(run.spec.nodes, run.spec.repeat, run.spec.seed) for run in runs] == [
        (1, 0, 10), (1, 1, 11), (1, 2, 12), (4, 0, 10), (4, 1, 11), (4, 2, 12),
    ]  # fmt: skip


def test_the_order_of_runs_is_drawn_from_the_seed_one_repeat_after_the_other() -> None:
    order = [(run.spec.repeat, run.spec.nodes) for run in planned("nodes=[1,2,4,8]", "repeats=5").runs]
    assert [repeat for repeat, _ in order] == sorted(repeat for repeat, _ in order)
    blocks = [[nodes for repeat, nodes in order if repeat == number] for number in range(5)]
    assert all(sorted(block) == [1, 2, 4, 8] for block in blocks)
    assert len({tuple(block) for block in blocks}) > 1
    other = planned("nodes=[1,2,4,8]", "repeats=5", "seed=2").runs
    assert [(run.spec.repeat, run.spec.nodes) for run in other] != order


def test_a_global_batch_that_does_not_divide_is_said_with_what_it_costs() -> None:
    words = ("scale=strong", "repeats=1", "benchmark.training.batch_size=16")
    assert undivided_batches(planned(*words, "nodes=[1,2,4]")) == []
    (sentence,) = undivided_batches(planned(*words, "nodes=[1,3]"))
    assert "16 does not divide by the 3 ranks of nodes=3" in sentence and "up to 11 %" in sentence


@pytest.mark.parametrize(("nodes", "threads"), [(1, 8), (2, 4), (3, 2), (8, 1), (16, 1)])
def test_the_cores_of_this_machine_are_divided_among_all_ranks(nodes: int, threads: int) -> None:
    assert planned(f"nodes={nodes}").runs[0].spec.threads_per_rank == threads


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        (("nodes=1", "repeats=4", "cluster.limits.max_jobs=2"), 4),
        (("nodes=1", "repeats=1", "cluster.limits.max_jobs=2"), 8),
        (("nodes=[1,2]", "repeats=1", "cluster.limits.max_jobs=2"), 2),
        (("nodes=1", "repeats=4", "cluster.limits.max_jobs=3", "cluster.cores_per_node=12"), 4),
        (("nodes=1", "repeats=4", "cluster.limits.max_jobs=16"), 2),
    ],
)
def test_runs_at_once_share_the_cores_of_this_machine(words: tuple[str, ...], threads: int) -> None:
    assert {run.spec.threads_per_rank for run in planned(*words).runs} == {threads}


def test_runs_at_once_have_nodes_of_their_own_under_a_scheduler() -> None:
    words = ("cluster=cpu", "repeats=4", "cluster.limits.max_jobs=4")
    assert {run.spec.threads_per_rank for run in planned(*words).runs} == {16}


def test_all_scales_of_a_campaign_have_the_same_threads() -> None:
    assert [run.spec.threads_per_rank for run in planned("nodes=[1,4]").runs] == [2, 2]


def test_strong_scaling_keeps_the_global_batch_of_the_smallest_scale() -> None:
    runs = planned("scale=strong", "nodes=[2,4]", "repeats=1", "benchmark.training.batch_size=16").runs
    assert [run.spec.settings["training"]["global_batch_size"] for run in runs] == [32, 32]


def test_strong_scaling_starts_from_the_very_problem_that_the_smallest_scale_is_without_it() -> None:
    words = ("repeats=1", "benchmark.training.batch_size=16", "benchmark.training.accumulate=2")
    (alone,) = planned("nodes=[2]", *words).runs
    scaled = planned("scale=strong", "nodes=[2,4]", *words).runs
    batches = [global_batch(run.spec.settings["training"], run.spec.ranks) for run in (alone, *scaled)]
    assert batches == [64, 64, 64]


@pytest.mark.parametrize("words", [("scale=weak", "nodes=[1,2]"), ("nodes=[1,2]",), ("scale=weak", "nodes=1,2")])
def test_a_global_batch_that_is_fixed_over_scales_is_strong_scaling_by_its_name(words: tuple[str, ...]) -> None:
    fixed = ("benchmark=stemdl", "benchmark.training.global_batch_size=64")
    with pytest.raises(UsageError, match=r"global_batch_size=64 is the same at nodes=1 and nodes=2: that is scale=str"):
        swept(*fixed, *words)
    assert len(swept(*fixed, "scale=weak", "nodes=2", "repeats=1").runs) == 1
    assert {run.spec.ranks for run in swept(*fixed, "scale=strong", "nodes=[1,2]").runs} == {1, 2}


def test_threads_by_the_cores_of_another_machine_are_said() -> None:
    """A login node's cores say nothing of a compute node's."""
    (sentence,) = cores_of_this_machine(planned("cluster=cpu", "cluster.cores_per_node=null"))
    assert sentence.startswith("cluster=cpu states no cores: its ranks get 4 threads each by the cores of this machine")
    for stated in ("cluster=local", "cluster=cpu"):
        assert cores_of_this_machine(planned(stated)) == []
    assert (
        cores_of_this_machine(planned("cluster=cpu", "cluster.cores_per_node=null", "cluster.threads_per_rank=2")) == []
    )


def test_weak_scaling_leaves_the_batch_per_rank() -> None:
    runs = planned("scale=weak", "nodes=[2,4]", "repeats=1").runs
    assert {run.spec.settings["training"]["global_batch_size"] for run in runs} == {None}


@pytest.mark.parametrize("scale", ["scale=strong", "scale=weak"])
def test_node_counts_of_a_sweep_belong_together_as_those_of_a_list_do(scale: str) -> None:
    words = ("benchmark=stemdl", scale, "campaign=c", "repeats=2")
    listed, spelt = planned(*words[1:], "nodes=[1,2]"), swept(*words, "nodes=1,2")
    assert [run.spec for run in spelt.runs] == [run.spec for run in listed.runs]
    assert {run.spec.threads_per_rank for run in spelt.runs} == {4}


def test_node_counts_belong_together_within_one_benchmark_whatever_else_is_swept() -> None:
    words = ("scale=strong", "repeats=1", "campaign=c", "seed=1,2")
    runs = swept("benchmark=stemdl,slstr_cloud", "nodes=1,2,4", *words).runs
    facts = {
        (run.spec.benchmark, run.spec.settings["training"]["global_batch_size"], run.spec.threads_per_rank)
        for run in runs
    }
    assert facts == {("stemdl", 32, 2), ("slstr_cloud", 8, 2)}
    assert len({run.spec.run for run in runs}) == len(runs) == 12
    listed = swept("benchmark=stemdl,slstr_cloud", "nodes=[1,2,4]", *words).runs
    assert {run.spec.run: run.spec for run in runs} == {run.spec.run: run.spec for run in listed}


def test_a_sweep_over_seeds_is_repeats_of_one_run() -> None:
    runs = swept("benchmark=stemdl", "seed=1,2,3", "scale.shuffle=false").runs
    assert [(run.spec.run, run.spec.repeat, run.spec.seed) for run in runs] == [
        (f"stemdl-small-horovod-n1-r{number}", number, number + 1) for number in range(3)
    ]


def test_a_seed_that_comes_twice_is_said() -> None:
    campaign = swept("benchmark=stemdl", "seed=1,2", "repeats=2", "scale.shuffle=false")
    assert [run.spec.repeat for run in campaign.runs] == [0, 1, 2, 3]
    (sentence,) = same_seeds(campaign)
    assert "r2 has the seed of stemdl-small-horovod-n1-r1 (2)" in sentence


@pytest.mark.parametrize("key", ["results=a,b", "cluster.scheduler=local,slurm", "campaign=a,b"])
def test_what_a_campaign_has_once_is_not_swept_over(key: str) -> None:
    with pytest.raises(UsageError, match=f"{key.partition('=')[0]}=.*a campaign has one"):
        swept("benchmark=stemdl", key)


def test_runs_of_a_sweep_that_differ_in_nothing_a_name_shows_are_numbered() -> None:
    sizes = "benchmark.training.batch_size=8,16"
    names = [run.spec.run for run in swept("benchmark=stemdl", sizes, "repeats=2", "scale.shuffle=false").runs]
    stem = "stemdl-small-horovod-n1"
    assert names == [f"{stem}-r0-0", f"{stem}-r1-0", f"{stem}-r0-1", f"{stem}-r1-1"]
