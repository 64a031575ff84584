"""The names that a configuration may use, one table for each kind of name. Both sides read them here.

What a name stands for is looked up where it is used: a test holds that the runtime's communicators and optimisers,
the launchers and the schedulers have exactly these names. Standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package that ranks stand on. ``remedy``: what to do where it is missing. ``proof``: a Python expression that
    imports it in earnest and says its version.
    """

    remedy: str
    proof: str


@dataclass(frozen=True)
class CommunicatorChoice:
    """A communicator. ``needs``: the packages without which it cannot be had. ``lost_peer``: how its errors read, as
    "module.Class: message", on a rank whose peer is gone (a regular expression).
    """

    needs: tuple[str, ...]
    lost_peer: str


@dataclass(frozen=True)
class SchedulerChoice:
    """A scheduler. ``here``: its jobs run on this machine, all of whose "nodes" share its cores. ``replaced_in_paths``:
    a character that it replaces in the names of files.
    """

    what: str
    here: bool
    replaced_in_paths: str = ""


PACKAGES: Mapping[str, Package] = {
    "torch": Package("run `python -m orchestrator setup` to install it", "__import__('torch').__version__"),
    "mpi4py": Package(
        "run `python -m orchestrator setup` to install it",
        # Open MPI's banner goes on with who built it.
        "__import__('mpi4py.MPI', fromlist=['MPI']).Get_library_version().splitlines()[0].strip('\\0 ')"
        ".partition(', package:')[0]",
    ),
    "horovod": Package(
        "run `python -m orchestrator setup` to build it",
        "(__import__('horovod.torch'), __import__('horovod').__version__)[1]",
    ),
}

COMMUNICATORS: Mapping[str, CommunicatorChoice] = {
    "horovod": CommunicatorChoice(("torch", "mpi4py", "horovod"), r"\.HorovodInternalError:"),
    "mpi": CommunicatorChoice(("torch", "mpi4py"), r"^mpi4py\b"),
    "torch": CommunicatorChoice(
        ("torch",),
        r"\.(DistBackendError|DistNetworkError):|"
        r"RuntimeError: .*(Connection closed by peer|Connection reset by peer|Broken pipe|\[\.\./third_party/gloo)",
    ),
}

SCHEDULERS: Mapping[str, SchedulerChoice] = {
    "local": SchedulerChoice("this machine, one run after the other", here=True),
    "slurm": SchedulerChoice("a Slurm machine, through sbatch", here=False, replaced_in_paths="%"),
}

LAUNCHERS: Mapping[str, str] = {
    "mpirun": "Open MPI's or MPICH's own launcher",
    "srun": "Slurm's launcher, inside an allocation",
}

HIDES_DEVICES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")
"""Variables by which a process is shown only some of its machine's accelerators: NVIDIA's, ROCm's, HIP's two."""

PMI = ("pmix", "pmix_v2", "pmix_v3", "pmix_v4", "pmix_v5", "pmi2", "cray_shasta", "none")
"""How srun wires the ranks up, as ``srun --mpi=`` names it."""

MODES: Mapping[str, str] = {
    "training": "train, and measure throughput, quality and time to accuracy",
    "inference": "predict with a trained model, and measure latency and throughput",
    "probe": "measure the machine itself: nodes, links, collective operations",
    "noop": "do nothing, and measure what starting, joining and collecting take",
}
TASK_MODES = ("training", "inference")
"""What any benchmark with a task can do. For another mode a benchmark needs a procedure of its own."""

SCALE_MODES: Mapping[str, str] = {
    "single": "every scale by itself",
    "weak": "constant batch per rank",
    "strong": "constant global batch",
}

LEARNING_RATE_RULES: Mapping[str, str] = {
    "none": "the rate as given",
    "sqrt": "the rate times the root of the global batch over the base batch",
    "linear": "the rate times the global batch over the base batch",
}

SCHEDULES: Mapping[str, str] = {
    "constant": "the peak rate after warm-up",
    "cosine": "half a cosine from the peak rate down to final_fraction of it",
    "step": "times decay_factor at the end of every decay_every_epochs",
    "inverse_time": "the peak rate over 1 + decay_factor for every decay_every_epochs",
    "one_cycle": "up to the peak rate and down to almost nothing, by half cosines",
}

OPTIMIZERS: Mapping[str, str] = {
    "adam": "Adam",
    "adamw": "Adam with decoupled weight decay",
    "sgd": "stochastic gradient descent with momentum",
    "lbfgs": "limited-memory BFGS, several evaluations of the loss a step",
}

PRECISIONS = ("float32", "bfloat16")
"""What is computed in, or sent in. Training also takes "auto": bfloat16 where all ranks' devices have units for it."""

KERNELS: Mapping[str, str] = {
    "torch": "torch's layers",
    "own": "the project's layers",
    "auto": "the project's layers where all ranks can have them",
}


def communicators_without(package: str) -> list[str]:
    """Communicators that can be had where the package is missing."""
    return [name for name, choice in COMMUNICATORS.items() if package not in choice.needs]


def remedy_for(package: str) -> str:
    """What to do where a package is missing: "run ``make setup`` to build it, or add comm=mpi or comm=torch"."""
    others = " or ".join(f"comm={name}" for name in communicators_without(package))
    return PACKAGES[package].remedy + (f", or add {others}" if others else "")
