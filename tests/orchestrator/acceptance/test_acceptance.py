"""Acceptance from the command line: a suite's verdict, its record, references, and what is refused before any job."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import jsonschema
import pytest
import xmlschema
import yaml
from commands import Answer, Command

from orchestrator.acceptance.page import reason_entries
from orchestrator.acceptance.propose import propose_references
from orchestrator.acceptance.record import Record
from orchestrator.acceptance.schema import (
    AcceptConfig,
    BoundConfig,
    CheckConfig,
    PhaseConfig,
    SuiteConfig,
    WorkloadConfig,
)
from orchestrator.acceptance.suite import compose_suite, resolve_suite
from orchestrator.acceptance.suite_entries import (
    AcceptSettings,
    Bound,
    CheckSettings,
    PhaseSettings,
    SuiteSettings,
    WorkloadSettings,
)
from orchestrator.errors import UsageError, remedy_in
from orchestrator.records.typed import get_type_hints

SUITE = {
    "workloads": {
        "health": {
            "benchmark": "probe",
            "mode": "probe",
            "overrides": [
                "benchmark.probe.rounds=5",
                "benchmark.probe.matrix=128",
                "benchmark.probe.triad_mib=1",
                "benchmark.probe.burst_s=0.02",
                "benchmark.probe.message_s=0.005",
                "benchmark.dataset.mebibytes=1",
            ],
        }
    },
    "phases": [
        {
            "name": "hardware",
            "checks": [
                {"check": "available"},
                {"check": "completed", "workload": "health"},
                {"check": "correct", "workload": "health"},
                {"check": "reference", "workload": "health", "quantity": "triad"},
                {
                    "check": "peak",
                    "workload": "health",
                    "quantity": "matmul",
                    "bound": {"lower": -0.5, "unit": "× peak", "basis": "half"},
                },
            ],
        }
    ],
}


def suite_file(folder: Path, change: object = None) -> str:
    """A site's configuration folder with the suite, changed by a function if given."""
    suite = json.loads(json.dumps(SUITE))
    if callable(change):
        change(suite)
    (folder / "acceptance").mkdir(parents=True, exist_ok=True)
    (folder / "acceptance" / "small.yaml").write_text(yaml.safe_dump(suite))
    return str(folder)


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """The answer of an acceptance on two ranks of this machine, and its record."""
    import subprocess
    import sys

    from commands import environment

    folder = tmp_path_factory.mktemp("accept")
    words = ["accept", "suite=small", "nodes=2", "name=first", "--json", "--config-dir", suite_file(folder / "site")]
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words], cwd=folder, env=environment(), capture_output=True, text=True
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr), folder / "results" / "acceptance" / "first"


@pytest.mark.ranks
def test_a_suite_ends_in_a_verdict_by_its_schema(accepted: tuple[Answer, Path]) -> None:
    answer, record = accepted
    assert answer.code == 0, answer.err
    schema = json.loads(Path("orchestrator/acceptance/verdict.schema.json").read_text())
    for document in (answer.document, json.loads((record / "verdict.json").read_text())):
        jsonschema.validate(document, schema)
    outcomes = {entry["check"]: entry["outcome"] for entry in answer.document["checks"]}
    assert outcomes == {
        "available": "not measurable", "completed": "pass", "correct": "pass", "reference": "not measurable",
        "peak": "not measurable",
    }  # fmt: skip
    why = {entry["check"]: entry["why"] for entry in answer.document["checks"]}
    assert "accept propose" in why["reference"]


@pytest.mark.ranks
def test_the_record_holds_junit_by_its_schema_the_page_and_what_nodes_are_made_of(
    accepted: tuple[Answer, Path],
) -> None:
    _, record = accepted
    xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd")).validate(record / "verdict.xml")
    page = (record / "index.html").read_text()
    assert "Acceptance of local: pass" in page
    assert "accept verify FOLDER" in page
    (node,) = json.loads((record / "inventory.json").read_text()).values()
    assert node["kernel"] and node["processor"]["model"] and node["mpi"]
    assert list(record.glob("runs/*/*/attempt-1/telemetry.h5"))
    assert list(record.glob("runs/*/*/manifest.json"))


