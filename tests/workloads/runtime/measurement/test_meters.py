"""Meters of energy read real files, and a stand-in for NVIDIA's library in C where there is no such accelerator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from topologies import EPYC_TWO_SOCKETS, write_machine

from orchestrator.records import processors
from workloads.runtime.measurement.meters import PACKAGE, Accelerator, accelerator_meter
from workloads.runtime.measurement.meters.cray import cray_meters
from workloads.runtime.measurement.meters.rapl import counted_between, rapl_meters
from workloads.runtime.measurement.sharing import holds_whole_node
from workloads.runtime.measurement.throttling import count_throttling

RANGE = 262_143_328_850
"""What Intel's server processors state, in microjoules."""


def zone(folder: Path, number: str, name: str, microjoules: int = 0) -> Path:
    path = folder / f"intel-rapl:{number}"
    path.mkdir(parents=True)
    for file, text in (("name", name), ("max_energy_range_uj", RANGE), ("energy_uj", microjoules)):
        (path / file).write_text(f"{text}\n")
    return path


def advance(zone: Path, joules: float) -> None:
    file = zone / "energy_uj"
    file.write_text(f"{(int(file.read_text()) + int(joules * 1e6)) % (RANGE + 1)}\n")


def test_of_a_desktops_zones_the_package_alone_is_counted(tmp_path: Path) -> None:
    """The case of powercap: core 90, uncore 10 and psys 135 J on top of a package of 120 J."""
    zones = {"0": ("package-0", 120), "0:0": ("core", 90), "0:1": ("uncore", 10), "1": ("psys", 135)}
    made = {zone(tmp_path, number, name): joules for number, (name, joules) in zones.items()}
    (tmp_path / "intel-rapl-mmio:0").symlink_to(tmp_path / "intel-rapl:0")
    (tmp_path / "intel-rapl").mkdir()
    (meter,) = rapl_meters(tmp_path)
    for path, joules in made.items():
        advance(path, joules)
    assert meter.joules() == pytest.approx(120)
    assert meter.scope == PACKAGE


def test_dies_that_show_their_packages_counter_are_counted_once_and_dies_that_count_apart_are_added(
    tmp_path: Path,
) -> None:
    """An EPYC under a kernel that takes its core complexes for dies; a Cascade Lake-AP, whose dies are two chips."""
    mirrored = [zone(tmp_path / "epyc", str(die), f"package-0-die-{die}", 7_000_000_000) for die in range(8)]
    apart = [zone(tmp_path / "ap", str(die), f"package-0-die-{die}", 10**10 * (die + 1)) for die in range(2)]
    (epyc,), (ap,) = rapl_meters(tmp_path / "epyc"), rapl_meters(tmp_path / "ap")
    for path in (*mirrored, *apart):
        advance(path, 50)
    assert epyc.joules() == pytest.approx(50)
    assert ap.joules() == pytest.approx(100)


def test_dies_that_agreed_by_chance_are_added_from_then_on(tmp_path: Path) -> None:
    dies = [zone(tmp_path, str(die), f"package-0-die-{die}") for die in range(2)]
    (meter,) = rapl_meters(tmp_path)
    advance(dies[0], 100)
    advance(dies[1], 40)
    assert meter.joules() == pytest.approx(140)


def test_mirrored_counters_are_one_also_while_they_wrap(tmp_path: Path) -> None:
    dies = [zone(tmp_path, str(die), f"package-1-die-{die}", RANGE - 1_000_000) for die in range(2)]
    (meter,) = rapl_meters(tmp_path)
    advance(dies[0], 0.5)
    advance(dies[1], 1.2)
    assert meter.joules() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("before", "now", "seconds", "counted"),
    [
        (RANGE - 1_000_000, 2_000_000, 0.5, 3_000_001),
        (7_000_000, 9_000_000, 0.5, 2_000_000),
        (7_000_000, 9_000_000, 200.0, 2_000_000),
        (7_000_000, 9_000_000, 300.0, "was not read for 300 s, in which it may have wrapped unseen"),
        (1_000_000_000, 5_000_000, 0.5, "went backwards, from 1000000000 to 5000000 µJ, by more than a wrap"),
    ],
)
def test_a_counter_that_began_anew_or_was_not_read_for_long_is_not_taken_for_one_that_wrapped(
    before: int, now: int, seconds: float, counted: int | str
) -> None:
    """262 kJ are 262 s of 1,000 W: a package that could draw so much may have wrapped in five minutes."""
    if isinstance(counted, int):
        assert counted_between(before, now, RANGE + 1, seconds, Path("energy_uj")) == counted
        return
    with pytest.raises(ValueError, match=counted):
        counted_between(before, now, RANGE + 1, seconds, Path("energy_uj"))


