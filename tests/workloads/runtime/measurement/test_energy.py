"""Energy from counters in real files, sampled while they count, and summed over ranks under mpirun."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from accelerators import needs_accelerator
from test_communicators import mpirun

from workloads.runtime.measurement.energy import Nvml, Rapl, Sampler, meters, summed

RANGE = 10_000_000
PROGRAM = """
import json, os, sys, time
from pathlib import Path
from workloads.runtime.measurement import energy
from workloads.runtime.communicators import join
energy.POWERCAP = Path(sys.argv[1])
energy.Rapl.__init__.__defaults__ = (energy.POWERCAP,)
communicator = join("mpi")
local = communicator.rank % 2
place = {"host": f"n{communicator.rank // 2}", "local_rank": local}
sampler, reason = energy.begin(local)
start = time.time()
time.sleep(1.3)
used, curves = energy.conclude(sampler, reason, communicator, place, (start, time.time()), 0.6)
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
            staged.write_text(f"{int(1e6 * watts * (time.time() - begun)) % RANGE}\n")
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
    meter = Rapl(tmp_path)
    assert meter.joules() == 0.0
    (package / "energy_uj").write_text("999999\n")
    (memory / "energy_uj").write_text("500000\n")
    assert meter.joules() == pytest.approx(2.5)


def test_a_machine_without_meters_says_why_and_is_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rapl.__init__, "__defaults__", (tmp_path,))
    found, reason = meters()
    assert [meter.name for meter in found if meter.name == "rapl"] == []
    assert f"no RAPL zone in {tmp_path}" in reason
    entry = summed([("n1", "", reason, math.nan, math.nan)], 10.0)
    assert entry["j"] is None and entry["to_accuracy_j"] is None and entry["reason"].startswith("n1: ")


def test_power_is_sampled_while_the_counter_counts_and_wraps(tmp_path: Path) -> None:
    with counting(zone(tmp_path, "0", "package-0", 0), watts=9.0):
        time.sleep(0.05)
        sampler = Sampler([Rapl(tmp_path)], period=0.1)
        sampler.start()
        time.sleep(1.5)
        sampler.stop()
    first, last = sampler.times[0], sampler.times[-1]
    assert sampler.between(first, last) == pytest.approx(9.0 * (last - first), rel=0.1)
    assert math.isnan(sampler.between(first - 5, last)) and math.isnan(sampler.between(first, last + 5))


def test_a_meter_that_fails_ends_the_measurement_and_not_the_run(tmp_path: Path) -> None:
    path = zone(tmp_path, "0", "package-0", 0)
    sampler = Sampler([Rapl(tmp_path)], period=0.02)
    sampler.start()
    (path / "energy_uj").unlink()
    time.sleep(0.2)
    sampler.stop()
    assert "energy_uj" in sampler.failure and math.isnan(sampler.between(sampler.times[0], sampler.times[0] + 0.1))


def test_one_node_without_a_meter_makes_the_sum_unknown() -> None:
    entry = summed([("n0", "rapl", "", 5.0, 2.0), ("n1", "", "no meter here", math.nan, math.nan)], 10.0)
    assert entry["j"] is None and entry["reason"] == "n1: no meter here"
    assert [node["j"] for node in entry["nodes"]] == [5.0, None]


@pytest.mark.ranks
def test_four_ranks_on_two_nodes_sum_what_one_rank_a_node_read(tmp_path: Path) -> None:
    with counting(zone(tmp_path, "0", "package-0", 0), watts=5.0):
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

    meter, powers = Nvml(), []
    matrix = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    sampler = Sampler([meter], period=0.1)
    sampler.start()
    begun = time.time()
    while time.time() - begun < 4:
        matrix @ matrix
        torch.cuda.synchronize()
        powers.append(sum(pynvml.nvmlDeviceGetPowerUsage(handle) for handle in meter.handles) / 1e3)
    sampler.stop()
    # The power that NVML tells is itself a mean over the last second.
    settled = powers[len(powers) // 2 :]
    watts = sampler.between(begun + 2, begun + 3.5) / 1.5
    assert watts == pytest.approx(sum(settled) / len(settled), rel=0.1)