@pytest.mark.ranks
def test_the_page_says_first_what_failed_by_how_much_and_whom_it_names(accepted: tuple[Answer, Path]) -> None:
    document = json.loads((accepted[1] / "verdict.json").read_text())
    assert reason_entries(document) == []
    by_check = {entry["check"]: entry for entry in document["checks"]}
    by_check["completed"] |= {"outcome": "undecided", "value": None, "why": "no run ended"}
    by_check["correct"] |= {
        "outcome": "fail", "value": 2.0, "interval": None, "named": [{"what": "node", "name": "n2", "value": None}],
    }  # fmt: skip
    failed, undecided = reason_entries(document)
    assert (failed["outcome"], failed["named"]) == ("fail", "node n2")
    assert failed["value"] == "2 nodes with wrong results, bound ≤ 0"
    assert (undecided["outcome"], undecided["value"]) == ("undecided", "no run ended")


@pytest.mark.ranks
def test_a_record_is_verified_from_its_telemetry_and_one_changed_byte_is_found(
    accepted: tuple[Answer, Path], orchestrator: Command, tmp_path: Path
) -> None:
    copy = tmp_path / "record"
    shutil.copytree(accepted[1], copy)
    sound = orchestrator("accept", "verify", str(copy), "--json")
    assert (sound.code, sound.document["files"]["intact"], sound.document["verdict"]["same"]) == (0, True, True)
    path = next(copy.glob("runs/*/*/attempt-1/mllog.txt"), next(copy.glob("runs/*/*/manifest.json")))
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    changed = orchestrator("accept", "verify", str(copy))
    assert changed.code == 1
    assert f"{path.relative_to(copy)}: changed" in changed.out or "cannot be read" in changed.out


@pytest.mark.ranks
def test_a_verdict_that_was_edited_is_not_what_the_telemetry_says(
    accepted: tuple[Answer, Path], orchestrator: Command, tmp_path: Path
) -> None:
    copy = tmp_path / "record"
    shutil.copytree(accepted[1], copy)
    document = json.loads((copy / "verdict.json").read_text())
    document["checks"][1]["value"] = 7.0
    (copy / "verdict.json").write_text(json.dumps(document))
    answer = orchestrator("accept", "verify", str(copy), "--json")
    assert answer.code == 1
    (line,) = answer.document["verdict"]["differences"]
    assert "checks[hardware/completed/health/n2].value: stored 7.0, recomputed 0.0" in line


@pytest.mark.ranks
def test_references_are_proposed_from_campaigns_and_then_judge(
    accepted: tuple[Answer, Path], orchestrator: Command, tmp_path: Path
) -> None:
    site = str(accepted[1].parents[2] / "site")
    words = ["suite=small", "nodes=2", "--config-dir", site]
    measured = f"campaigns={accepted[0].document['campaigns'][0]}"
    results = accepted[1].parents[2]
    proposed = orchestrator("accept", "propose", *words, measured, "lower=-0.9", cwd=results)
    assert proposed.code == 0, proposed.err
    ((name, entry),) = yaml.safe_load(proposed.out)["references"].items()
    assert name.startswith("probe-small-probe-mpi-weak-n2x1-t") and name.endswith(f"-triad-{entry['settings']}")
    assert (entry["unit"], entry["lower"], "median of 5 values from 1 runs" in entry["basis"]) == ("GB/s", -0.9, True)
    (tmp_path / "refs.yaml").write_text(proposed.out)
    answer = orchestrator("accept", *words, f"references={tmp_path / 'refs.yaml'}", "--json")
    assert answer.code == 0, answer.err
    (judged,) = [one for one in answer.document["checks"] if one["check"] == "reference"]
    assert judged["outcome"] == "pass"


def test_of_campaigns_without_the_suites_runs_it_is_said_which_ones_to_give(tmp_path: Path) -> None:
    suite = resolve_suite(["suite=small", "nodes=2"], suite_file(tmp_path / "site"))
    (tmp_path / "scaling").mkdir()
    with pytest.raises(UsageError) as refusal:
        propose_references(suite, [tmp_path / "scaling"], "median", None, None)
    remedy = "give campaigns that `accept suite=small` left (`campaigns` in its verdict.json)."
    assert str(refusal.value).startswith("scaling: no two completed runs") and remedy_in(str(refusal.value)) == remedy


def refused(tmp_path: Path, change: object, *words: str) -> str:
    """The message that a changed suite is refused with."""
    site = suite_file(tmp_path / "site", change)
    with pytest.raises(UsageError) as refusal:
        resolve_suite(["suite=small", *words], site)
    return str(refusal.value)


def set_check(number: int, **values: object) -> object:
    return lambda suite: suite["phases"][0]["checks"][number].update(values)


def set_benchmark(name: str) -> object:
    return lambda suite: suite["workloads"]["health"].update(benchmark=name)


