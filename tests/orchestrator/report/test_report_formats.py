"""Every form that a report leaves the program in: what all have in common, then what each promises."""

import csv
import io
import json
import logging
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pytest
import yaml
from commands import Command
from prometheus_client.parser import text_string_to_metric_families
from stored import failed_run, scaling_campaign, stored_run

from orchestrator.__main__ import main
from orchestrator.errors import UsageError
from orchestrator.report.document import SCHEMA_FILE, report_document
from orchestrator.report.entries.runs import missed_target
from orchestrator.report.formats import FORMATS, Report
from orchestrator.report.formats.mlflow import Server, send_run
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store

LOCAL = [name for name, form in FORMATS.items() if form.place != "address"]
FOLDERS = [name for name in LOCAL if FORMATS[name].place != "text"]
TEXTS = [name for name in LOCAL if FORMATS[name].renders]
EVIL = 'a "quoted" <b>|pipe|</b> `tick` \\ , ; = \n new line é ☃ [x](javascript:alert(1)) @all #1'


def report_of(records: Sequence[RunRecord], campaign: str = "weekly") -> Report:
    return Report(campaign, report_document(campaign, records), records)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Three repeats on 1, 2 and 4 nodes, and a run that failed."""
    records = [*scaling_campaign(tmp_path / "runs"), failed_run(tmp_path / "runs", name="broken")]
    for record in records:
        write_log(record)
    return report_of(records)


def write_log(record: RunRecord) -> None:
    """A log such as rank 0 writes."""
    from orchestrator.records import RunSpec
    from workloads.runtime.measurement.mllog import MlperfLog, TrainingFacts

    run: Mapping[str, Any] = record.run
    training = {"accumulate": 1, "warmup_epochs": 1, "optimizer": {"name": "adamw", "weight_decay": 0.05}}
    settings: Any = {"training": training}
    names = ("campaign", "run", "benchmark", "cluster", "comm", "mode", "recipe", "scale", "nodes", "repeat", "seed")
    spec = RunSpec(
        **{name: run[name] for name in names}, ranks_per_node=2, threads_per_rank=1, settings=settings,
        data_folder="data", silence_s=60, startup_silence_s=60,
    )  # fmt: skip
    log = MlperfLog(Path(run["directory"]) / "attempt-1" / "mllog.txt")
    facts: TrainingFacts = {
        "accelerators_per_node": 0, "global_batch": 16, "training_samples": 64, "evaluation_samples": 16,
        "learning_rate": 0.003, "processors": {"name": "Arm Neoverse-V2", "microcode": "r0p0", "cores": 72},
    }  # fmt: skip
    log.start("init")
    log.describe(spec, facts)
    log.stop("init")
    log.start("run")
    for row in record.evaluations:
        log.start("epoch", epoch_num=row["epoch"])
        log.stop("epoch", epoch_num=row["epoch"])
        log.start("eval", epoch_num=row["epoch"])
        log.value("eval_accuracy", row["value"], epoch_num=row["epoch"])
        log.stop("eval", epoch_num=row["epoch"])
    log.stop("run", status="success")
    # A rank writes one log in its life; here the next one is another file.
    for handler in list(log.logger.logger.handlers):
        log.logger.logger.removeHandler(handler)
        handler.close()


def put(name: str, reports: Sequence[Report], folder: Path) -> str:
    """All that a form has to say, as one text: what it prints, or its files one after another."""
    if name == "tensorboard":
        pytest.importorskip("tensorboardX", reason="the extra `tensorboard` brings it")
    form = FORMATS[name]
    if form.place == "text":
        return form.function("render")(reports)
    form.function("write")(reports, folder)
    return "\n".join(
        text_of(path) for path in sorted(folder.rglob("*")) if path.is_file() and path.parts[-2] != "assets"
    )


def text_of(path: Path) -> str:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return json.dumps(pyarrow.parquet.read_table(path).to_pylist(), ensure_ascii=False)
    if ".tfevents." in path.name:
        return "\n".join(map(str, events_of(path)))
    return path.read_text(encoding="utf-8", errors="replace")


def events_of(path: Path) -> list[Any]:
    """The events of a file of TensorBoard's: each with its length before it, and sums before and after (TFRecord)."""
    from tensorboardX.proto.event_pb2 import Event

    content, events = path.read_bytes(), []
    while content:
        end = 12 + int.from_bytes(content[:8], "little")
        events.append(Event.FromString(content[12:end]))
        content = content[end + 4 :]
    return events


