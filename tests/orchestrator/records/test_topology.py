"""What this process may use of a machine, from the files of real kinds of machine and from real control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import PROJECT
from topologies import (
    DESKTOP,
    EPYC_TWO_SOCKETS,
    GRACE,
    POWER9,
    VERSION_1,
    VERSION_1_OF_DOCKER,
    VERSION_2,
    write_machine,
)

from orchestrator.records.topology import Core, format_cpus, parse_cpus, read_quota, read_topology, visible_accelerators


@pytest.mark.parametrize(
    ("lscpu", "allowed", "cores"),
    [
        (EPYC_TWO_SOCKETS, range(256), 128),
        (EPYC_TWO_SOCKETS, (0, 128), 1),
        (EPYC_TWO_SOCKETS, (0, 1), 2),
        (EPYC_TWO_SOCKETS, (0, 1, 128, 64), 3),
        (DESKTOP, range(8), 6),
        (DESKTOP, (0, 1), 1),
        (DESKTOP, (1, 2, 4), 3),
        (GRACE, range(144), 144),
        (POWER9, range(32), 8),
        (POWER9, range(4, 10), 2),
    ],
)
def test_threads_of_one_core_are_one_core(tmp_path: Path, lscpu: str, allowed: range, cores: int) -> None:
    topology = read_topology(write_machine(tmp_path, lscpu), frozenset(allowed))
    assert topology.usable_cores == cores
    assert topology.usable_threads == len(allowed)


def test_cores_come_in_the_order_of_their_numa_domains(tmp_path: Path) -> None:
    cores = read_topology(write_machine(tmp_path, POWER9), frozenset({1, 2, 31})).usable
    assert cores == (Core(0, (1, 2), 0), Core(28, (31,), 8))


def test_without_a_topology_every_allowed_processor_is_a_core(tmp_path: Path) -> None:
    assert read_topology(tmp_path, frozenset({3, 5})).usable == (Core(3, (3,)), Core(5, (5,)))


V1, V2 = "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup"


@pytest.mark.parametrize(
    ("mounts", "group", "files", "quota"),
    [
        pytest.param(VERSION_2, "0::/\n", {f"{V2}/cpu.max": "150000 100000\n"}, 1.5, id="docker --cpus=1.5"),
        pytest.param(VERSION_2, "0::/\n", {f"{V2}/cpu.max": "max 100000\n"}, None, id="no limit"),
        pytest.param(VERSION_2, "0::/\n", {}, None, id="the root group has no such file"),
        pytest.param(
            VERSION_2, "0::/user.slice/user-1000.slice/session-2.scope\n",
            {f"{V2}/user.slice/user-1000.slice/cpu.max": "400000 100000\n",
             f"{V2}/user.slice/user-1000.slice/session-2.scope/cpu.max": "max 100000\n"},
            4.0, id="a login node's limit of each user, on a group around",
        ),
        pytest.param(
            VERSION_1, "4:memory:/x\n3:cpu,cpuacct:/jobs/7\n1:name=systemd:/\n",
            {f"{V1}/jobs/7/cpu.cfs_quota_us": "-1\n", f"{V1}/jobs/7/cpu.cfs_period_us": "100000\n",
             f"{V1}/jobs/cpu.cfs_quota_us": "300000\n", f"{V1}/jobs/cpu.cfs_period_us": "100000\n"},
            3.0, id="version 1, the group around",
        ),
        pytest.param(
            VERSION_1_OF_DOCKER, "3:cpu,cpuacct:/docker/f00\n",
            {f"{V1}/cpu.cfs_quota_us": "200000\n", f"{V1}/cpu.cfs_period_us": "100000\n"},
            2.0, id="version 1 in a container",
        ),
        pytest.param(
            VERSION_1 + VERSION_2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "),
            "3:cpu,cpuacct:/\n0::/init.scope\n",
            {f"{V1}/cpu.cfs_quota_us": "50000\n", f"{V1}/cpu.cfs_period_us": "100000\n"},
            0.5, id="both versions",
        ),
        pytest.param(VERSION_2, "0::/\n", {f"{V2}/cpu.max": "nonsense\n"}, None, id="not a number"),
        pytest.param("garbage\n", "garbage\n", {}, None, id="no control groups"),
    ],
)  # fmt: skip
def test_a_quota_is_found_wherever_it_was_set(
    tmp_path: Path, mounts: str, group: str, files: dict[str, str], quota: float | None
) -> None:
    assert read_quota(write_machine(tmp_path, DESKTOP, {"proc/self/cgroup": group, **files}, mounts)) == quota


@pytest.mark.parametrize(("quota", "cores"), [("150000", 1), ("200000", 2), ("350000", 3), ("20000", 1), ("999999", 6)])
def test_a_quota_cuts_the_count_and_never_to_nothing(tmp_path: Path, quota: str, cores: int) -> None:
    files = {"proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": f"{quota} 100000\n"}
    topology = read_topology(write_machine(tmp_path, DESKTOP, files, VERSION_2), frozenset(range(8)))
    assert topology.usable_cores == cores


def test_what_limits_the_cores_is_said(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/\n", f"{V2}/cpu.max": "150000 100000\n"}
    topology = read_topology(write_machine(tmp_path, DESKTOP, files, VERSION_2), frozenset({0, 1, 2, 4}))
    assert topology.limits == [
        "its affinity allows 0-2,4",
        "its control group has a quota of 1.5 processors' time",
    ]


def test_accelerators_are_counted_by_their_drivers_or_named_by_the_shell(tmp_path: Path) -> None:
    assert visible_accelerators({}, tmp_path) == ()
    assert visible_accelerators({"CUDA_VISIBLE_DEVICES": "2,GPU-f0"}, tmp_path) == ("2", "GPU-f0")
    assert visible_accelerators({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()
    nodes = tmp_path / "sys/class/kfd/kfd/topology/nodes"
    for number, simds in enumerate((0, 440, 440)):
        (nodes / str(number)).mkdir(parents=True)
        (nodes / str(number) / "properties").write_text(f"cpu_cores_count 0\nsimd_count {simds}\nmem_banks_count 1\n")
    assert visible_accelerators({}, tmp_path) == ("0", "1")
    for number, simds in enumerate((440,) * 6, 3):
        (nodes / str(number)).mkdir(parents=True)
        (nodes / str(number) / "properties").write_text(f"simd_count {simds}\n")
    shell = {"ROCR_VISIBLE_DEVICES": "4,5", "HIP_VISIBLE_DEVICES": "1"}
    assert visible_accelerators(shell, tmp_path) == ("5",)
    assert visible_accelerators({"GPU_DEVICE_ORDINAL": "6,-1,7"}, tmp_path) == ("6",)
    assert visible_accelerators({"ROCR_VISIBLE_DEVICES": ""}, tmp_path) == ()
    for number in range(1, 9):
        with (nodes / str(number) / "properties").open("a") as file:
            file.write(f"unique_id {1000 + number}\n")
    assert visible_accelerators(shell, tmp_path) == ("GPU-00000000000003ee",)
    assert visible_accelerators({"ROCR_VISIBLE_DEVICES": "GPU-00000000000003ee"}, tmp_path) == ("GPU-00000000000003ee",)
    for bus in ("0000:18:00.0", "0000:2a:00.0", "0000:3a:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / bus).mkdir(parents=True)
    assert visible_accelerators({}, tmp_path) == ("0", "1", "2")


NVIDIA = """Model: \t\t NVIDIA H100 80GB HBM3
IRQ:   \t\t 431
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.89.00.01
Bus Type: \t PCIe
Device Minor: \t {minor}
GPU Excluded:\t No
"""


def write_nvidia(root: Path, uuids: list[str]) -> None:
    for number, uuid in enumerate(uuids):
        folder = root / f"proc/driver/nvidia/gpus/0000:{16 * (number + 1):02x}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(NVIDIA.format(uuid=uuid, minor=number))


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, "abc"), ("0", "a"), ("2,0", "ca"), ("GPU-0000000b", "b"), ("GPU-0000000C-0000", "c"),
        ("NoDevFiles", ""), ("0,-1,1", "a"), ("0,7,1", "a"), ("", ""), ("GPU-f", ""), ("GPU-0000000", ""),
    ],
)  # fmt: skip
def test_an_accelerator_has_one_name_whatever_a_shell_calls_it(tmp_path: Path, value: str | None, seen: str) -> None:
    """The driver's files as on an H100 node. CUDA ends its list at the first entry that names no single device."""
    write_nvidia(tmp_path, [f"GPU-0000000{letter}-0000-4000-8000-000000000000" for letter in "abc"])
    shell = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert "".join(name[11] for name in visible_accelerators(shell, tmp_path)) == seen


