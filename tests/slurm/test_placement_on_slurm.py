"""Where ranks sit on nodes of a real Slurm: cores with two threads, a site's cyclic default, two runs on a node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import Command

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


@pytest.mark.parametrize(("words", "processors"), [((), 8), (("+cluster.slurm.additional.hint=multithread",), 4)])
def test_cores_are_asked_for_and_not_half_of_them_with_both_threads(
    words: tuple[str, ...], processors: int, threads: list[str], orchestrator: Command, tmp_path: Path
) -> None:
    answer = orchestrator(*NOOP, *threads, *TWO_RANKS, *words)
    assert answer.code == 0, answer.out + answer.err
    (manifest,) = records(tmp_path, "manifest.json")
    assert manifest["spec"]["threads_per_rank"] == 2
    allocated = slurm("sacct", "--noheader", "--allocations", f"--jobs={manifest['job_id']}", "--format=AllocCPUS")
    assert int(allocated) == processors


def test_doctor_counts_cores_and_not_threads(threads: list[str], orchestrator: Command) -> None:
    words = ["doctor", "cluster=testcluster", *threads, "cluster.cores_per_node=8", "--json"]
    found = {item["subject"]: item for item in orchestrator(*words).document["findings"]}
    assert found["cores of nodes"]["detail"] == "4 a node with 2 threads each; the profile says 8"
    assert found["cores of nodes"]["remedy"] == "set cluster.cores_per_node=4"


def test_ranks_of_a_node_are_neighbours_whatever_the_sites_default(orchestrator: Command, tmp_path: Path) -> None:
    answer = orchestrator(*NOOP, *TWO_RANKS, "nodes=2", "+cluster.slurm.additional.distribution=cyclic")
    assert answer.code == 0, answer.out + answer.err
    (result,) = records(tmp_path, "attempt-1/result.json")
    assert result["world"]["hosts"] == ["n1", "n1", "n2", "n2"]
    (run,) = orchestrator("report", "c", "--json").document["runs"]
    assert run["placement"]["nodes"] == [0, 0, 1, 1]


def test_a_launcher_that_is_told_to_scatter_ranks_is_refused(orchestrator: Command) -> None:
    answer = orchestrator(*NOOP, *TWO_RANKS, "nodes=2", "cluster.launcher_options=[--distribution=cyclic]")
    assert answer.code == 1
    assert "ranks 0, 2 are on n1: ranks of a node must be neighbours" in answer.out


def test_two_runs_on_one_node_from_a_pinned_shell_are_bound_to_no_core_together(
    orchestrator: Command, tmp_path: Path
) -> None:
    """Nothing binds on the test cluster: each has all cores, and none is given to both alone."""
    words = [*NOOP, "repeats=2", "cluster.limits.max_jobs=2", "+cluster.slurm.additional.nodelist=n1"]
    answer = orchestrator(*words)
    assert answer.code == 0, answer.out + answer.err
    worlds = [result["world"] for result in records(tmp_path, "attempt-1/result.json")]
    assert [world["hosts"] for world in worlds] == [["n1"], ["n1"]]
    jobs = [manifest["job_id"] for manifest in records(tmp_path, "manifest.json")]
    given = [slurm("scontrol", "--details", "show", "job", job).partition("CPU_IDs=")[2].split()[0] for job in jobs]
    assert given[0] != given[1]