BOUND = {"value": 10.0, "lower": -0.1, "unit": "GB/s", "basis": "made up"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_benchmark("stemld"), "There is no benchmark 'stemld'. Did you mean stemdl"),
        (set_check(3, bound={**BOUND, "unit": None}), "the bound has no unit; it is in GB/s"),
        (set_check(3, bound={**BOUND, "unit": "MB/s"}), "unit=MB/s, but the quantity is in GB/s"),
        (set_check(3, bound={**BOUND, "lower": 0.2, "upper": 0.1}), "lower=0.2 is above upper=0.1"),
        (set_check(3, bound={**BOUND, "basis": ""}), "states no basis"),
        (set_check(3, bound={**BOUND, "lower": None, "upper": 0.1}), "the bound has no lower"),
        (set_check(3, quantity="temperature", bound={**BOUND, "unit": "°C"}), "the bound has no upper"),
        (set_check(3, bound={**BOUND, "source": "real"}), "on real data, and the workload reads stand-in data"),
        (lambda suite: suite.update(clusters=["a100x8"]), "is for cluster=a100x8, not for cluster=local"),
        (set_check(1, workload="helth"), "There is no workload 'helth'".lower()),
        (set_check(1, check="complete"), "there is no check 'complete'. Did you mean completed"),
        (set_check(2, quantitty="x"), "quantitty"),
        (set_check(4, bound=None), "it needs a bound"),
        (set_check(3, first=9, limit=3), "2 ≤ first ≤ limit"),
    ],
)  # fmt: skip
@pytest.mark.quick(4)
def test_a_suite_that_cannot_be_right_is_refused_before_any_job(change: object, words: str, tmp_path: Path) -> None:
    assert words.lower() in refused(tmp_path, change).lower()


def test_references_of_another_cluster_and_suites_that_do_not_exist_are_refused(
    orchestrator: Command, tmp_path: Path
) -> None:
    (tmp_path / "refs.yaml").write_text("cluster: a100x8\nreferences: {}\n")
    assert "is for cluster=a100x8" in refused(tmp_path, None, f"references={tmp_path / 'refs.yaml'}")
    answer = orchestrator("accept", "suite=facilty", "cluster=local")
    assert (answer.code, "Did you mean facility" in answer.err) == (64, True)
    assert not (tmp_path / "results").exists()
    assert orchestrator("accept", "verify", str(tmp_path)).code == 64


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("++suite.phases.0.name='../../x'", "suite.phases[0].name"),
        ("++suite.phases.0.name='[/x]'", "suite.phases[0].name"),
        ("++suite.phases.0.checks.0.limit=1000000000", "suite.phases[0].checks[0].limit"),
        ("++suite.phases.0.checks.0.hours=inf", "suite.phases[0].checks[0].hours"),
        ("++suite.phases.0.checks.4.bound.value=nan", "suite.phases[0].checks[4].bound.value"),
        ("++suite.workloads.health.seed=-1", "suite.workloads.health.seed"),
        ("++suite.summary='a\x1b]0;b'", "suite.summary"),
        ("++suite.summary='Bearer abcdefghi'", "suite.summary"),
        ("++suite.name=other", "suite.name"),
        ("++nodes=100000000000", "nodes"),
    ],
)
@pytest.mark.quick(4)
def test_what_a_suite_cannot_hold_names_its_key(words: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        compose_suite(["suite=small", words], suite_file(tmp_path))
    assert str(error.value).startswith((f"{key}=", f"{key} ")), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["ci", "weekly", "facility"])
def test_the_suites_that_are_shipped_resolve_and_are_read_back_from_their_record(name: str, tmp_path: Path) -> None:
    suite = resolve_suite([f"suite={name}", "cluster=local", "nodes=4"], None)
    record = Record(tmp_path)
    record.write_suite(suite, suite.checks)
    assert suite.checks and record.checks() == suite.checks
    assert record.suite()["nodes"]["count"] == 4


@pytest.mark.parametrize(
    ("settings", "schema"),
    [
        (AcceptSettings, AcceptConfig),
        (SuiteSettings, SuiteConfig),
        (PhaseSettings, PhaseConfig),
        (CheckSettings, CheckConfig),
        (WorkloadSettings, WorkloadConfig),
        (Bound, BoundConfig),
    ],
)
def test_a_composed_suite_has_the_keys_of_its_schema(settings: type, schema: type) -> None:
    keys = {field.name for field in fields(schema)} - {"defaults"}
    assert set(get_type_hints(settings)) == keys