# --- what all have in common ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCAL)
def test_every_series_that_was_measured_is_in_it(name: str, report: Report, tmp_path: Path) -> None:
    text = put(name, [report], tmp_path / "out")
    for nodes, rate in ((1, 200), (2, 372), (4, 680)):
        assert any(form in text for form in (f"{rate}.0", f" {rate} ", f">{rate}<", f"{rate}.")), (nodes, rate)


@pytest.mark.parametrize("name", [name for name in LOCAL if name not in ("prometheus", "mllog")])
def test_every_run_is_in_it_by_name_with_why_it_failed(name: str, report: Report, tmp_path: Path) -> None:
    text = put(name, [report], tmp_path / "out")
    for record in report.records:
        assert record.run["run"] in text.replace("\\", "")
    assert "ValueError" in text


def test_junit_tells_a_run_that_failed_from_one_that_missed_its_target(tmp_path: Path) -> None:
    records = [
        stored_run(tmp_path / "runs", name="good"),
        stored_run(tmp_path / "runs", name="short", evaluations=0),
        failed_run(tmp_path / "runs", name="broken", cause="out of memory"),
    ]
    (suite,) = ElementTree.fromstring(put("junit", [report_of(records)], tmp_path / "out"))
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1"
    }  # fmt: skip
    told = {case.get("name"): next((part.tag, part.get("message")) for part in case) for case in suite}
    assert told["good"] == ("system-out", None) and told["broken"] == ("error", "out of memory")
    assert told["short"][0] == "failure"


def with_quality(record: RunRecord, **changes: Any) -> RunRecord:
    """The run with another quality in its result."""
    result = record.result
    record.run["result"] = json.dumps({**result, "quality": {**result["quality"], **changes}})
    return RunRecord(record.run, record.ranks, record.evaluations, record.phases)


def test_junit_and_the_exit_code_agree_on_who_missed_a_target(tmp_path: Path) -> None:
    untimed: dict[str, Any] = {
        "throughput": None,
        "throughput_cold": None,
        "throughput_warm": None,
        "time_to_accuracy_s": None,
    }
    runs = tmp_path / "runs"
    records = [
        stored_run(runs, name="missed", evaluations=0),
        stored_run(runs, name="cut", evaluations=0, stopped="steps"),
        with_quality(stored_run(runs, name="aimless", evaluations=0, target=None), target=None, reached=False),
        with_quality(stored_run(runs, name="stood-still", **untimed), reached=True),
        with_quality(stored_run(runs, name="judged", mode="inference"), reached=False),
    ]
    report = report_of(records)
    (suite,) = ElementTree.fromstring(put("junit", [report], tmp_path / "out"))
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"missed", "judged"} and suite.get("failures") == "2"
    assert failed == {run["run"] for run in report.document["runs"] if missed_target(run)}


class Interrupted(Exception):
    """The export was ended."""