def test_parts_of_an_accelerator_and_one_that_is_not_ready_keep_the_names_that_they_are_given(tmp_path: Path) -> None:
    write_nvidia(tmp_path, ["GPU-0000000a-0000-4000-8000-000000000000", "GPU-????????-????-????-????-????????????"])
    assert visible_accelerators({}, tmp_path) == ("0", "1")
    parts = "MIG-11111111-0000-0000-0000-000000000000,MIG-22222222-0000-0000-0000-000000000000"
    assert visible_accelerators({"CUDA_VISIBLE_DEVICES": parts}, tmp_path) == tuple(parts.split(","))


def test_lists_of_processors_are_read_and_written_as_linux_does() -> None:
    assert parse_cpus("0-2,64,66-67\n") == (0, 1, 2, 64, 66, 67)
    assert parse_cpus("") == ()
    assert format_cpus((0, 1, 2, 64, 66, 67)) == "0-2,64,66-67"


COUNT = "from orchestrator.records.topology import read_topology as read; print(read().usable_cores, read().limits)"


def counted(setup: str = "", prefix: tuple[str, ...] = ()) -> str:
    """What a new process finds, after a line of shell."""
    words = [*prefix, "sh", "-c", f'{setup} exec "$0" -c "$1"', sys.executable, COUNT]
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(len(read_topology().usable) < 2, reason="one core cannot be made fewer")
def test_a_pinned_shell_has_the_cores_that_it_is_pinned_to() -> None:
    last = max(os.sched_getaffinity(0))
    assert counted(prefix=("taskset", "-c", str(last))) == f"1 ['its affinity allows {last}']"


