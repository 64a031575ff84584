"""Slurm's ConsumedEnergy of a job, where a site gathers it, stands beside what the run's own meters counted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sampled import sampled

from orchestrator.campaign.account import write_account
from orchestrator.campaign.collect import collect_run
from orchestrator.campaign.state import RunStatus
from orchestrator.config.compose import compose_all
from orchestrator.launch.slurm.energy import parse_consumed
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.plan import Site, plan
from orchestrator.records import Manifest, Result, RunDirectory
from orchestrator.report.document import energy_entry

GATHERED = """\
Configuration data as of 2026-11-29T08:00:00
AccountingStorageTRES   = cpu,mem,energy,node,billing
AcctGatherEnergyType    = acct_gather_energy/ipmi
AcctGatherNodeFreq      = 30 sec
"""
"""`scontrol show config` of 22.05, shortened."""
ROWS = "17_2|\n17_2.batch|41200\n17_2.extern|82800\n17_2.0|81900\n"
"""sacct's rows of a job on two nodes: the allocation's own is empty, the batch step is of the first node alone."""


@pytest.mark.parametrize(
    ("text", "joules"),
    [
        (ROWS, 82800.0),
        ("17|0\n17.batch|0\n", None),
        ("17|4294967294\n17.0|18446744073709551614\n", None),
        ("17|\n17.0|3.4K\n", None),
        ("", None),
    ],
)
def test_of_a_jobs_rows_the_largest_is_taken_and_no_number_that_stands_for_none(text: str, joules: float) -> None:
    assert parse_consumed(text) == joules


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunDirectory, Manifest]:
    words = ["benchmark=noop", "mode=noop", "cluster=cpu", "nodes=1"]
    (planned,) = plan(compose_all(words, False), "x", Site(2, tmp_path)).runs
    manifest = Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0, attempts=1, job_id="17_2")
    directory = RunDirectory(tmp_path / "run")
    directory.attempt(1).path.mkdir(parents=True)
    directory.attempt(1).result.write_text(json.dumps(sampled(Result, energy=None)))
    return directory, manifest


def slurm(folder: Path, monkeypatch: pytest.MonkeyPatch, config: str = GATHERED) -> Path:
    """A Slurm that gathers energy; returns the log of its commands."""
    (folder / "config").write_text(config)
    (folder / "rows").write_text(ROWS)
    for name, text in (("scontrol", "config"), ("sacct", "rows")):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/log\ncat {folder}/{text}\n')
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "log"


def test_the_jobs_energy_is_kept_with_the_run_and_reported_with_its_scope(
    run: tuple[RunDirectory, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = slurm(tmp_path, monkeypatch)
    scheduler = SlurmScheduler()
    for _ in range(2):
        write_account(scheduler, run)
    commands = [line.split()[0] for line in log.read_text().splitlines()]
    assert commands == ["scontrol", "sacct"], "once is enough"
    record = collect_run(*run, RunStatus("r", "completed"))
    stored = json.loads(record.run["result"] or "")
    entry = energy_entry(record.run, stored)
    assert entry["j"] is None and entry["account"] is not None
    assert (entry["account"]["j"], entry["account"]["source"]) == (82800.0, "slurm")
    assert "others may have run on them" in (entry["account"]["others"] or "")


def test_a_slurm_that_gathers_none_is_not_asked_for_it(
    run: tuple[RunDirectory, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = slurm(tmp_path, monkeypatch, "AcctGatherEnergyType    = acct_gather_energy/none\n")
    write_account(SlurmScheduler(), run)
    assert "sacct" not in log.read_text() and not run[0].attempt(1).account.exists()
