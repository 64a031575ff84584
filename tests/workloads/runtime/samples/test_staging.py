"""Ranks read a copy of the data on their node's own disk, made by one of them."""

import json
from pathlib import Path

import pytest
from commands import Command

pytestmark = pytest.mark.ranks


@pytest.mark.parametrize("comm", ["mpi", "horovod", "torch"])
def test_one_rank_copies_the_others_wait_and_a_later_run_takes_a_copy_that_is_still_right(
    orchestrator: Command, tiny: list[str], tmp_path: Path, comm: str
) -> None:
    scratch = tmp_path / "scratch"
    words = [*tiny, "cluster.ranks_per_node=2", f"comm={comm}", f"cluster.paths.scratch={scratch}",
             "benchmark.training.max_steps=2", "--json"]  # fmt: skip
    first = orchestrator(*words)
    assert first.code == 0, first.err
    assert first.document["runs"][0]["phases_s"]["staging"] > 0
    (description,) = scratch.rglob("dataset.json")
    copied = {path: path.stat().st_mtime_ns for path in description.parent.glob("*.h5")}
    assert json.loads(description.read_text())["checksum"] == first.document["runs"][0]["dataset"]["checksum"]
    assert orchestrator(*words).code == 0
    assert copied == {path: path.stat().st_mtime_ns for path in description.parent.glob("*.h5")}
    assert not list(scratch.rglob("*.partial"))
    spoiled = next(iter(copied))
    content = bytearray(spoiled.read_bytes())
    content[-1] ^= 1
    spoiled.write_bytes(content)
    assert orchestrator(*words).code == 0
    content[-1] ^= 1
    assert spoiled.read_bytes() == bytes(content)
