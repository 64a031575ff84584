"""Others' results: MLPerf logs become runs of the store, and what is no whole log is named and skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Command

from orchestrator.analysis.statistics import olympic_summary
from orchestrator.store.mllog import STAGED_BEFORE, STAGED_WITHIN, read_logs
from orchestrator.store.store import Store, default_url

START = 1_662_471_371_000
EPOCHS, SAMPLES = 3, 4096


def line(key: str, value: Any = None, after_s: float = 0.0, **metadata: Any) -> str:
    event = {
        "namespace": "",
        "time_ms": START + round(1000 * after_s),
        "key": key,
        "value": value,
        "metadata": metadata,
    }
    return f"0: :::MLLOG {json.dumps(event)}\n"


def log_lines(seconds: float, staging: float = -20.0, status: str = "success", **changes: Any) -> list[str]:
    """A log in the form of the published ones: staging begins ``staging`` s from run_start and lasts 10 s."""
    values = {
        "submission_benchmark": "deepcam", "submission_org": "A Lab", "submission_division": "closed",
        "submission_platform": "machine", "global_batch_size": 1024, "number_of_nodes": 4, "accelerators_per_node": 4,
        "seed": 1, "train_samples": SAMPLES, **changes,
    }  # fmt: skip
    lines = ["anything else that was printed\n"]
    lines += [line(key, value, -30.0) for key, value in values.items() if value is not None]
    lines += [line("staging_start", after_s=staging), line("staging_stop", after_s=staging + 10)]
    lines += [line("run_start")]
    for epoch in range(EPOCHS):
        begin = 10 + epoch * (seconds - 10) / EPOCHS
        lines += [
            line("epoch_start", after_s=begin, epoch_num=epoch + 1),
            line("eval_start", after_s=begin + 4, epoch_num=epoch + 1),
            line("eval_accuracy", 0.5 + 0.1 * epoch, begin + 5, epoch_num=epoch + 1),
            line("epoch_stop", after_s=begin + 5, epoch_num=epoch + 1),
        ]
    return [*lines, line("run_stop", after_s=seconds, status=status)]


def submission(folder: Path, logs: dict[str, list[str]], system: str = "machine_n16") -> Path:
    place = folder / "A Lab" / "results" / system / "strong" / "deepcam"
    place.mkdir(parents=True)
    for name, lines in logs.items():
        (place / name).write_text("".join(lines))
    return folder


def test_a_submission_becomes_runs_with_its_own_score(tmp_path: Path, orchestrator: Command) -> None:
    times = [100.0, 120.0, 110.0, 105.0, 300.0]
    submission(tmp_path, {f"result_{number}.txt": log_lines(seconds) for number, seconds in enumerate(times)})
    answer = orchestrator("store", "import", str(tmp_path / "A Lab"), "--json")
    assert answer.code == 0 and answer.document["runs"] == 5 and answer.document["skipped"] == {}
    again = orchestrator("store", "import", str(tmp_path / "A Lab"), "--json")
    assert again.code == 0
    store = Store(default_url(tmp_path / "results"))
    assert store.count() == 5
    (campaign,) = store.campaigns()
    runs = [record.run for record in store.campaign(campaign)]
    assert {(run["cluster"], run["nodes"], run["ranks"], run["scale"]) for run in runs} == {
        ("machine_n16", 4, 16, "strong")
    }
    assert olympic_summary([run["time_to_accuracy_s"] for run in runs]).mean == pytest.approx((105 + 110 + 120) / 3)
    assert {run["throughput"] for run in runs} == {SAMPLES / 4}
    shown = orchestrator("report", campaign)
    assert shown.code == 0 and "111.7 (5 of 5)" in shown.out
    # What a log does not tell is left out rather than told to be None, or a rate of warm epochs.
    assert "data: deepcam, real\n" in shown.out and "eval_accuracy ┃" in shown.out and "0.700 │  105.0 s │" in shown.out
    assert not [word for word in ("None", "target –", "samples/s, warm", "hosts:") if word in shown.out]
    (matrix,) = orchestrator("report", campaign, "--json").document["matrix"]
    assert [(item["name"], item["better"]) for item in matrix["metrics"]] == [("eval_accuracy", "higher")]


def rate_of(folder: Path, *epochs: list[str], **changes: Any) -> float | None:
    """The throughput of a log with these events of its epochs."""
    whole = log_lines(1000.0, **changes)
    first = next(number for number, text in enumerate(whole) if "epoch_start" in text)
    submission(folder, {"result_0.txt": [*whole[:first], *(text for lines in epochs for text in lines), whole[-1]]})
    ((run,), skipped) = read_logs(folder)
    assert skipped == {}
    rate: float | None = run.run["throughput"]
    return rate


def epoch(begin: float, evaluations: list[tuple[float, float]], stop: float | None, **metadata: Any) -> list[str]:
    """An epoch with evaluations from and to, s after its begin."""
    lines = [line("epoch_start", after_s=begin)]
    for start, end in evaluations:
        lines += [line("eval_start", after_s=begin + start), line("eval_stop", after_s=begin + end)]
    return lines + ([] if stop is None else [line("epoch_stop", after_s=begin + stop, **metadata)])


@pytest.mark.parametrize(
    ("evaluations", "stop", "seconds"),
    [
        ([], 8.0, 8.0),
        ([(8.0, 9.0)], 9.5, 8.0),
        ([(8.0, 9.0)], None, 8.0),
        ([(3.0, 4.0), (9.0, 10.0)], 10.0, 8.0),
        ([(2.0, 4.0), (7.0, 10.0), (13.0, 14.0)], 16.0, 8.0),
    ],
    ids=["not evaluated", "evaluated at its end", "without an end", "evaluated within too", "evaluated within twice"],
)
def test_an_epochs_seconds_are_those_up_to_each_of_its_evaluations(
    tmp_path: Path, evaluations: list[tuple[float, float]], stop: float | None, seconds: float
) -> None:
    epochs = [epoch(begin, evaluations, stop) for begin in (10.0, 30.0)]
    assert rate_of(tmp_path, *epochs) == pytest.approx(SAMPLES / seconds)


def test_an_epoch_of_ours_says_what_it_trained_and_trains_on_after_an_evaluation(tmp_path: Path) -> None:
    whole = epoch(10.0, [(3.0, 5.0)], 10.0, trained_samples=SAMPLES)
    cut = epoch(30.0, [(1.0, 7.0)], 8.0, trained_samples=SAMPLES // 4)
    after = [line("eval_start", after_s=50.0), line("eval_stop", after_s=60.0)]
    ended = epoch(70.0, [(1.0, 4.0)], 4.0, trained_samples=0)
    assert rate_of(tmp_path, whole, cut, after, ended) == pytest.approx(1.25 * SAMPLES / (8 + 2))


@pytest.mark.parametrize("wrong", [-5, SAMPLES + 1, "many", 0.5])
def test_an_epoch_that_says_the_impossible_of_what_it_trained_counts_for_nothing(tmp_path: Path, wrong: Any) -> None:
    right = epoch(10.0, [], 8.0, trained_samples=SAMPLES)
    assert rate_of(tmp_path, right, epoch(30.0, [], 4.0, trained_samples=wrong)) == SAMPLES / 8


def test_staging_is_told_within_or_before_the_run_as_the_log_has_it(tmp_path: Path) -> None:
    submission(tmp_path, {"result_0.txt": log_lines(100.0, staging=0.0), "result_1.txt": log_lines(100.0)})
    within, before = read_logs(tmp_path)[0]
    assert {(row["name"], row["seconds"]) for row in within.phases} == {(STAGED_WITHIN, 10.0)}
    assert {(row["name"], row["seconds"]) for row in before.phases} == {(STAGED_BEFORE, 10.0)}
    assert within.run["time_to_accuracy_s"] == before.run["time_to_accuracy_s"] == 100.0


def test_a_run_that_missed_its_target_has_no_time(tmp_path: Path) -> None:
    submission(tmp_path, {"result_0.txt": log_lines(100.0, status="aborted")})
    ((run,), skipped) = read_logs(tmp_path)
    assert run.run["time_to_accuracy_s"] is None and run.run["quality"] == pytest.approx(0.7) and skipped == {}


def test_a_machine_without_accelerators_counts_its_nodes(tmp_path: Path) -> None:
    submission(tmp_path, {"result_0.txt": log_lines(100.0, accelerators_per_node=0)})
    ((run,), _) = read_logs(tmp_path)
    assert (run.run["nodes"], run.run["ranks"]) == (4, 4)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (log_lines(100.0)[:-1], "breaks off"),
        ([*log_lines(100.0)[:-1], log_lines(100.0)[-1][:40] + "\n"], "breaks off"),
        (log_lines(100.0, global_batch_size=None), "lacks global_batch_size"),
        (log_lines(100.0) + log_lines(90.0), "one run is expected"),
        ([*log_lines(100.0), line("submission_benchmark", "resnet")], "more than one submission"),
        (["nothing\n"], "no line of an MLPerf log"),
        (log_lines(100.0, number_of_nodes="four"), "not a whole number"),
        (log_lines(-1.0), "not after"),
    ],
)
def test_a_log_that_is_not_whole_is_named_and_its_neighbour_read(tmp_path: Path, lines: list[str], why: str) -> None:
    submission(tmp_path, {"result_0.txt": lines, "result_1.txt": log_lines(100.0)})
    records, skipped = read_logs(tmp_path)
    assert len(records) == 1
    ((path, reason),) = skipped.items()
    assert path.endswith("result_0.txt") and why in reason


def test_a_folder_without_logs_is_refused(tmp_path: Path, orchestrator: Command) -> None:
    (tmp_path / "empty").mkdir()
    answer = orchestrator("store", "import", str(tmp_path / "empty"))
    assert answer.code == 64 and "result_*.txt" in answer.err
