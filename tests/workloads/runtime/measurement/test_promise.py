"""The machine that was promised beside the one that computes: one sentence where they differ."""

from __future__ import annotations

from typing import Any

import pytest
from commands import Command

from orchestrator.doctor.findings import packages_of
from orchestrator.records.choices import PACKAGES
from workloads.runtime.measurement.promise import Found, PromiseError, compare_machine

H100 = "NVIDIA H100 80GB HBM3 "


def profile(accelerators: int = 0, model: str = "", **further: Any) -> Any:
    facts: dict[str, Any] = {"name": "mine", "scheduler": "slurm", "cores_per_node": None}
    return facts | {"accelerators_per_node": accelerators, "accelerator": {"model": model}} | further


def ranks(*devices: str, host: str = "n1", cores: int = 64) -> list[Found]:
    return [Found(host, device, cores) for device in devices]


def test_processors_in_an_accelerators_history_are_refused() -> None:
    with pytest.raises(
        PromiseError, match=r"promises 1 accelerators a node \(NVIDIA H100\), and 1 of 1 ranks on n1 find"
    ):
        compare_machine(profile(1, "NVIDIA H100"), 1, ranks("cpu"))


def test_one_rank_without_its_accelerator_is_enough() -> None:
    with pytest.raises(PromiseError, match="1 of 2 ranks on n1 find none"):
        compare_machine(profile(2), 1, ranks(H100 + "a", "cpu"))


def test_ranks_that_share_one_of_several_promised_are_refused() -> None:
    with pytest.raises(PromiseError, match="8 ranks on n1 share 1"):
        compare_machine(profile(8), 1, ranks(*[H100 + "a"] * 8))


def test_ranks_on_one_node_of_two_are_refused_where_a_scheduler_gave_two() -> None:
    with pytest.raises(PromiseError, match="planned for 2 nodes, and all ranks are on n1"):
        compare_machine(profile(), 2, ranks("cpu", "cpu"))
    assert compare_machine(profile(scheduler="local"), 2, ranks("cpu", "cpu")) == []


def test_a_machine_as_promised_is_no_news() -> None:
    found = [*ranks(H100 + "a", H100 + "b"), *ranks(H100 + "c", H100 + "d", host="n2")]
    assert compare_machine(profile(2, "NVIDIA H100 SXM5 80 GB", cores_per_node=64), 2, found) == []
    die = "AMD Instinct MI250X 1"
    assert compare_machine(profile(8, "AMD MI250X, one of the module's two dies"), 1, ranks(die)) == []


def test_another_model_fewer_cores_and_an_accelerator_that_nobody_promised_are_warnings() -> None:
    (model,) = compare_machine(profile(1, "NVIDIA H100"), 1, ranks("NVIDIA A100-SXM4-80GB a"))
    assert "promises NVIDIA H100, n1 has NVIDIA A100-SXM4-80GB a" in model
    (cores,) = compare_machine(profile(cores_per_node=96), 1, ranks("cpu"))
    assert "promises 96 cores a node, n1 has 64" in cores
    (unpromised,) = compare_machine(profile(), 1, ranks(H100 + "a"))
    assert "promises no accelerator" in unpromised


def test_doctor_says_the_same() -> None:
    told: dict[str, Any] = {**dict.fromkeys(PACKAGES, "1.0"), "accelerators": []}
    finding = packages_of(told, "mpi", promised=1)[-1]
    assert (finding.state, finding.detail) == ("error", "the profile promises 1, torch sees 0")
    assert packages_of(told, "mpi")[-1].state == "ok"


@pytest.mark.ranks
def test_a_run_on_processors_under_an_accelerators_profile_ends_with_one_sentence(
    orchestrator: Command, tiny: list[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has what the profile promises")
    answer = orchestrator(*tiny, "cluster=h100x1", "recipe=small", "nodes=1")
    assert answer.code == 1
    assert "cluster=h100x1 promises 1 accelerators a node (NVIDIA H100 SXM5 80 GB), and 1 of 1 ranks" in answer.out