class Tracking(Server):
    """An MLflow server of a few lines, which an export loses after ``answers`` answers."""

    def __init__(self) -> None:
        super().__init__("http://mlflow")
        self.runs: dict[str, dict[str, Any]] = {}
        self.answers = 1000

    def call(self, method: str, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        if self.answers == 0:
            raise Interrupted
        self.answers -= 1
        if path == "runs/search":
            return {"runs": list(self.runs.values())}
        if path == "runs/create":
            number = str(len(self.runs))
            data = {"tags": content["tags"], "metrics": [], "params": []}
            self.runs[number] = {"info": {"run_id": number, "status": "RUNNING"}, "data": data}
            return {"run": self.runs[number]}
        run = self.runs[content["run_id"]]
        if path == "runs/delete":
            del self.runs[content["run_id"]]
        elif path == "runs/update":
            run["info"] |= {"status": content["status"]}
        else:
            for name in ("metrics", "params"):
                run["data"][name] += content.get(name, [])
        return {}


@pytest.mark.parametrize("answers", range(7))
def test_an_export_to_mlflow_that_was_broken_off_is_completed_by_the_next(answers: int, tmp_path: Path) -> None:
    server, record = Tracking(), stored_run(tmp_path)
    parts = record.run, record.evaluations, record.phases
    server.answers = answers
    with suppress(Interrupted):
        send_run(server, "1", *parts)
    server.answers = 1000
    send_run(server, "1", *parts)
    (run,) = server.runs.values()
    assert run["info"]["status"] == "FINISHED"
    assert [item["value"] for item in run["data"]["metrics"] if item["key"] == "throughput"] == [200.0]
    assert not send_run(server, "1", *parts), "a whole one is sent once"


@pytest.mark.parametrize("name", LOCAL)
def test_saying_it_again_changes_nothing(name: str, report: Report, tmp_path: Path) -> None:
    first = put(name, [report], tmp_path / "out")
    again = put(name, [report], tmp_path / "out")
    assert without_clock(first) == without_clock(again)


def without_clock(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "Written by the SciML orchestrator" not in line)


@pytest.mark.parametrize("name", LOCAL)
def test_any_text_and_missing_values_are_taken(name: str, tmp_path: Path) -> None:
    records = [
        stored_run(tmp_path / "runs", name=EVIL, recipe=EVIL, metric=EVIL, dataset_name=EVIL, evaluations=0),
        failed_run(tmp_path / "runs", name="broken", cause=EVIL),
    ]
    write_log(records[0])
    assert put(name, [report_of(records, EVIL)], tmp_path / "out")


@pytest.mark.parametrize("name", LOCAL)
def test_several_campaigns_are_taken_at_once(name: str, report: Report, tmp_path: Path) -> None:
    other = report_of([stored_run(tmp_path / "runs", campaign="earlier", rate=55.0)], "earlier")
    write_log(other.records[0])
    assert put(name, [report, other], tmp_path / "out")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_place_that_cannot_be_written_is_named(name: str, report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((UsageError, OSError), match="file"):
        put(name, [report], tmp_path / "file" / "out")


# --- what each promises -----------------------------------------------------------------------------------------------


def test_json_follows_the_published_schema(report: Report, tmp_path: Path) -> None:
    jsonschema.validate(json.loads(put("json", [report], tmp_path)), json.loads(SCHEMA_FILE.read_text()))


def test_csv_has_a_row_a_run_and_a_row_a_rank(report: Report, tmp_path: Path) -> None:
    put("csv", [report], tmp_path / "out")
    runs = list(csv.DictReader((tmp_path / "out" / "runs.csv").open()))
    ranks = list(csv.DictReader((tmp_path / "out" / "ranks.csv").open()))
    assert [row["run"] for row in runs] == [record.run["run"] for record in report.records]
    assert len(ranks) == sum(record.run["ranks"] for record in report.records[:-1])
    assert float(runs[0]["throughput"]) == report.records[0].run["throughput"]
    assert runs[-1]["throughput"] == ""
    assert {row["host"] for row in ranks} == {"node0", "node1", "node2", "node3"}


def test_csv_says_nothing_that_a_spreadsheet_would_run(tmp_path: Path) -> None:
    record = failed_run(tmp_path, name="=cmd|'/c calc'!A1", cause="@SUM(1+1)")
    text = FORMATS["csv"].function("render")([report_of([record])])
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["run"].startswith("'=")
    assert row["cause"].startswith("'@")


def test_tensorboard_has_each_steps_loss_and_each_epochs_quality_at_their_times(tmp_path: Path) -> None:
    record = stored_run(tmp_path / "runs")
    attempt = Path(record.run["directory"]) / "attempt-1"
    with h5py.File(attempt / "telemetry.h5", "r+") as file:
        total = file["step/total"][()]
        file["step/loss"] = np.stack([np.linspace(2, 1, 40), np.linspace(4, 3, 40)]).astype(np.float32)
    put("tensorboard", [report_of([record])], tmp_path / "out")
    (path,) = (tmp_path / "out" / "weekly" / record.run["run"]).iterdir()
    drawn: dict[str, list[Any]] = {}
    for event in events_of(path):
        for value in event.summary.value:
            drawn.setdefault(value.tag, []).append((event.step, event.wall_time, value.simple_value))
    steps, times, losses = zip(*drawn["loss"], strict=True)
    assert steps == tuple(range(1, 41)) and losses[0] == 3.0 and losses[-1] == 2.0
    assert np.allclose(times, record.run["created"] + np.cumsum(total.mean(axis=0)))
    epochs, _, values = zip(*drawn["quality/macro_f1"], strict=True)
    assert list(epochs) == [row["epoch"] for row in record.evaluations]
    assert list(values) == pytest.approx([row["value"] for row in record.evaluations])
    assert drawn["run/throughput"][0][2] == record.run["throughput"]


def name_another_folder(record: RunRecord, other: RunRecord) -> None:
    record.run["directory"] = other.run["directory"]


def link_telemetry(record: RunRecord, other: RunRecord) -> None:
    telemetry = Path(record.run["directory"]) / "attempt-1" / "telemetry.h5"
    telemetry.unlink()
    telemetry.symlink_to(Path(other.run["directory"]) / "attempt-1" / "telemetry.h5")


def cut_losses(record: RunRecord, other: RunRecord) -> None:
    with h5py.File(Path(record.run["directory"]) / "attempt-1" / "telemetry.h5", "r+") as file:
        file["step/loss"] = np.ones((2, 3), np.float32)


@pytest.mark.parametrize("change", [name_another_folder, link_telemetry, cut_losses])
def test_tensorboard_has_no_losses_of_other_files_than_a_runs_own_whole_one(
    change: Callable[[RunRecord, RunRecord], None], tmp_path: Path
) -> None:
    record, other = stored_run(tmp_path / "runs"), stored_run(tmp_path / "runs", name="other")
    with h5py.File(Path(other.run["directory"]) / "attempt-1" / "telemetry.h5", "r+") as file:
        file["step/loss"] = np.ones((2, 40), np.float32)
    change(record, other)
    kept = tmp_path / "out" / "weekly" / record.run["run"] / "notes.txt"
    kept.parent.mkdir(parents=True)
    kept.write_text("somebody's")
    for _ in range(2):
        put("tensorboard", [report_of([record])], tmp_path / "out")
    (path,) = kept.parent.glob("events*")
    tags = {value.tag for event in events_of(path) for value in event.summary.value}
    assert "run/throughput" in tags and "loss" not in tags
    assert kept.read_text() == "somebody's"


def test_parquet_has_the_types_of_the_columns(report: Report, tmp_path: Path) -> None:
    import pyarrow.parquet

    put("parquet", [report], tmp_path / "out")
    runs = pyarrow.parquet.read_table(tmp_path / "out" / "runs.parquet")
    assert [str(runs.schema.field(name).type) for name in ("run", "nodes", "throughput", "git_dirty")] == [
        "string", "int64", "double", "bool",
    ]  # fmt: skip
    assert runs.column("throughput").to_pylist()[-1] is None
    ranks = pyarrow.parquet.read_table(tmp_path / "out" / "ranks.parquet")
    assert ranks.num_rows == sum(record.run["ranks"] for record in report.records[:-1])


def test_markdown_keeps_text_from_outside_out_of_its_markup(tmp_path: Path) -> None:
    from markdown_it import MarkdownIt

    record = failed_run(tmp_path, name=EVIL, cause=EVIL)
    text = put("markdown", [report_of([record], EVIL)], tmp_path)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<b>" not in html
    assert "<a " not in html
    assert "<code>" not in html
    assert html.count("<tr>") == 2
    assert html.count("<td") == 8


def test_prometheus_text_is_what_its_parser_reads(report: Report, tmp_path: Path) -> None:
    families = {family.name: family for family in text_string_to_metric_families(put("prometheus", [report], tmp_path))}
    rates = families["orchestrator_throughput_samples_per_second"].samples
    assert {sample.labels["nodes"]: sample.value for sample in rates} == {"1": 200.0, "2": 372.0, "4": 680.0}
    assert all(family.type == "gauge" and family.documentation for family in families.values())
    assert all(sample.timestamp is None for family in families.values() for sample in family.samples)
    states = {sample.labels["state"]: sample.value for sample in families["orchestrator_runs"].samples}
    assert (states["completed"], states["failed"], states["lost"]) == (9, 1, 0)
    efficiency = families["orchestrator_scaling_efficiency_ratio"].samples
    assert {sample.labels["nodes"]: round(sample.value, 2) for sample in efficiency} == {"1": 1.0, "2": 0.93, "4": 0.85}


def test_prometheus_never_says_a_series_twice_and_lets_the_newest_campaign_speak(tmp_path: Path) -> None:
    reports = [
        report_of([stored_run(tmp_path, campaign=name, rate=rate, recipe=EVIL)], name)
        for name, rate in (("new", 90.0), ("old", 100.0))
    ]
    samples = [
        (sample.name, *sorted(sample.labels.items()))
        for family in text_string_to_metric_families(put("prometheus", reports, tmp_path))
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    text = put("prometheus", reports, tmp_path)
    (family,) = (item for item in text_string_to_metric_families(text) if "throughput_samples" in item.name)
    assert [sample.value for sample in family.samples] == [180.0]
    assert family.samples[0].labels["recipe"] == EVIL


def test_mllog_folders_pass_what_mlcommons_checks(
    report: Report, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from mlperf_logging.compliance_checker import mlp_compliance
    from mlperf_logging.package_checker import package_checker

    folder = tmp_path / "ACME"
    put("mllog", [report], folder)
    with caplog.at_level(logging.INFO):
        package_checker.check_training_package(
            str(folder), "hpc", "3.0.0", True, False, False, False, False, str(tmp_path / "log")
        )
    assert "PACKAGE CHECKER FOUND NO ERRORS" in caplog.text
    # The benchmarks have no ruleset, so the common rules alone are applied.
    rules = yaml.safe_load((Path(mlp_compliance.__file__).parent / "hpc_3.0.0" / "common.yaml").read_text())
    for rule in rules:
        if rule.get("KEY", {}).get("NAME") == "submission_division":
            del rule["KEY"]["POST"]
    config = tmp_path / "common.yaml"
    config.write_text(yaml.safe_dump(rules))
    logs = sorted(folder.glob("results/local_4nodes_mpi_small_stand-in/strong/stemdl/result_*.txt"))
    assert [path.name for path in logs] == ["result_0.txt", "result_1.txt", "result_2.txt"]
    for log in logs:
        checker = mlp_compliance.make_checker("hpc", "3.0.0", quiet=True, werror=True)
        assert mlp_compliance.main(str(log), str(config), checker)[0]
        events = {event["key"]: event["value"] for event in map(json.loads, log_lines(log))}
        assert events["submission_org"] == "ACME"
        assert events["result"]["quality"] == pytest.approx(0.75)
        named = {key: value for key, value in events.items() if key.startswith("host_processor") and value}
        assert named == {
            "host_processor_model_name": "Arm Neoverse-V2", "host_processor_microcode": "r0p0",
            "host_processor_core_count": "72",
        }  # fmt: skip
    assert "broken: failed" in (folder / "README.md").read_text()


def log_lines(log: Path) -> list[str]:
    return [line.removeprefix(":::MLLOG ") for line in log.read_text().splitlines()]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(tmp_path: Path, report: Report) -> Path:
    """A results folder whose store holds the report's runs."""
    results = tmp_path / "results"
    results.mkdir()
    Store(f"sqlite:///{results / 'store.sqlite'}").put_all(list(report.records))
    return results


def test_the_command_prints_or_writes_each_form(orchestrator: Command, filled: Path, tmp_path: Path) -> None:
    for words in (["--format", "markdown"], ["--format", "prometheus", "-o", "out/node.prom"], ["--json"]):
        answer = orchestrator("report", *words, f"results={filled}")
        assert answer.code == 1, answer.err  # one of the runs failed
        assert answer.out
    assert (tmp_path / "out" / "node.prom").read_text().startswith("# HELP")


ERRORS = [
    (["--format", "htm"], "Did you mean html?"),
    (["--format", "html"], "-o DIR"),
    (["--format", "mlflow"], "-o URL"),
    (["--format", "mlflow", "-o", "nowhere"], "not an MLflow server"),
    (["--format", "mlflow", "-o", "http://127.0.0.1:9"], "does not answer"),
    (["--json", "--format", "csv"], "--json is --format json"),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_a_wrong_command_is_told_what_would_be_right(
    filled: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *words, f"results={filled}"]) == 64
    assert message in capsys.readouterr().err
