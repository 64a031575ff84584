"""The launchers: the command line that starts the ranks of a job, and how each reports a rank that died.

This file is the list of launchers. A launcher knows nothing of benchmarks.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.installation.mpi import Mpi
from orchestrator.launch.output import (
    find_advice,
    find_memory_end,
    find_node_failure,
    find_rank_end,
    find_slurm_error,
    last_line,
    without_tags,
)
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import ClusterSettings

THREADS_OF_A_CORE = frozenset({"hint", "threads-per-core", "ntasks-per-core", "cpu-bind", "extra-node-info", "B"})
"""Options of Slurm that say which hardware threads are given out. Slurm takes ``--hint`` beside none of the others."""


@dataclass(frozen=True)
class Ranks:
    """The number of ranks to start, and their places."""

    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    cores: int

    @property
    def total(self) -> int:
        """Number of ranks."""
        return self.nodes * self.ranks_per_node


class Launcher(ABC):
    """Starts one program as several ranks."""

    name: str

    @abstractmethod
    def command(self, ranks: Ranks, cluster: ClusterSettings, mpi: Mpi | None, program: list[str]) -> list[str]:
        """Return the command line that starts ``program`` on all ranks."""

    @abstractmethod
    def first_failure(self, stderr: str) -> str | None:
        """Return the launcher's report on the rank that ended first, in one line, or None."""


class Mpirun(Launcher):
    """The launcher of Open MPI or MPICH, on this machine or inside an allocation."""

    name = "mpirun"

    def command(self, ranks: Ranks, cluster: ClusterSettings, mpi: Mpi | None, program: list[str]) -> list[str]:
        """Return ``mpirun -n RANKS … PROGRAM``. Open MPI is told the ranks' places; others place ranks themselves."""
        if mpi is None:
            raise FileNotFoundError(
                "there is no mpirun: load your site's MPI module, or run `python -m orchestrator setup`, "
                "which installs one"
            )
        options = [str(mpi.launcher), "-n", str(ranks.total)]
        if mpi.is_open_mpi:
            options += self.placement(ranks, SCHEDULERS[cluster["scheduler"]].here, cluster["bind_ranks"])
            options += ["--output", "tag"] if mpi.major_version >= 5 else ["--tag-output"]
            if not SCHEDULERS[cluster["scheduler"]].here:
                # Variables reach ranks on other nodes only when named.
                options += [word for variable in sorted(cluster["environment"]) for word in ("-x", variable)]
        return options + list(cluster["launcher_options"]) + program

    @staticmethod
    def placement(ranks: Ranks, local: bool, bind: bool) -> list[str]:
        """Return options that bind every rank of an allocation to cores of its own, if there are enough and it is
        wanted. On this machine ranks bind themselves: mpirun would begin at the first core, whoever has it.
        """
        if local:
            return ["--bind-to", "none", "--map-by", "slot:OVERSUBSCRIBE"]
        bind = bind and ranks.ranks_per_node * ranks.threads_per_rank <= ranks.cores
        cores = f":PE={ranks.threads_per_rank}" if bind else ""
        where = f"ppr:{ranks.ranks_per_node}:node{cores}:OVERSUBSCRIBE"
        return ["--bind-to", "core" if bind else "none", "--map-by", where]

    def first_failure(self, stderr: str) -> str | None:
        """Parse "process rank 1 with PID 7 on node x exited on signal 9 (Killed)" and its variants, or what Open MPI
        says of itself when ranks cannot begin.
        """
        text = re.sub(r"\s+", " ", without_tags(stderr))
        memory = find_memory_end(text)
        signal = re.search(r"process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+ \([^)]*\))", text)
        if signal:
            who = f"rank {signal[1]} on {signal[2].rstrip('.')}"
            return f"{who}: {memory}" if memory else f"{who} was ended by signal {signal[3]}"
        if memory:
            return memory
        status = re.search(r"Process name: \[[^,\]]*,(\d+)\] Exit code: (\d+)", text)
        if status:
            return f"rank {status[1]} exited with code {status[2]}"
        lost = re.search(r"lost (?:contact|connection) with (?:daemon|node)[^.]*", text)
        if lost:
            return lost[0]
        away = re.search(r"lost communication with a remote daemon\. .*? Remote daemon *: \S+ on node (\S+)", text)
        if away:
            return f"lost contact with node {away[1]}"
        advice = find_advice(stderr)
        return f"Open MPI: {advice}" if advice else None


class Srun(Launcher):
    """Slurm's own launcher, inside an allocation."""

    name = "srun"

    def command(self, ranks: Ranks, cluster: ClusterSettings, mpi: Mpi | None, program: list[str]) -> list[str]:
        """Return ``srun --mpi=… PROGRAM``. Cores are passed on explicitly, and one failed rank ends all.

        Neighbouring ranks share nodes and sockets, whatever the site's default: accelerators are taken in that order.
        """
        options = [
            "srun",
            f"--mpi={cluster['pmi']}",
            f"--nodes={ranks.nodes}",
            f"--ntasks={ranks.total}",
            f"--ntasks-per-node={ranks.ranks_per_node}",
            f"--cpus-per-task={ranks.threads_per_rank}",
            "--distribution=block:block",
            *(f"--{name}={value}" for name, value in core_options(cluster, cluster["launcher_options"]).items()),
            "--kill-on-bad-exit=1",
            "--wait=30",
            "--label",
            "--unbuffered",
            # An option of the job must not keep its variables from the ranks.
            "--export=ALL",
        ]
        return options + list(cluster["launcher_options"]) + program

    def first_failure(self, stderr: str) -> str | None:
        """Parse "srun: error: n1: task 1: Killed" and what Slurm says of memory, nodes and plugins."""
        memory, ended = find_memory_end(stderr), find_rank_end(stderr)
        if memory:
            return f"{ended[0]}: {memory}" if ended else memory
        node = find_node_failure(stderr)
        if node:
            return node
        if ended and not ended[1].startswith("Exited"):
            return ": ".join(ended)
        error = find_slurm_error(without_tags(stderr))
        if error or not ended:
            return error and f"Slurm: {error}"
        said = last_line(stderr)
        return ": ".join([*ended, said] if said and not said.startswith("srun:") else ended)


def core_options(cluster: ClusterSettings, words: Sequence[str] = ()) -> dict[str, str]:
    """Return the option by which Slurm gives out a core for each "CPU" that is asked for.

    Without it, where a core has two threads, half of the cores are given out with both their threads. There is none if
    the profile's own options, or ``words``, say which threads to give out.
    """
    own = {str(key).replace("_", "-") for key in cluster["slurm"]["additional"]}
    own |= {word.split("=", 1)[0].strip("-").replace("_", "-") for word in words}
    return {} if own & THREADS_OF_A_CORE else {"hint": "nomultithread"}


LAUNCHERS: dict[str, Launcher] = {launcher.name: launcher for launcher in (Mpirun(), Srun())}
