"""The node's inventory from texts of other programs: lines that are no rows, names with blanks, lost devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from workloads.probe.inventory import ACCELERATOR_FIELDS, accelerators_of, mount_kind

H100 = "NVIDIA H100 80GB HBM3, GPU-5d3a, 550.54.15, 96.00.89.00.01, 81559, 5, 16, 0, 0x0000000000000000"


def test_a_lost_gpu_is_said_and_is_no_gpu_by_the_name_of_the_message() -> None:
    """nvidia-smi's line for a GPU that has fallen off the bus, as dcgm-exporter's users report it."""
    lost = (
        "Unable to determine the device handle for GPU0000:C1:00.0: GPU is lost. Reboot the system to recover this GPU"
    )
    first, second = accelerators_of(f"{H100}\n{lost}\n")
    assert first["name"] == "NVIDIA H100 80GB HBM3" and set(first) == set(ACCELERATOR_FIELDS)
    assert second == {"error": lost}


def test_a_tools_complaint_alone_is_no_accelerator() -> None:
    assert accelerators_of("") == []
    text = (
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that it is running.\n"
    )
    assert accelerators_of(text) == []


MOUNTS = r"""proc /proc proc rw,nosuid 0 0
/dev/sda1 / ext4 rw,relatime 0 0
tmpfs /run/my\040scratch tmpfs rw,size=1024k 0 0
server:/export\011odd /mnt/back\134slash nfs4 rw,vers=4.2 0 0
tmpfs /run/my tmpfs rw 0 0
"""


def test_a_mount_point_with_a_blank_is_found() -> None:
    assert mount_kind(MOUNTS, Path("/run/my scratch/data")) == "tmpfs"
    assert mount_kind(MOUNTS, Path("/mnt/back\\slash/x")) == "nfs4"
    assert mount_kind(MOUNTS, Path("/run/mystery")) == "ext4"
    assert mount_kind("", Path("/run")) is None


def test_nvidias_library_tells_what_the_node_has_and_which_does_not_answer(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "runtime" / "measurement" / "nvml_stub.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1", source], check=True)
    program = (
        "import json; from workloads.runtime.measurement.meters.nvml import describe_nvidia;"
        "print(json.dumps(describe_nvidia()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={"LD_LIBRARY_PATH": str(tmp_path)},
        cwd=Path(__file__).parents[3],
    )
    found = json.loads(ended.stdout)
    assert len(found) == 8 and found[3] == {"index": 3, "error": "GPU is lost"}
    assert found[2]["name"] == "NVIDIA H100 80GB HBM3"
    assert found[2]["uuid"] == "GPU-00000000-0000-0000-0000-000000000002"
