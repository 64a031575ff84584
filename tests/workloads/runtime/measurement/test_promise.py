"""The machine that was promised beside the one that computes: one comparison, whoever makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Command

from orchestrator.acceptance.findings import Check, Finding
from orchestrator.acceptance.node_checks import judge_promise
from orchestrator.doctor.findings import promises_of
from orchestrator.launch.machine import compare_this_machine, describe_this_machine
from orchestrator.records import NodeInventory, compare_node
from workloads.runtime.measurement.node import describe_node, interfaces_up
from workloads.runtime.measurement.promise import Found, PromiseError, compare_machine

H100 = "NVIDIA H100 80GB HBM3"


def profile(accelerators: int = 0, model: str = "", **further: Any) -> Any:
    facts: dict[str, Any] = {
        "name": "mine", "scheduler": "slurm", "cores_per_node": None, "python": None, "container": [],
        "ranks_per_node": 1, "interconnect": {"interface": further.pop("interface", None)},
    }  # fmt: skip
    stated = {"memory_gib": None, "peak_bf16_tflops": None, **further.pop("accelerator", {})}
    return facts | {"accelerators_per_node": accelerators, "accelerator": {"model": model, **stated}} | further


def node(*devices: str, cores: int = 64, memory: float = 503.4, mebibytes: int = 81559, **facts: Any) -> NodeInventory:
    """A node of so many devices, each given by name and UUID, or "cpu"."""
    names = [device.rpartition(" ") for device in devices if device != "cpu"]
    found: NodeInventory = {
        "processor": {"architecture": "x86_64", "cores": cores},
        "memory_gib": memory,
        "network": [{"name": "eth0"}, {"name": "hsn0"}],
        "accelerators": [{"name": name, "uuid": uuid, "memory_mib": mebibytes, "bfloat16": True}
                         for name, _, uuid in names],
    }  # fmt: skip
    return {**found, **facts}  # type: ignore[typeddict-item]


def ranks(*devices: str, host: str = "n1", hidden: str = "", **facts: Any) -> list[Found]:
    """One rank a device, each of which its launcher shows its own device alone."""
    return [Found(host, device, node(device, **facts), [hidden] if hidden else []) for device in devices]


def warnings_of(*arguments: Any) -> list[str]:
    return compare_machine(*arguments).warnings


def test_processors_in_an_accelerators_history_are_refused() -> None:
    with pytest.raises(
        PromiseError, match=r"promises 1 accelerator a node \(NVIDIA H100\), and 1 of 1 ranks on n1 find"
    ):
        compare_machine(profile(1, "NVIDIA H100"), 1, ranks("cpu"))


def test_one_rank_without_its_accelerator_is_enough() -> None:
    with pytest.raises(PromiseError, match="1 of 2 ranks on n1 find none"):
        compare_machine(profile(2), 1, ranks(f"{H100} a", "cpu"))


def test_ranks_that_share_one_of_several_promised_are_refused_and_told_what_may_hide_the_others() -> None:
    with pytest.raises(PromiseError, match="8 ranks on n1 share 1: ROCR_VISIBLE_DEVICES=0 may hide them; take"):
        compare_machine(profile(8), 1, ranks(*[f"{H100} a"] * 8, hidden="ROCR_VISIBLE_DEVICES=0"))


def test_ranks_on_one_node_of_two_are_refused_where_a_scheduler_gave_two() -> None:
    with pytest.raises(PromiseError, match="planned for 2 nodes, and all ranks are on n1"):
        compare_machine(profile(), 2, ranks("cpu", "cpu"))
    assert warnings_of(profile(scheduler="local"), 2, ranks("cpu", "cpu")) == []


def test_processors_of_another_architecture_are_refused() -> None:
    with pytest.raises(PromiseError, match="cluster=mine promises aarch64, n1 has x86_64: take the profile"):
        compare_machine(profile(architecture="aarch64"), 1, ranks("cpu"))


def test_a_machine_as_promised_is_no_news_and_is_told_once_for_hosts_alike() -> None:
    promised = profile(
        2, "NVIDIA H100 SXM5 80 GB", cores_per_node=64, memory_gib_per_node=512, architecture="x86_64",
        interface="hsn0", accelerator={"memory_gib": 80, "peak_bf16_tflops": 989},
    )  # fmt: skip
    found = [*ranks(f"{H100} a", f"{H100} b"), *ranks(f"{H100} c", f"{H100} d", host="n2")]
    comparison = compare_machine(promised, 2, found)
    assert comparison.warnings == []
    ((group),) = comparison.nodes
    assert group["hosts"] == ["n1", "n2"]
    told = {one["what"]: (one["promised"], one["found"]) for one in group["compared"]}
    assert told["accelerators"] == ("2 accelerators a node (NVIDIA H100 SXM5 80 GB)", "2")
    assert told["memory"] == ("512 GiB of memory a node", "503.4 GiB")
    die = "AMD Instinct MI250X 1"
    assert warnings_of(profile(8, "AMD MI250X, one of the module's two dies"), 1, ranks(die)) == []


@pytest.mark.parametrize(
    ("promised", "found", "words"),
    [
        (profile(1, "AMD MI250X"), ranks(" a"), "AMD MI250X, n1 has one without a name: what it is cannot be told"),
        (profile(cores_per_node=96), ranks("cpu"), "96 cores a node, n1 has 64: correct"),
        (profile(memory_gib_per_node=512), ranks("cpu", memory=440.0), "512 GiB of memory a node, n1 has 440 GiB"),
        (profile(cores_per_node=32), ranks("cpu"), "32 cores a node, n1 has 64: correct cluster.cores_per_node, or"),
        (profile(memory_gib_per_node=256), ranks("cpu"), "256 GiB of memory a node, n1 has 503.4 GiB: correct"),
        (profile(1), ranks(f"{H100} a", f"{H100} b"), "1 accelerator a node, n1 has 2: correct"),
        (profile(interface="ib0"), ranks("cpu"), "interface ib0, n1 has eth0, hsn0: nodes are reached by another"),
        (profile(), ranks(f"{H100} a"), f"no accelerator, n1 has 1 ({H100})"),
        (profile(1, accelerator={"peak_bf16_tflops": 312}),
         ranks("V100 a", accelerators=[{"name": "V100", "uuid": "a", "bfloat16": False}]),
         "units for bfloat16, n1 has none"),
    ],
)  # fmt: skip
def test_what_might_spoil_the_number_is_one_warning(promised: Any, found: list[Found], words: str) -> None:
    (warning,) = warnings_of(promised, 1, found)
    assert warning.startswith(f"cluster=mine promises {words}")


@pytest.mark.parametrize(
    ("promised", "found"),
    [
        ("NVIDIA H100 SXM5 80 GB", "NVIDIA A100-SXM4-80GB"), ("NVIDIA H100 SXM5 80 GB", "NVIDIA H100 PCIe"),
        ("NVIDIA A100 SXM4 80 GB", "NVIDIA A100-PCIE-80GB"), ("NVIDIA H100 SXM5 80 GB", "NVIDIA H800"),
        ("NVIDIA L40S", "NVIDIA RTX 6000 Ada Generation"), ("NVIDIA L4", "NVIDIA GeForce RTX 4090"),
        ("AMD MI250X", "AMD Instinct MI210"), ("NVIDIA RTX 4090", "NVIDIA GeForce RTX 4090 Laptop GPU"),
        ("NVIDIA RTX 3080 Ti", "NVIDIA GeForce RTX 3080"), ("NVIDIA RTX 6000 Ada", "Quadro RTX 6000"),
    ],
)  # fmt: skip
def test_another_kind_of_accelerator_is_another_machine(promised: str, found: str) -> None:
    with pytest.raises(PromiseError, match=f"promises {promised}, n1 has {found}: its peaks and its history are"):
        compare_machine(profile(1, promised), 1, ranks(f"{found} a"))


def test_a_part_of_an_accelerator_is_another_one() -> None:
    words = "promises 80 GiB an accelerator, n1 has 39.6 GiB: it is another card, or a part of one"
    with pytest.raises(PromiseError, match=words):
        compare_machine(profile(1, accelerator={"memory_gib": 80}), 1, ranks("A100-SXM4-40GB a", mebibytes=40_536))


PART = "NVIDIA H100 80GB HBM3 MIG 1g.10gb"


@pytest.mark.parametrize(
    ("promised", "found"),
    [("NVIDIA H100", PART), (PART, "NVIDIA H100 80GB HBM3"), (PART, "NVIDIA H100 80GB HBM3 MIG 3g.40gb")],
)
def test_a_part_that_mig_made_is_another_accelerator_whatever_memory_the_profile_states(
    promised: str, found: str
) -> None:
    with pytest.raises(PromiseError, match=f"promises {promised}, n1 has {found}: a part of an accelerator is another"):
        compare_machine(profile(1, promised), 1, ranks(f"{found} a"))
    assert warnings_of(profile(1, found), 1, ranks(f"{found} a")) == []


def test_cores_that_the_system_keeps_or_that_other_nodes_of_one_machine_have_are_no_news() -> None:
    """LUMI's nodes have 64 cores, of which jobs get 56."""
    assert warnings_of(profile(cores_per_node=56), 1, ranks("cpu", cores=64)) == []
    assert warnings_of(profile(cores_per_node=1, one_machine=True), 1, ranks("cpu", cores=64)) == []
    assert (
        warnings_of(profile(1, scheduler="local"), 1, [Found("n1", f"{H100} a", node(f"{H100} a", f"{H100} b"))]) == []
    )


