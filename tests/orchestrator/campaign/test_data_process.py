"""The process that works on a data set may be talkative: what others print into its streams changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.campaign.dataset import DataNotReadyError, DataProcess, run_dataset
from orchestrator.config.compose import compose_all

TALKATIVE = """
import sys
print("a library's greeting")
print("[]")
sys.stderr.write("a warning of a library\\n" * 20_000)  # far more than a pipe holds
"""


def test_what_libraries_print_neither_stops_the_process_nor_is_taken_for_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(TALKATIVE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (config,) = compose_all(["benchmark=stemdl", "recipe=tiny"], False)
    answer = run_dataset("info", config, tmp_path / "data", Console(stderr=True))
    assert (answer["name"], answer["state"]) == ("stemdl", "missing")


def test_a_process_that_is_told_nothing_makes_nothing_and_ends(tmp_path: Path) -> None:
    with DataProcess() as process:
        assert process.process.poll() is None
    assert process.process.returncode is not None
    with DataProcess() as process:
        said, _ = process.process.communicate("")
    assert said == "" and process.process.returncode == 0


def test_a_process_that_could_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "h5py.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (config,) = compose_all(["benchmark=stemdl", "recipe=tiny"], False)
    with DataProcess() as process:
        process.process.wait()
        with pytest.raises(DataNotReadyError, match="no such library"):
            process.run("ensure", config, tmp_path / "data", Console(stderr=True))
