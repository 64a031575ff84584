"""Where ranks sit on nodes of a real Slurm: cores with two threads, a site's cyclic default, two runs on a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Command, environment

from orchestrator.config.compose import compose_all
from orchestrator.doctor.slurm import examine_cores

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.usefixtures("cluster")]

NOOP = ["benchmark=noop", "mode=noop", "cluster=testcluster", "comm=mpi", "campaign=c"]
TWO_RANKS = ["cluster.ranks_per_node=2", "cluster.cores_per_node=4"]


def slurm(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def records(folder: Path, name: str) -> list[dict[str, Any]]:
    """Files of that name of all runs, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted((folder / "results/c").glob(f"*/{name}"))]


@pytest.fixture
def threads(cluster: dict[str, Any]) -> list[str]:
    """A partition whose nodes have four cores with two threads each."""
    if not any(node["name"] == "t1" for node in cluster["nodes"]):
        pytest.skip("no node has two threads a core: `slurm/testcluster up 4 --threaded 1`")
    return ["cluster.slurm.partition=threads"]


def given_processors(job: str) -> str:
    """The hardware threads of its node that a job got: "0-7"."""
    return slurm("scontrol", "--details", "show", "job", job).partition("CPU_IDs=")[2].split()[0]


def test_cores_are_given_out_and_not_half_of_them_with_both_threads(
    threads: list[str], orchestrator: Command, tmp_path: Path
) -> None:
    answer = orchestrator(*NOOP, *threads, *TWO_RANKS)
    assert answer.code == 0, answer.out + answer.err
    (manifest,) = records(tmp_path, "manifest.json")
    assert manifest["spec"]["threads_per_rank"] == 2
    assert given_processors(manifest["job_id"]) == "0-7"
    words = ["--partition=threads", "--ntasks-per-node=2", "--cpus-per-task=2", "--parsable", "--wrap=true"]
    assert given_processors(slurm("sbatch", "--wait", "--output=/dev/null", *words)) == "0-3", "what Slurm does unasked"


@pytest.mark.usefixtures("threads")
def test_doctor_counts_cores_and_not_threads() -> None:
    words = ["benchmark=noop", "cluster=testcluster", "cluster.slurm.partition=threads", "cluster.cores_per_node=8"]
    (config,) = compose_all(words, multirun=False)
    finding = examine_cores(config["cluster"])
    assert (finding.state, finding.detail) == ("warning", "4 a node with 2 threads each; the profile says 8")
    assert finding.remedy == "set cluster.cores_per_node=4"


def test_ranks_of_a_node_are_neighbours_whatever_the_sites_default(orchestrator: Command, tmp_path: Path) -> None:
    answer = orchestrator(*NOOP, *TWO_RANKS, "nodes=2", "+cluster.slurm.additional.distribution=cyclic")
    assert answer.code == 0, answer.out + answer.err
    (result,) = records(tmp_path, "attempt-1/result.json")
    assert result["world"]["hosts"] == ["n1", "n1", "n2", "n2"]
    (run,) = orchestrator("report", "c", "--json").document["runs"]
    assert run["placement"]["nodes"] == [0, 0, 1, 1]


def test_a_launcher_that_is_told_to_scatter_ranks_is_refused(orchestrator: Command) -> None:
    answer = orchestrator(*NOOP, *TWO_RANKS, "nodes=2", 'cluster.launcher_options=["--distribution=cyclic"]')
    assert answer.code == 1
    assert "ranks 0, 2 are on n1: ranks of a node must be neighbours" in answer.out


def test_two_runs_on_one_node_get_different_processors_though_the_shell_is_pinned_to_one(tmp_path: Path) -> None:
    words = [*NOOP, "repeats=2", "cluster.limits.max_jobs=2", "+cluster.slurm.additional.nodelist=n1"]
    pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0))), sys.executable, "-m", "orchestrator", *words]
    subprocess.run(pinned, cwd=tmp_path, env=environment(), check=True, capture_output=True, timeout=300)
    worlds = [result["world"] for result in records(tmp_path, "attempt-1/result.json")]
    assert [world["hosts"] for world in worlds] == [["n1"], ["n1"]]
    # Nothing binds ranks on the test cluster: each has all cores, neither of them the shell's alone.
    everything = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    assert [world["cores"] for world in worlds] == [[everything]] * 2
    first, second = (given_processors(manifest["job_id"]) for manifest in records(tmp_path, "manifest.json"))
    assert first != second
