"""Ranks read a copy of the data on their node's own disk, made by one of them."""

import json
from pathlib import Path

import pytest
from commands import Command
from ranks import EACH_COMMUNICATOR

pytestmark = pytest.mark.ranks


def staged(comm: str, tiny: list[str], scratch: Path) -> list[str]:
    """The command line of two steps on a staged copy."""
    return [*tiny, "cluster.ranks_per_node=2", f"comm={comm}", f"cluster.paths.scratch={scratch}",
            "benchmark.training.max_steps=2", "--json"]  # fmt: skip


@pytest.mark.parametrize("comm", EACH_COMMUNICATOR)
def test_one_rank_copies_and_the_others_wait(comm: str, orchestrator: Command, tiny: list[str], tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    answer = orchestrator(*staged(comm, tiny, scratch))
    assert answer.code == 0, answer.err
    (run,) = answer.document["runs"]
    assert run["phases_s"]["staging"] > 0
    (description,) = scratch.rglob("dataset.json")
    assert json.loads(description.read_text())["checksum"] == run["dataset"]["checksum"]


@pytest.mark.thorough
def test_a_later_run_takes_a_copy_that_is_still_right(orchestrator: Command, tiny: list[str], tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    words = staged("mpi", tiny, scratch)
    assert orchestrator(*words).code == 0
    copied = {path: path.stat().st_mtime_ns for path in scratch.rglob("*.h5")}
    assert copied and orchestrator(*words).code == 0
    assert copied == {path: path.stat().st_mtime_ns for path in scratch.rglob("*.h5")}
    assert not list(scratch.rglob("*.partial"))
    spoiled = next(iter(copied))
    content = bytearray(spoiled.read_bytes())
    content[-1] ^= 1
    spoiled.write_bytes(content)
    assert orchestrator(*words).code == 0
    content[-1] ^= 1
    assert spoiled.read_bytes() == bytes(content)
