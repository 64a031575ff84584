"""Energy from counters in real files, sampled while they count, and summed over ranks under mpirun."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from accelerators import needs_accelerator
from ranks import mpirun

from orchestrator.records import Slowed
from workloads.runtime.measurement.energy import (
    Metering,
    MeterReading,
    RankReadings,
    accelerator_of,
    account_energy,
    slowdown_warnings,
)
from workloads.runtime.measurement.meters import node_meters, rapl
from workloads.runtime.measurement.meters.cray import cray_meters
from workloads.runtime.measurement.meters.nvml import NvmlMeter
from workloads.runtime.measurement.meters.rapl import rapl_meters
from workloads.runtime.measurement.sampling import Sampler

RANGE = 262_143_328_850
TO_WRAP = 5_000_000
"""Microjoules after which the counters below wrap."""
PROGRAM = """
import json, os, sys, time
from pathlib import Path
from workloads.runtime.measurement.energy import Metering
from workloads.runtime.measurement.meters import rapl
from workloads.runtime.communicators import join
rapl.POWERCAP = Path(sys.argv[1])
communicator = join("mpi")
metering = Metering(None, leads_node=communicator.rank % 2 == 0, whole_node=True)
start = time.time()
time.sleep(1.3)
used, curves = metering.conclude(communicator, f"n{communicator.rank // 2}", (start, time.time()), 0.6)
if communicator.rank == 0:
    print(json.dumps({"used": used, "watts": curves["power/watts"].tolist() if curves else []}))
communicator.close()
"""


def zone(folder: Path, number: str, name: str, value: int) -> Path:
    path = folder / f"intel-rapl:{number}"
    path.mkdir(parents=True)
    for file, text in (("name", name), ("max_energy_range_uj", RANGE), ("energy_uj", value)):
        (path / file).write_text(f"{text}\n")
    return path


@contextmanager
def counting(path: Path, watts: float) -> Iterator[None]:
    """The zone counts up at that power, and wraps, until the block ends."""
    stopped = threading.Event()

    def count() -> None:
        begun = time.time()
        while not stopped.wait(0.01):
            staged = path / "staged"
            counted = RANGE - TO_WRAP + int(1e6 * watts * (time.time() - begun))
            staged.write_text(f"{counted % (RANGE + 1)}\n")
            staged.rename(path / "energy_uj")

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_packages_and_memory_count_and_cores_and_platform_do_not(tmp_path: Path) -> None:
    package = zone(tmp_path, "0", "package-0", RANGE - 1_000_000)
    memory = zone(tmp_path, "0:1", "dram", 0)
    for number, name in (("0:0", "core"), ("1", "psys")):
        zone(tmp_path, number, name, 0)
    meters = rapl_meters(tmp_path)
    assert [meter.joules() for meter in meters] == [0.0, 0.0]
    (package / "energy_uj").write_text("999999\n")
    (memory / "energy_uj").write_text("500000\n")
    assert sum(meter.joules() for meter in meters) == pytest.approx(2.5)


def test_a_machine_without_meters_says_why_and_is_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapl, "POWERCAP", tmp_path)
    found, reason = node_meters()
    assert [meter for meter in found if meter.source == "rapl"] == []
    assert f"no RAPL zone in {tmp_path}" in reason
    entry = account_energy([rank("n1", reasons={"node": reason})], 10.0)
    assert entry["j"] is None and entry["to_accuracy_j"] is None and str(entry["reason"]).startswith("n1: no RAPL zone")


@pytest.mark.measures
def test_power_is_sampled_while_the_counter_counts_and_wraps(tmp_path: Path) -> None:
    with counting(zone(tmp_path, "0", "package-0", RANGE - TO_WRAP), watts=9.0):
        time.sleep(0.05)
        sampler = Sampler(rapl_meters(tmp_path), period=0.1)
        sampler.start()
        time.sleep(1.5)
        sampler.stop()
    first, last = sampler.times[0], sampler.times[-1]
    (joules,) = sampler.between(first, last)
    assert joules == pytest.approx(9.0 * (last - first), rel=0.1)
    assert math.isnan(sampler.between(first - 5, last)[0]) and math.isnan(sampler.between(first, last + 5)[0])


def test_a_meter_that_fails_ends_its_measurement_and_not_the_run_or_the_others(tmp_path: Path) -> None:
    path, other = zone(tmp_path, "0", "package-0", 0), zone(tmp_path, "0:1", "dram", 0)
    sampler = Sampler(rapl_meters(tmp_path), period=0.02)
    sampler.start()
    (path / "energy_uj").unlink()
    time.sleep(0.2)
    (other / "energy_uj").write_text("500000\n")
    sampler.stop()
    failed, read = (0, 1) if sampler.meters[0].scope == "package" else (1, 0)
    joules = sampler.between(sampler.times[0], sampler.times[-1])
    assert "energy_uj" in sampler.failures[failed] and math.isnan(joules[failed])
    assert joules[read] == pytest.approx(0.5)


def test_a_counter_that_goes_backwards_is_a_failure_and_no_negative_energy(tmp_path: Path) -> None:
    """A node's counter that was reset, as by its controller's restart; the count was taken for one that went on."""
    counter = tmp_path / "energy"
    counter.write_text("5000 J 1714382011000000 us\n")
    sampler = Sampler(cray_meters(tmp_path), period=0.02)
    sampler.start()
    counter.write_text("40 J 1714382012000000 us\n")
    time.sleep(0.1)
    sampler.stop()
    assert sampler.failures == {
        0: "cray's counter of node went backwards, from 5000 to 40 J: it was reset while it was read"
    }
    assert math.isnan(sampler.between(sampler.times[0], sampler.times[-1])[0])


def test_a_counter_that_stands_still_is_no_energy_of_zero(tmp_path: Path) -> None:
    """As in virtual machines that show a processor's files and count nothing in them."""
    (tmp_path / "energy").write_text("0 J 1714382011000000 us\n")
    metering = Metering(None, leads_node=False, whole_node=True)
    metering.sampler = Sampler(cray_meters(tmp_path))
    metering.sampler.times, metering.sampler.counts = [100.0, 160.0], [[7.0], [7.0]]
    (read,) = metering.readings("n1", 100.0, 160.0, 30.0, 0.0)["meters"]
    assert (read["j"], read["to_accuracy_j"]) == (None, None)
    assert read["failure"].startswith("cray's counter of node stands still")
    (brief,) = metering.readings("n1", 100.0, 100.5, None, 0.0)["meters"]
    assert (brief["j"], brief["failure"]) == (0.0, "")


