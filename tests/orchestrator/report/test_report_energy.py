"""Joules are shown with what they are of, what else may be in them, and the work that they bought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from stored import stored_run

from orchestrator.report.document import report_document
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.html.plots.scaling import plot_energy
from orchestrator.report.tables.runs import energy_scopes, energy_text, run_columns

SHARED = "the whole node is counted, and others may have run on it"


def reported(
    folder: Path,
    joules: float | None,
    others: str | None = None,
    account: float | None = None,
    attempts: int = 1,
    **training: int,
) -> RunEntry:
    """A run of 640 samples on two ranks in 20 s, whose processors' meters counted so much."""
    record = stored_run(folder, energy_j=joules, energy_to_accuracy_j=joules, attempts=attempts)
    result: dict[str, Any] = json.loads(str(record.run["result"]))
    result["training"] |= training
    result["energy"] = {
        "j": joules, "to_accuracy_j": joules, "seconds": 20.0, "period_s": 0.5, "nodes": [], "meters": [], "slowed": [],
        "scope": joules and "package", "source": joules and "rapl", "others": others, "reason": joules and None,
    }  # fmt: skip
    if account is not None:
        result["account"] = {"schema": "orchestrator.account/1", "job": "7", "j": account, "source": "slurm",
                             "others": None}  # fmt: skip
    record.run["result"] = json.dumps(result)
    (run,) = report_document("weekly", [record])["runs"]
    return run


@pytest.mark.parametrize(
    ("joules", "others", "account", "text"),
    [
        (1600.0, None, None, "1,600 J of package (rapl), 80 W, 0.4 samples/J"),
        (1600.0, SHARED, None, f"1,600 J of package (rapl), 80 W, 0.4 samples/J; {SHARED}"),
        (None, None, 82800.0, "82,800 J of the whole job by slurm's accounting, start-up in it"),
        (1600.0, None, 82800.0, "1,600 J of package (rapl), 80 W, 0.4 samples/J; 82,800 J of the whole job by slurm's "
                                "accounting, start-up in it"),
        (None, None, None, ""),
    ],
)  # fmt: skip
def test_a_runs_joules_carry_their_scope(
    tmp_path: Path, joules: float | None, others: str | None, account: float | None, text: str
) -> None:
    assert energy_text(reported(tmp_path, joules, others, account)) == text


@pytest.mark.parametrize(
    ("attempts", "measured", "bought"),
    [(1, None, 0.4), (1, 640, 0.4), (2, 160, 0.1), (2, 640, 0.4), (2, None, None)],
    ids=["of an earlier version", "whole", "resumed", "begun anew", "resumed under an earlier version"],
)
def test_what_a_joule_bought_is_of_the_attempt_that_was_metered(
    tmp_path: Path, attempts: int, measured: int | None, bought: float | None
) -> None:
    changes: dict[str, Any] = {} if measured is None else {"measured_samples": measured}
    entry = reported(tmp_path, 1600.0, attempts=attempts, **changes)["energy"]
    assert (entry["j"], entry["mean_w"], entry["samples_per_j"]) == (1600.0, 80.0, bought)


def test_a_table_over_scales_says_of_what_its_joules_are(tmp_path: Path) -> None:
    runs = [reported(tmp_path / str(number), joules) for number, joules in enumerate((1280.0, 1600.0))]
    assert energy_scopes(runs) == "Energy is of package (rapl), 0.4 to 0.5 samples/J"
    mixed = [*runs, reported(tmp_path / "shared", 1280.0, SHARED)]
    assert energy_scopes(mixed).endswith(f"/J, and of package (rapl); {SHARED}, 0.5 samples/J")
    assert energy_scopes([reported(tmp_path / "without", None)]) == ""


def table_of(*runs: RunEntry) -> list[list[str]]:
    """The headings of the table of runs, then the cells of each."""
    columns = run_columns(runs)
    return [[column.heading for column in columns], *([column.cell(run) for column in columns] for run in runs)]


def test_the_table_of_runs_has_what_a_joule_bought_and_which_devices_were_slowed_where_that_was_measured(
    tmp_path: Path,
) -> None:
    counted, uncounted = (reported(tmp_path / str(joules), joules) for joules in (1600.0, None))
    assert not {"samples/J", "devices slowed by"} & set(table_of(uncounted)[0])
    headings, *rows = table_of(counted, uncounted)
    assert headings[-1] == "samples/J" and [row[-1] for row in rows] == ["0.4", "–"]
    counted["energy"]["slowed"] = [
        {"host": "node0", "what": "GPU 0", "by": by, "share": 0.2} for by in ("heat", "its power limit")
    ]
    headings, *rows = table_of(counted, uncounted)
    assert headings[-1] == "devices slowed by" and [row[-1] for row in rows] == ["1: heat, its power limit", "–"]


def test_the_joules_of_a_run_of_several_attempts_are_in_no_mean_as_those_of_the_earlier_are_not_known(
    tmp_path: Path,
) -> None:
    records = [stored_run(tmp_path, repeat=number, energy_j=100.0, seed=number) for number in range(3)]
    records.append(stored_run(tmp_path, repeat=3, energy_j=10.0, seed=3, attempts=2))
    document = report_document("weekly", records)
    (scale,), (matrix,) = document["scales"], document["matrix"]
    assert scale["energy_j"] is not None and (scale["energy_j"]["n"], scale["energy_j"]["median"]) == (3, 100.0)
    (cell,) = matrix["cells"]
    assert cell["energy_j"] is not None and (cell["energy_j"]["n"], cell["energy_j"]["mean"]) == (3, 100.0)
    assert document["runs"][3]["energy"]["j"] == 10.0


def test_the_plot_says_it_too(tmp_path: Path) -> None:
    document = report_document("weekly", [stored_run(tmp_path, repeat=number, energy_j=5.0, energy_to_accuracy_j=4.0)
                                          for number in range(2)])  # fmt: skip
    plot = plot_energy(document["scales"], "Energy is of node (cray)")
    assert plot is not None and plot.note.endswith("reached it. Energy is of node (cray).")