def test_the_memory_in_a_models_name_is_a_promise_where_the_profile_states_no_other() -> None:
    with pytest.raises(PromiseError, match=r"promises 80 GiB an accelerator, n1 has 39\.6 GiB"):
        compare_machine(profile(1, "NVIDIA A100 SXM4 80 GB"), 1, ranks("NVIDIA A100-SXM4-40GB a", mebibytes=40_536))
    grace = "NVIDIA GH200 480GB"
    assert warnings_of(profile(1, grace), 1, ranks(f"{grace} a", mebibytes=97_871)) == []


def test_a_name_without_a_model_of_a_known_form_is_compared_by_its_words() -> None:
    ponte = "Intel(R) Data Center GPU Max 1550"
    assert warnings_of(profile(1, "Intel Data Center GPU Max 1550"), 1, ranks(f"{ponte} a")) == []
    (warning,) = warnings_of(profile(1, "Intel Data Center GPU Max 1100"), 1, ranks(f"{ponte} a"))
    assert "what it is cannot be told by that name" in warning


def test_a_lost_accelerator_of_the_inventory_is_not_counted_and_says_so() -> None:
    found = node(f"{H100} a")
    found["accelerators"].append({"index": 1, "error": "GPU is lost"})
    (row,) = [one for one in compare_node(profile(2), found) if one["what"] == "accelerators"]
    assert (row["found"], row["state"]) == ("1; one does not answer: GPU is lost", "error")