def test_crays_counters_are_read_by_scope_and_a_text_of_another_form_is_refused(tmp_path: Path) -> None:
    """Files as on an HPE Cray EX235a."""
    stamp = "1714382011000000 us"
    texts = {"energy": 5000, "cpu_energy": 900, "memory_energy": 300, "accel0_energy": 800, "accel1_energy": 700}
    for name, joules in texts.items():
        (tmp_path / name).write_text(f"{joules} J {stamp}\n")
    for name, text in {"power": f"950 W {stamp}", "power_cap": f"0 W {stamp}", "freshness": "271"}.items():
        (tmp_path / name).write_text(f"{text}\n")
    counted = {meter.scope: meter.joules() for meter in cray_meters(tmp_path)}
    assert counted == {"node": 5000, "package": 900, "memory": 300, "accelerators": 1500}
    (tmp_path / "energy").write_text("not available\n")
    with pytest.raises(ValueError, match="energy is not a count of joules: not available"):
        cray_meters(tmp_path)
    with pytest.raises(FileNotFoundError):
        cray_meters(tmp_path / "nothing")


@pytest.fixture(scope="module")
def nvidia(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in as libnvidia-ml.so.1."""
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_stub.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", source], check=True)
    return folder


def told(folder: Path, program: str, **variables: str) -> Any:
    """What a Python program prints as JSON where that library is the system's."""
    head = "import json\nfrom workloads.runtime.measurement.meters import Accelerator, accelerator_meter\n"
    ended = subprocess.run(
        [sys.executable, "-c", head + dedent(program)],
        capture_output=True,
        text=True,
        env={"LD_LIBRARY_PATH": str(folder), "PATH": "", **variables},
        cwd=Path(__file__).parents[4],
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("visible", ["2", "GPU-00000000-0000-0000-0000-000000000002", ""])
def test_one_gpu_of_eight_is_charged_with_its_own_joules(nvidia: Path, visible: str) -> None:
    """Whatever CUDA_VISIBLE_DEVICES makes the process's device 0: it is known by its UUID, as CUDA states it."""
    program = """
    meter = accelerator_meter(Accelerator("00000000-0000-0000-0000-000000000002"))
    first = meter.joules()
    print(json.dumps([meter.joules() - first, meter.scope, meter.identity, meter.covers_more, meter.state(),
        sorted(meter.users())]))
    """
    joules, scope, identity, more, state, users = told(nvidia, program, CUDA_VISIBLE_DEVICES=visible)
    assert users == [4711, 4712]
    assert (joules, scope, more) == (300.0, "device", "")
    assert identity == "GPU-00000000-0000-0000-0000-000000000002"
    assert state == [1980.0, 62.0, 302.0]


def test_a_mig_instance_is_metered_by_its_whole_gpu_and_says_so(nvidia: Path) -> None:
    program = """
    meter = accelerator_meter(Accelerator("MIG-11111111-0000-0000-0000-000000000000"))
    print(json.dumps([meter.identity, meter.covers_more]))
    """
    identity, more = told(nvidia, program)
    assert identity.endswith("5") and "one MIG instance" in more


def test_a_lost_gpu_has_no_meter_and_a_hot_one_says_that_it_is_slow(nvidia: Path) -> None:
    program = """
    def uuid(n):
        return f"00000000-0000-0000-0000-00000000000{n}"
    try:
        lost = accelerator_meter(Accelerator(uuid(3)))
    except OSError as error:
        lost = str(error)
    reasons = [accelerator_meter(Accelerator(uuid(n))).slowed_by() for n in (0, 6)]
    print(json.dumps([lost, *reasons]))
    """
    lost, usual, hot = told(nvidia, program)
    assert "GPU is lost" in lost
    assert (usual, hot) == (["its power limit"], ["heat"])


AMDSMI = '''
"""amdsmi of ROCm 6 as its documentation shows it, on two dies of an MI250X: the second counts no energy."""
class AmdSmiException(Exception): ...
asked = 0
def amdsmi_init(): ...
def amdsmi_get_processor_handles(): return [0, 1]
def amdsmi_get_gpu_device_bdf(handle): return ["0000:C1:00.0", "0000:C6:00.0"][handle]
def amdsmi_get_energy_count(handle):
    global asked
    asked += not handle
    count = 0 if handle else 1000000 * asked
    return {"power": count, "counter_resolution": 15.300000190734863, "timestamp": 1714382011000000000}
def amdsmi_get_violation_status(handle): raise AmdSmiException("not supported")
'''


def test_amds_counter_is_read_by_bus_address_and_the_die_without_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "amdsmi.py").write_text(AMDSMI)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)
    meter = accelerator_meter(Accelerator("unknown to it", "0000:c1:00.0"))
    assert meter.joules() == pytest.approx(2 * 15.3)
    assert (meter.source, meter.slowed_by()) == ("amdsmi", [])
    assert meter.covers_more == "both dies of the module, of which the run had one"
    with pytest.raises(OSError, match="of a module's two dies only one does"):
        accelerator_meter(Accelerator("unknown to it", "0000:c6:00.0"))
    sys.modules.pop("amdsmi")