def rank(host: str, *meters: MeterReading, accelerated: bool = False, **further: Any) -> RankReadings:
    """What one rank read, on a node that is the run's alone."""
    read: RankReadings = {
        "host": host, "process": 1, "accelerated": accelerated, "whole_node": True, "shares_devices": False,
        "stood_still_s": 0.0, "meters": [*meters], "reasons": {}, "slowed": [],
    }  # fmt: skip
    return cast(RankReadings, {**read, **further})


def meter(
    scope: str, identity: str, joules: float | None, source: str = "", more: str = "", users: Sequence[int] = ()
) -> MeterReading:
    """One meter's reading over the run, a half of it until the target."""
    half = None if joules is None else joules / 2
    return {
        "source": source or {"device": "nvml", "node": "cray", "accelerators": "cray"}.get(scope, "rapl"),
        "scope": scope, "identity": identity, "covers_more": more, "j": joules, "to_accuracy_j": half, "failure": "",
        "users": [*users],
    }  # fmt: skip


def test_one_node_without_a_meter_makes_the_sum_unknown() -> None:
    ranks = [rank("n0", meter("package", "package-0", 5.0)), rank("n1", reasons={"node": "no meter here"})]
    entry = account_energy(ranks, 10.0)
    assert entry["j"] is None and entry["reason"] == "n1: no meter here"
    assert [node["j"] for node in entry["nodes"]] == [5.0, None]


def test_on_a_shared_node_accelerators_count_alone_and_on_an_own_node_with_its_processors() -> None:
    read = (meter("device", "GPU-1", 300.0), meter("package", "package-0", 900.0), meter("dram", "0:0 dram", 50.0))
    shared = account_energy([rank("n0", *read, accelerated=True, whole_node=False)], 10.0)
    assert (shared["j"], shared["scope"], shared["others"]) == (300.0, "device", None)
    own = account_energy([rank("n0", *read[:2], accelerated=True)], 10.0)
    assert (own["j"], own["to_accuracy_j"], own["scope"], own["others"]) == (1200.0, 600.0, "device+package", None)


def test_processors_of_a_shared_node_are_counted_and_said_to_hold_others() -> None:
    entry = account_energy([rank("n0", meter("package", "package-0", 900.0), whole_node=False)], 10.0)
    assert (entry["j"], entry["scope"]) == (900.0, "package")
    assert entry["others"] == "the whole node is counted, and others may have run on it"


def test_ranks_that_share_an_accelerator_charge_it_once() -> None:
    shared = [rank("n0", meter("device", "GPU-1", 300.0), accelerated=True, whole_node=False) for _ in range(2)]
    assert account_energy(shared, 10.0)["j"] == 300.0


@pytest.mark.parametrize(
    ("users", "shares", "others"),
    [([10, 11], False, False), ([10, 11, 99], False, True), ([7000, 7001], False, False),
     ([7000, 7001, 7002], False, True), ([], False, False), ([10], True, True)],
)  # fmt: skip
def test_two_runs_on_one_accelerator_each_say_that_the_other_is_in_their_joules(
    users: list[int], shares: bool, others: bool
) -> None:
    """The first run learns of the second by its process; ids of 7000 are those of another namespace."""
    read = meter("device", "GPU-1", 300.0, users=users)
    ranks = [rank("n0", read, accelerated=True, process=number, shares_devices=shares) for number in (10, 11)]
    words = "whole accelerators are counted, and others computed on them"
    assert account_energy(ranks, 10.0)["others"] == (words if others else None)


