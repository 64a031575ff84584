"""The first cause in what launchers, Slurm and Open MPI print, from what they really do."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.launch.launchers import LAUNCHERS
from orchestrator.launch.output import find_advice, kernel_kills, last_line

NO_INTERFACE = """\
--------------------------------------------------------------------------
No network interfaces were found for out-of-band communications. We require
at least one available network for out-of-band messaging, even when running
on a single machine. You may need to activate the loopback device or an
available interface.
--------------------------------------------------------------------------
"""
OVERLOAD = """\
--------------------------------------------------------------------------
A request was made to bind to that would result in binding more
processes than cpus on a resource:

   Bind to:     CORE
   Node:        n1
   #processes:  2
   #cpus:       1

You can override this protection by adding the "overload-allowed"
option to your binding directive.
--------------------------------------------------------------------------
"""
NO_PROGRAM = """\
--------------------------------------------------------------------------
prterun was unable to launch the specified application as it could not access
or execute an executable:

Executable: /nowhere/python
Node: n1

while attempting to start process rank 0.
--------------------------------------------------------------------------
1 total processes failed to start
"""
ENDED = """\
--------------------------------------------------------------------------
prterun has exited due to process rank 1 with PID 0 on node n1 calling "abort".
--------------------------------------------------------------------------
"""
WARNED = """\
--------------------------------------------------------------------------
WARNING: No preset parameters were found for the device that Open MPI
detected:

  Local host: n1
--------------------------------------------------------------------------
"""
LOST_DAEMON = """\
--------------------------------------------------------------------------
PRTE has lost communication with a remote daemon.

  HNP daemon   : [prterun-n1-7@0,0] on node n1
  Remote daemon: [prterun-n1-7@0,2] on node n3

This is usually due to either a failure of the TCP network
connection to the node, or possibly an internal failure of
the daemon itself.
--------------------------------------------------------------------------
"""


@pytest.mark.parametrize(
    ("printed", "begins"),
    [
        (WARNED + NO_INTERFACE, "Open MPI: No network interfaces were found"),
        (WARNED, "Open MPI: WARNING: No preset parameters were found for the device"),
        (LOST_DAEMON, "lost contact with node n3"),
        (NO_INTERFACE, "Open MPI: No network interfaces were found for out-of-band communications. We require at"),
        (OVERLOAD, "Open MPI: A request was made to bind to that would result in binding more processes than cpus"),
        (ENDED + NO_INTERFACE, "Open MPI: No network interfaces were found"),
        (NO_PROGRAM, "Open MPI: prterun was unable to launch the specified application as it could not access"),
    ],
)  # fmt: skip
def test_of_open_mpis_advice_the_beginning_is_the_cause(printed: str, begins: str) -> None:
    assert str(LAUNCHERS["mpirun"].first_failure(printed)).startswith(begins)


def test_a_box_about_an_end_is_no_advice() -> None:
    assert find_advice(ENDED) is None


NO_PMIX = """\
slurmstepd: error: mpi/pmix_v4: init: (null) [0]: mpi_pmix.c:169: pmi/pmix: can not load PMIx library
slurmstepd: error: Couldn't load specified plugin name for mpi/pmix: Plugin init() callback failed
slurmstepd: error: MPI: Cannot create context for mpi/pmix
srun: error: task 0 launch failed: Unspecified error
srun: error: n1: task 0: Exited with exit code 1
"""
NODE_GONE = """\
slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-11-29T08:00:00 DUE TO NODE FAILURE, SEE SLURMCTLD LOG ***
srun: error: Node failure on n2
srun: Job step aborted: Waiting up to 32 seconds for job step to finish.
srun: error: n1: task 0: Killed
"""
MEMORY = """\
slurmstepd: error: StepId=94.0 exceeded memory limit (1503238553 > 314572800), being killed
slurmstepd: error: StepId=94.0 exceeded memory limit (1503238553 > 314572800), being killed
slurmstepd: error: *** STEP 94.0 ON n1 CANCELLED AT 2026-11-29T08:00:00 ***
srun: Job step aborted: Waiting up to 7 seconds for job step to finish.
srun: error: n1: task 0: Killed
"""
CONTROL_GROUP = """\
srun: error: n3: task 2: Out Of Memory
slurmstepd: error: Detected 1 oom_kill event in StepId=94.0. Some of the step tasks have been OOM Killed.
"""
NO_MODULE = """\
1: Traceback (most recent call last):
1: ModuleNotFoundError: No module named 'workloads'
srun: error: n2: task 1: Exited with exit code 1
"""


@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        (NO_PMIX, "Slurm: mpi/pmix_v4: init: (null) [0]: mpi_pmix.c:169: pmi/pmix: can not load PMIx library"),
        (NODE_GONE, "node n2 failed"),
        (MEMORY, "rank 0 on n1: out of memory (1.5 GB of 0.3 GB)"),
        (CONTROL_GROUP, "rank 2 on n3: out of memory (the job's share of its node is used up)"),
        (NO_MODULE, "rank 1 on n2: Exited with exit code 1: ModuleNotFoundError: No module named 'workloads'"),
        ("srun: error: n1: task 3: Segmentation fault\n", "rank 3 on n1: Segmentation fault"),
        ("srun: Job step aborted: Waiting up to 32 seconds\n", None),
    ],
)
def test_of_slurms_lines_the_first_that_is_not_about_an_end_is_the_cause(printed: str, cause: str | None) -> None:
    assert LAUNCHERS["srun"].first_failure(printed) == cause


def test_memory_is_the_cause_under_mpirun_too() -> None:
    killed = "prterun noticed that process rank 1 with PID 4 on node n7 exited on signal 9 (Killed).\n"
    assert LAUNCHERS["mpirun"].first_failure(MEMORY.splitlines()[0] + "\n" + killed) == (
        "rank 1 on n7: out of memory (1.5 GB of 0.3 GB)"
    )


def test_a_programs_own_last_line_is_told_rather_than_slurms() -> None:
    printed = "loading\nno module openmpi/9\nslurmstepd: error: *** JOB 7 ***\n------\n"
    assert last_line(printed) == "no module openmpi/9"
    assert last_line("slurmstepd: error: only this\n") == "slurmstepd: error: only this"


@pytest.mark.skipif(not Path("/proc/vmstat").exists(), reason="Linux tells it")
def test_the_kernels_count_of_processes_that_it_ended_is_read() -> None:
    before = counted_kills()
    found = kernel_kills()
    assert before <= found <= counted_kills()


def counted_kills() -> int:
    """What the line "oom_kill N" of the kernel's counters says; 0 of a kernel that does not count them."""
    counters = dict(line.split() for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
    return int(counters.get("oom_kill", 0))
