"""The process that works on a data set may be talkative: what others print into its streams changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.campaign.dataset import run_dataset
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