@pytest.fixture
def group(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A control group of our own, of a controller of version 1 or the unified one of version 2."""
    around = Path("/sys/fs/cgroup", request.param)
    folder = around / f"test-{os.getpid()}"
    if not (around / "cgroup.procs").exists():
        pytest.skip("there are no such control groups here")
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield folder
    folder.rmdir()


@pytest.mark.parametrize("group", ["cpu", "."], indirect=True)
def test_a_real_quota_counts(group: Path) -> None:
    try:
        if (group / "cpu.cfs_quota_us").exists():
            (group / "cpu.cfs_quota_us").write_text("100000")
        else:
            (group / "cpu.max").write_text("100000 100000")
    except OSError as error:
        pytest.skip(f"no quota can be set here: {error}")
    assert counted(f"echo $$ > {group}/cgroup.procs;").startswith("1 ")


@pytest.mark.skipif(len(read_topology().usable) < 2, reason="one core cannot be made fewer")
@pytest.mark.parametrize("group", ["cpuset"], indirect=True)
def test_a_real_cpuset_counts(group: Path) -> None:
    first = min(os.sched_getaffinity(0))
    (group / "cpuset.mems").write_text((group.parent / "cpuset.mems").read_text())
    (group / "cpuset.cpus").write_text(str(first))
    assert counted(f"echo $$ > {group}/cgroup.procs;") == f"1 ['its affinity allows {first}']"