@pytest.mark.parametrize(("name", "more"), [("AMD Instinct MI250X / MI250", True), ("AMD Instinct MI210", False)])
def test_a_die_that_a_container_shows_alone_is_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, more: bool
) -> None:
    alone = AMDSMI.replace("return [0, 1]", "return [0]")
    asked = f"def amdsmi_get_gpu_asic_info(handle): return {{'market_name': {name!r}}}\n"
    (tmp_path / "amdsmi.py").write_text(alone + asked)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)
    meter = accelerator_meter(Accelerator("unknown to it", "0000:c1:00.0"))
    assert bool(meter.covers_more) == more
    sys.modules.pop("amdsmi")


def test_a_node_is_the_runs_alone_only_where_slurm_gave_all_of_it() -> None:
    import os

    whole = str(os.cpu_count())
    local: Any = {"scheduler": "local", "slurm": {"exclusive": True}}
    shared: Any = {"scheduler": "slurm", "slurm": {"exclusive": False}}
    alone: Any = {"scheduler": "slurm", "slurm": {"exclusive": True}}
    assert not holds_whole_node(local, {"SLURM_CPUS_ON_NODE": whole})
    assert not holds_whole_node(shared, {}) and not holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": whole + "0"})
    assert holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": whole}) and holds_whole_node(alone, {})


def test_a_node_of_two_threads_a_core_is_the_runs_alone_where_slurm_counts_its_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "SYSTEM", write_machine(tmp_path, EPYC_TWO_SOCKETS) / "sys/devices/system")
    monkeypatch.setattr("os.cpu_count", lambda: 256)
    shared: Any = {"scheduler": "slurm", "slurm": {"exclusive": False}}
    one_thread = {"SLURM_THREADS_PER_CORE": "1"}
    assert holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": "128", **one_thread})
    assert not holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": "64", **one_thread})
    assert not holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": "128"})
    assert holds_whole_node(shared, {"SLURM_CPUS_ON_NODE": "256"})


def test_throttling_of_cores_adds_up_and_a_packages_is_counted_once(tmp_path: Path) -> None:
    for core, (own, package) in enumerate([(3, 7), (1, 7)]):
        folder = tmp_path / f"cpu{core}" / "thermal_throttle"
        folder.mkdir(parents=True)
        (folder / "core_throttle_count").write_text(f"{own}\n")
        (folder / "package_throttle_count").write_text(f"{package}\n")
    assert count_throttling(tmp_path) == 11
    assert count_throttling(tmp_path / "nothing") == 0
