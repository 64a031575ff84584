"""The first hour at a facility (docs/first-hour.md) as one walk, from a profile to the clock, on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import Answer, orchestrate

PROFILE = """
defaults: [local, _self_]
name: mine
description: The machine of this test
threads_per_rank: 1
paths: {results: PLACE/results, data: PLACE/data}
"""
SUITE = """
summary: Does it train, and as fast as it did
clusters: [mine]
workloads:
  speed:
    {benchmark: em_denoise, recipe: tiny, comm: mpi, nodes: [1], repeats: 2, overrides: [OVERRIDES]}
phases:
  - name: performance
    checks:
      - {check: completed, workload: speed}
      - {check: reference, workload: speed, quantity: throughput, first: 2, limit: 2}
"""
QUICK = ("benchmark.quality.target=-100", "benchmark.pictures=false", "benchmark.count_work=false")
TRAINED = ("benchmark=em_denoise", "recipe=tiny", "comm=mpi", "cluster=mine", *QUICK)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a site's profile and suite, which the environment names."""
    for name, text in (("cluster/mine.yaml", PROFILE), ("acceptance/look.yaml", SUITE)):
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("PLACE", str(tmp_path)).replace("OVERRIDES", ", ".join(QUICK)))
    monkeypatch.setenv("ORCHESTRATOR_CONFIG_DIR", str(tmp_path / "site"))
    return tmp_path


@pytest.mark.ranks
@pytest.mark.thorough
def test_from_a_profile_to_a_machine_that_is_accepted_and_watched(machine: Path) -> None:
    def done(*words: str, code: int = 0) -> Answer:
        answer = orchestrate(*words, cwd=machine)
        assert answer.code == code, f"{words}: {answer.out}{answer.err}"
        return answer

    assert "The machine of this test" in done("list", "clusters").out
    findings = done("doctor", "cluster=mine", "--json").document["findings"]
    assert {item["state"] for item in findings if item["subject"] in ("MPI", "torch", "results folder")} == {"ok"}
    (planned,) = done("plan", *TRAINED, "nodes=2", "--json").document["runs"]
    assert planned["ranks"] == 2 and not (machine / "results").exists()

    done(*TRAINED, "nodes=1", "repeats=2", "campaign=scaling")
    assert "em_denoise" in done("logs", "scaling").out
    done("report", "scaling", "--format", "html", "-o", "report")
    assert "em_denoise" in (machine / "report" / "index.html").read_text()

    # Bounds that two runs on a machine that others use hold too: their interval is a thousandfold.
    words = ("suite=look", "cluster=mine", "campaigns=scaling", "lower=-0.999999")
    proposed = done("accept", "propose", *words).out
    (machine / "references.yaml").write_text(proposed)
    done("accept", "suite=look", "cluster=mine", "references=references.yaml", "name=first")
    record = machine / "results" / "acceptance" / "first"
    assert json.loads((record / "verdict.json").read_text())["outcome"] == "pass"
    done("accept", "verify", str(record))

    shown = done("schedule", "show", "cluster=mine", "suite=look", "when=0 2 * * SUN", "via=systemd").out
    assert "OnCalendar=" in shown
    history = done("report", "--history", "--json").document
    assert history["series"]
