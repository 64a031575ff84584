"""What of a process's environment must not reach the jobs that it starts: how it was itself started.

One list for every way out: sbatch and Slurm's other commands, mpirun, and the sweep that the clock starts.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.records.choices import HIDES_DEVICES
from orchestrator.records.placement import CORES_VARIABLE, DEVICES_VARIABLE, UNBOUND_VARIABLE

LOCAL_JOB = "ORCHESTRATOR_LOCAL_JOB"
"""The id of a job of this machine, as its own processes know it."""
FOREIGN = (
    "SLURM_", "SLURMD_", "SRUN_", "SBATCH_", "SALLOC_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_", "SCONTROL_",
    "SUBMITIT_", "PMIX_", "PMI_", "OMPI_COMM_", "OMPI_UNIVERSE_", "TORCHELASTIC_", LOCAL_JOB,
    CORES_VARIABLE, DEVICES_VARIABLE, UNBOUND_VARIABLE,
)  # fmt: skip
"""Beginnings of the variables by which a job, a launcher or a shell speaks to what runs within it."""
FOREIGN_NAMES = frozenset(
    {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT"}
)
"""torchrun's."""
KEPT = ("SLURM_CONF", "SLURM_JWT", "PMIX_MCA_")
"""How to reach Slurm, and settings of a site's MPI: these are of the machine, not of a job."""
STEERS_STEPS = frozenset(
    {"SLURM_EXPORT_ENV", "SRUN_EXPORT_ENV", "SLURM_MULTI_PROG", "SLURM_STDINMODE", "SLURM_STDOUTMODE",
     "SLURM_STDERRMODE", "SRUN_INPUT", "SRUN_OUTPUT", "SRUN_ERROR", "SLURM_TIMELIMIT", "SLURM_DEPENDENCY"}
)  # fmt: skip
"""By these an option of the job, as ``--export``, or a line of its set-up would keep from the ranks what they need:
their variables, their program, their output's place, their time. All else that srun reads is stated on its line, or the
profile's own affair.
"""


def is_foreign(name: str) -> bool:
    """Whether a variable says how this process was started."""
    return name in FOREIGN_NAMES or (name.startswith(FOREIGN) and not name.startswith(KEPT))


def without_foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a job of its own."""
    return {name: value for name, value in environment.items() if not is_foreign(name)}


def for_other_nodes(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a job that a scheduler starts on nodes that it chooses: what a shell is shown of its own
    machine's accelerators says nothing there.
    """
    return {name: value for name, value in without_foreign(environment).items() if name not in HIDES_DEVICES}


def for_steps(environment: Mapping[str, str]) -> dict[str, str]:
    """The job's environment for the launcher that starts its ranks: it needs to know the job that it is in."""
    return {name: value for name, value in environment.items() if name not in STEERS_STEPS}