def test_doctor_says_the_same() -> None:
    without = promises_of({"node": node(cores=8)}, profile(1, cores_per_node=16), "on a node: ")
    found = {finding.subject: (finding.state, finding.detail) for finding in without if finding.state != "ok"}
    assert found == {
        "on a node: cores": ("warning", "8; the profile promises 16 cores a node"),
        "on a node: accelerators": ("error", "0; the profile promises 1 accelerator a node"),
    }
    assert promises_of({"node": "!ModuleNotFoundError: No module named 'torch'"}, profile(1)) == []
    (unseen,) = promises_of({"node": "!ModuleNotFoundError: No module named 'workloads'"}, profile(1), "on a node: ")
    assert (unseen.subject, unseen.state) == ("on a node: machine", "warning")


class Probed:
    """A run of the probe on two nodes, as a check sees it."""

    def __init__(self, *nodes: NodeInventory) -> None:
        self.inventory = {str(number): found for number, found in enumerate(nodes)}
        self.node_hosts = ["n1", "n2"]


def judged(promised: Any, *nodes: NodeInventory) -> Finding:
    check = Check("hardware", "as_promised", "health", None, None, [2], {}, {}, 1, 1, 0, 0.0, True)
    facts: Any = {"cluster": promised}
    run: Any = Probed(*nodes)
    (finding,) = judge_promise(check, [run], facts)
    return finding


def test_acceptance_says_the_same_and_names_the_nodes() -> None:
    finding = judged(profile(cores_per_node=64), node("cpu"), node("cpu", cores=32))
    assert (finding.outcome, [subject.name for subject in finding.named]) == ("fail", ["n2"])
    assert "cluster=mine promises 64 cores a node, n2 has 32" in finding.why
    assert judged(profile(cores_per_node=64), node("cpu"), node("cpu")).outcome == "pass"
    assert judged(profile(), node("cpu"), node("cpu")).outcome == "not measurable"


def test_a_node_is_described_by_what_its_kernel_tells(tmp_path: Path) -> None:
    for name, state in (("lo", "unknown"), ("eth0", "up"), ("hsn0", "unknown"), ("eth1", "down")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(f"{state}\n")
    assert interfaces_up(tmp_path) == ["eth0", "hsn0"]
    found = describe_node(accelerators=False)
    assert found["processor"]["architecture"] and found["memory_gib"] > 0 and "accelerators" not in found


def test_this_machine_is_asked_only_where_a_profile_of_it_promises_something() -> None:
    assert compare_this_machine(profile(architecture="vax")) == [], "Slurm gives other nodes"
    assert compare_this_machine(profile(scheduler="local")) == []
    here = profile(scheduler="local", architecture="vax")
    assert compare_this_machine(profile(scheduler="local", architecture="vax", container=["apptainer"])) == []
    (wrong,) = [one for one in compare_this_machine(here) if one["state"] != "ok"]
    assert (wrong["what"], wrong["promised"], wrong["state"]) == ("architecture", "vax", "error")
    asked, own = describe_this_machine(accelerators=False), describe_node(accelerators=False)
    assert asked is not None and asked["memory_gib"] == own["memory_gib"]


@pytest.mark.ranks
def test_a_run_on_processors_under_an_accelerators_profile_ends_with_one_sentence(
    orchestrator: Command, tiny: list[str]
) -> None:
    """Before a submission where this installation is what ranks run with, else before the first step."""
    import sys

    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has what the profile promises")
    words = [*tiny, "cluster=h100x1", "recipe=small", "nodes=1"]
    promise = "cluster=h100x1 promises 1 accelerator a node (NVIDIA H100 SXM5 80 GB)"
    plan = orchestrator("plan", *words)
    assert plan.code == 0 and f"error: {promise}, this machine has 0: take the profile" in plan.out
    refused = orchestrator(*words)
    assert refused.code == 64 and f"{promise}, this machine has 0" in refused.err
    answer = orchestrator(*words, f"cluster.python={sys.executable}")
    assert answer.code == 1 and f"{promise}, and 1 of 1 ranks" in answer.out