def test_a_suspended_run_says_that_its_joules_hold_that_time() -> None:
    """Gang scheduling: another job had the node's cores and accelerators for two minutes."""
    read = meter("device", "GPU-1", 300.0), meter("package", "package-0", 900.0)
    ranks = [rank("n0", *read, accelerated=True, stood_still_s=seconds) for seconds in (118.4, 120.2)]
    assert account_energy(ranks, 500.0)["others"] == "120 s in which the run stood still, and another may have computed"


def test_an_accelerator_without_a_meter_is_not_replaced_by_the_processors_beside_it() -> None:
    lacking = rank("n0", meter("package", "package-0", 900.0), accelerated=True, reasons={"device": "no NVML"})
    entry = account_energy([lacking], 10.0)
    assert (entry["j"], entry["reason"]) == (None, "n0: no NVML")


def test_where_a_module_has_one_meter_for_two_dies_an_own_node_is_counted_whole() -> None:
    """An HPE Cray EX235a: the second die of each MI250X has no meter of its own."""
    site = (meter("node", "node", 5000.0), meter("accelerators", "accelerators", 3000.0))
    ranks = [
        rank("n0", meter("device", "0000:c1:00.0", 800.0, "amdsmi"), *site, accelerated=True),
        rank("n0", accelerated=True, reasons={"device": "of a module's two dies only one does"}),
    ]
    whole = account_energy(ranks, 10.0)
    assert (whole["j"], whole["scope"], whole["source"]) == (5000.0, "node", "cray")
    unsure = [cast(RankReadings, {**one, "whole_node": False}) for one in ranks]
    assert account_energy(unsure, 10.0)["j"] is None


def test_each_node_says_for_itself_whether_it_is_the_runs_alone() -> None:
    """A job of two nodes by --ntasks that has all of its first node's processors, and a half of its second's."""
    read = meter("device", "GPU-1", 300.0), meter("package", "package-0", 900.0)
    ranks = [rank("n0", *read, accelerated=True), rank("n1", *read, accelerated=True, whole_node=False)]
    assert [node["j"] for node in account_energy(ranks, 10.0)["nodes"]] == [1200.0, 300.0]
    processors = [rank("n0", read[1]), rank("n1", read[1], whole_node=False)]
    assert "others may have run on it" in str(account_energy(processors, 10.0)["others"])


def test_a_mig_instance_says_what_else_is_in_its_joules() -> None:
    more = "the whole GPU, of which the run had one MIG instance"
    entry = account_energy([rank("n0", meter("device", "GPU-5", 70.0, more=more), accelerated=True)], 9.0)
    assert entry["others"] == more


def test_a_device_that_slowed_down_is_a_warning_and_one_at_its_power_limit_is_not() -> None:
    slowed: list[Slowed] = [
        {"host": "n0", "what": "GPU-1", "by": "its power limit", "share": 0.9},
        {"host": "n0", "what": "GPU-2", "by": "heat", "share": 0.01},
        {"host": "n1", "what": "GPU-3", "by": "heat", "share": 0.37},
        {"host": "n1", "what": "its processors", "by": "heat", "times": 12},
    ]
    assert slowdown_warnings(slowed) == [
        "GPU-3 on n1 slowed down in 37 % of the readings: heat",
        "its processors on n1 slowed down 12 times: heat",
    ]


@pytest.mark.ranks
@pytest.mark.thorough
def test_four_ranks_on_two_nodes_sum_what_one_rank_a_node_read(tmp_path: Path) -> None:
    with counting(zone(tmp_path, "0", "package-0", RANGE - TO_WRAP), watts=5.0):
        ended = mpirun(4, "-c", PROGRAM, str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    used = found["used"]
    assert [node["host"] for node in used["nodes"]] == ["n0", "n1"]
    assert used["source"] == "rapl" and used["reason"] is None
    assert used["j"] == pytest.approx(2 * 5.0 * used["seconds"], rel=0.15)
    assert used["to_accuracy_j"] == pytest.approx(2 * 5.0 * 0.6, rel=0.2)
    assert found["watts"] == pytest.approx([5.0] * len(found["watts"]), rel=0.2)


@needs_accelerator
def test_the_accelerators_energy_is_its_power_over_time() -> None:
    import pynvml

    accelerator = accelerator_of(torch.device("cuda", 0))
    assert accelerator is not None
    meter, powers = NvmlMeter(accelerator), []
    matrix = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    sampler = Sampler([meter], period=0.1)
    sampler.start()
    begun = time.time()
    while time.time() - begun < 4:
        matrix @ matrix
        torch.cuda.synchronize()
        powers.append(pynvml.nvmlDeviceGetPowerUsage(meter.handle) / 1e3)
    sampler.stop()
    # The power that NVML tells is itself a mean over the last second.
    settled = powers[len(powers) // 2 :]
    (joules,) = sampler.between(begun + 2, begun + 3.5)
    watts = joules / 1.5
    assert watts == pytest.approx(sum(settled) / len(settled), rel=0.1)
