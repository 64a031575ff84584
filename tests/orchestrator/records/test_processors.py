"""Processors of any architecture are named from what Linux tells of them; texts in the form of real machines'."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.records import Processors, processors
from orchestrator.records.processors import caches, count_units, identify_processors, instructions, mlperf_fields

XEON = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8480+
stepping\t: 8
microcode\t: 0x2b0004d0
flags\t\t: fpu avx512_bf16 amx_bf16
power management:

processor\t: 1
model name\t: another name
"""
GRACE = """processor\t: 0
BogoMIPS\t: 2000.00
Features\t: fp asimd sve bf16
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd4f
CPU revision\t: 0
"""
A64FX = GRACE.replace("0x41", "0x46").replace("0xd4f", "0x001").replace("variant\t: 0x0", "variant\t: 0x1")
KUNPENG = GRACE.replace("0x41", "0x48").replace("0xd4f", "0xd01")
SPARK = GRACE.replace("0xd4f", "0xd87") + "\n" + GRACE.replace("0xd4f", "0xd85")
ALTRA = (
    GRACE.replace("0xd4f", "0xd0c")
    .replace("variant\t: 0x0", "variant\t: 0x3")
    .replace("revision\t: 0", "revision\t: 1")
)
NEW = GRACE.replace("0xd4f", "0xfff")
POWER9 = """processor\t: 0
cpu\t\t: POWER9, altivec supported
clock\t\t: 3783.000000MHz
revision\t: 2.3 (pvr 004e 1203)

timebase\t: 512000000
platform\t: PowerNV
model\t\t: 8335-GTX
machine\t\t: PowerNV 8335-GTX
"""
SIFIVE = """processor\t: 0
hart\t\t: 2
isa\t\t: rv64imafdc_zicntr_zicsr
mmu\t\t: sv39
uarch\t\t: sifive,u74-mc
mvendorid\t: 0x489
marchid\t\t: 0x8000000000000007
mimpid\t\t: 0x4210427
"""
SOPHGO = SIFIVE.replace("uarch\t\t: sifive,u74-mc\n", "").replace("0x489", "0x5b7").replace("0x8000000000000007", "0x0")
Z15 = """vendor_id       : IBM/S390
# processors    : 2
bogomips per cpu: 3241.00
processor 0: version = FF,  identification = 0B8A28,  machine = 8561
"""
LOONGSON = (
    "system type\t: generic-loongson-machine\n\nprocessor\t: 0\nModel Name\t: Loongson-3A5000\nCPU Revision\t: 0x11\n"
)


@pytest.mark.parametrize(
    ("text", "architecture", "name", "microcode"),
    [
        (XEON, "x86_64", "Intel(R) Xeon(R) Platinum 8480+", "0x2b0004d0"),
        (GRACE, "aarch64", "Arm Neoverse-V2", "r0p0"),
        (ALTRA, "aarch64", "Arm Neoverse-N1", "r3p1"),
        (A64FX, "aarch64", "Fujitsu A64FX", "r1p0"),
        (KUNPENG, "aarch64", "HiSilicon TaiShan v110", "r0p0"),
        (SPARK, "aarch64", "Arm Cortex-A725, Arm Cortex-X925", "r0p0"),
        (NEW, "aarch64", "Arm part 0xfff", "r0p0"),
        (POWER9, "ppc64le", "POWER9", "2.3 (pvr 004e 1203)"),
        (SIFIVE, "riscv64", "sifive,u74-mc", "0x4210427"),
        (SOPHGO, "riscv64", "RISC-V vendor 0x5b7 arch 0x0", "0x4210427"),
        (Z15, "s390x", "IBM/S390 8561", None),
        (LOONGSON, "loongarch64", "Loongson-3A5000", None),
        ("", "aarch64", "aarch64", None),
    ],
)
def test_processors_are_named_on_every_architecture(
    text: str, architecture: str, name: str, microcode: str | None
) -> None:
    found = identify_processors(text, architecture)
    assert (found.name, found.microcode) == (name, microcode)


def test_instructions_are_found_under_either_architectures_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "PROCESSORS", tmp_path / "cpuinfo")
    for text, expected in ((XEON, "avx512_bf16"), (GRACE, "bf16")):
        (tmp_path / "cpuinfo").write_text(text)
        assert expected in instructions()
    (tmp_path / "cpuinfo").write_text(POWER9)
    assert instructions() == ()


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


def test_caches_are_named_by_level_whatever_number_the_last_one_has(tmp_path: Path) -> None:
    """A64FX: its last level is the second."""
    index = "cpu/cpu0/cache/index"
    root = tree(
        tmp_path,
        {
            f"{index}0/level": "1", f"{index}0/type": "Data", f"{index}0/size": "64K",
            f"{index}1/level": "1", f"{index}1/type": "Instruction", f"{index}1/size": "64K",
            f"{index}2/level": "2", f"{index}2/type": "Unified", f"{index}2/size": "8192K",
        },
    )  # fmt: skip
    assert caches(root) == {"L1d": "64K", "L1i": "64K", "L2": "8192K"}
    assert caches(tmp_path / "nothing") == {}


def test_cores_are_counted_by_the_threads_that_share_them(tmp_path: Path) -> None:
    """Two packages of two cores of two threads, whose core numbers repeat."""
    files: dict[str, str] = {}
    for thread in range(8):
        topology = f"cpu/cpu{thread}/topology"
        package, core = thread // 2 % 2, thread % 2
        files |= {
            f"{topology}/physical_package_id": str(package),
            f"{topology}/core_id": str(core),
            f"{topology}/thread_siblings_list": f"{thread % 4},{thread % 4 + 4}",
        }
    root = tree(tmp_path, files | {"node/node0/cpulist": "0", "node/node1/cpulist": "1"})
    assert count_units(root) == {"cores": 4, "threads": 8, "sockets": 2, "numa_nodes": 2}


def test_a_package_number_that_firmware_does_not_tell_is_no_socket(tmp_path: Path) -> None:
    topology = "cpu/cpu0/topology"
    root = tree(tmp_path, {f"{topology}/physical_package_id": "-1", f"{topology}/core_cpus_list": "0"})
    assert count_units(root) == {"cores": 1, "threads": 1, "sockets": None, "numa_nodes": None}


def test_several_kinds_of_node_stand_in_mlperfs_fields_one_after_the_other() -> None:
    host: Processors = {"name": "EPYC 7763", "microcode": None, "cores": 128, "sockets": 2, "caches": {"L1d": "32K"}}
    guest: Processors = {"name": "Arm Neoverse-V2", "microcode": "r0p0", "cores": 128, "sockets": None}
    assert mlperf_fields([host, guest]) == {
        "host_processor_model_name": "EPYC 7763, Arm Neoverse-V2",
        "host_processor_microcode": "r0p0",
        "host_processor_core_count": "128",
        "host_processor_vcpu_count": "",
        "host_processors_per_node": "2",
        "host_processor_caches": "L1d 32K",
    }
