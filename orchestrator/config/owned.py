"""Options that the program steers jobs by. Given again in a pass-through list, they would replace what it relies on.

A test holds that whatever batch scripts and launchers set is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.errors import UsageError

SBATCH: Mapping[str, str] = {
    "job-name": "campaign",
    "signal": "cluster.limits.warning_s",
    "requeue": "cluster.slurm.requeue",
    "no-requeue": "cluster.slurm.requeue",
    "output": "results",
    "error": "results",
    "open-mode": "results",
    "chdir": "results",
    "input": "",
    "array": "cluster.limits.max_jobs",
    "nodes": "nodes",
    "ntasks": "cluster.ranks_per_node",
    "ntasks-per-node": "cluster.ranks_per_node",
    "tasks-per-node": "cluster.ranks_per_node",
    "cpus-per-task": "cluster.threads_per_rank",
    "time": "cluster.limits.time_min",
    "partition": "cluster.slurm.partition",
    "account": "cluster.slurm.account",
    "qos": "cluster.slurm.qos",
    "reservation": "cluster.slurm.reservation",
    "constraint": "cluster.slurm.constraint",
    "wckey": "cluster.slurm.wckey",
    "gres": "cluster.slurm.gres",
    "gpus-per-node": "cluster.slurm.gpus_per_node",
    "exclude": "cluster.slurm.exclude",
    "wrap": "",
    "wait": "",
    "parsable": "",
    "quiet": "",
    "test-only": "",
    "help": "",
    "usage": "",
    "version": "",
}
"""sbatch's, each with the key to use instead. ``comment`` is not here: a person's own stands beside ours."""

SHARED = {"mem": "memory_gb", "exclusive": "exclusive"}
"""sbatch's that can say more than the key does, which then must not be set."""

YIELDED = ("hint", "distribution")
"""Options that are set unless a profile says otherwise by its own: where ranks sit on a node's cores."""

SCHEDULE: Mapping[str, str] = {
    **SBATCH,
    "job-name": "schedule.name",
    "comment": "",
    "begin": "schedule.when",
    "nodes": "",
    "ntasks": "",
    "cpus-per-task": "",
    "signal": "schedule.time_limit_min",
    "requeue": "schedule.catch_up",
    "time": "schedule.time_limit_min",
    **{name: f"schedule.slurm.{name}" for name in ("partition", "account", "qos")},
}
"""sbatch's of the small job that starts a sweep."""

LAUNCHER: Mapping[str, Mapping[str, str]] = {
    "srun": {
        "mpi": "cluster.pmi", "nodes": "nodes", "N": "nodes", "ntasks": "cluster.ranks_per_node",
        "n": "cluster.ranks_per_node", "ntasks-per-node": "cluster.ranks_per_node",
        "cpus-per-task": "cluster.threads_per_rank", "c": "cluster.threads_per_rank",
        "kill-on-bad-exit": "", "K": "", "wait": "", "W": "", "label": "", "l": "", "unbuffered": "", "u": "",
        "export": "cluster.environment", "output": "", "o": "", "error": "", "e": "", "input": "", "i": "",
        "multi-prog": "", "pty": "", "jobid": "", "time": "cluster.limits.time_min", "t": "cluster.limits.time_min",
        "test-only": "", "help": "", "version": "", "V": "", "h": "", "usage": "",
    },
    "mpirun": {
        "n": "cluster.ranks_per_node", "np": "cluster.ranks_per_node", "c": "cluster.ranks_per_node",
        "N": "cluster.ranks_per_node", "npernode": "cluster.ranks_per_node",
        "bind-to": "cluster.bind_ranks", "map-by": "cluster.bind_ranks",
        "output": "", "tag-output": "", "help": "", "h": "", "version": "", "V": "",
    },
}  # fmt: skip
"""By launcher, those that it is started with, and those after which it would start no ranks or keep their output."""


def refuse_owned(key: str, options: Mapping[str, object], slurm: Mapping[str, object] | None = None) -> None:
    """Raise UsageError for a pass-through option of sbatch that is the program's own. ``slurm``: the keys beside it.

    sbatch takes any beginning of an option that tells it from others, so ``job-nam`` is ``job-name``.
    """
    owned = SCHEDULE if key.startswith("schedule.") else SBATCH
    for option in options:
        name = str(option)
        meant = name if name in owned else next((one for one in owned if is_beginning(name, one)), None)
        if meant is not None:
            raise UsageError(owned_message(f"{key}.{name}", f"--{meant}", owned[meant]), key=f"{key}.{name}")
        beside = SHARED.get(name)
        if slurm is not None and beside and slurm.get(beside):
            raise UsageError(
                f"{key}.{name}: cluster.slurm.{beside} says the same; leave one of the two out.", key=f"{key}.{name}"
            )


REAL = ("gpus", "mem")
"""sbatch's own options that are the beginning of others."""


def is_beginning(word: str, option: str) -> bool:
    """Whether sbatch would take the word for that option."""
    return len(word) >= 2 and option.startswith(word) and word not in REAL


def refuse_owned_words(key: str, words: Iterable[str], launcher: str) -> None:
    """Raise UsageError for an option of a launcher that is the program's own."""
    owned = LAUNCHER.get(launcher, {})
    for number, word in enumerate(words):
        name = word.lstrip("-").partition("=")[0]
        if not word.startswith("-") or not name:
            continue
        short = launcher == "srun" and not word.startswith("--")
        # srun takes a value right after the letter, and any beginning of a long option.
        meant = name[0] if short and name[0] in owned else name if name in owned else None
        if meant is None and launcher == "srun" and not short:
            meant = next((one for one in owned if len(one) > 1 and is_beginning(name, one)), None)
        if meant is not None:
            dashes = word[: len(word) - len(word.lstrip("-"))]
            raise UsageError(owned_message(f"{key}[{number}]={word}", f"{dashes}{meant}", owned[meant]), key=key)


def owned_message(place: str, option: str, instead: str) -> str:
    """Return the message for an option that is the program's own, with the key to use instead."""
    remedy = f"use {instead} instead" if instead else "leave it out"
    return f"{place}: {option} is set by the program, which steers the job by it; {remedy}."
