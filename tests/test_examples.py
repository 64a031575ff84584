"""The examples that a site copies: each file loads, plans, and is what the JSON Schema for editors allows."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from commands import PROJECT

from orchestrator.__main__ import main
from orchestrator.acceptance.references import load_references
from orchestrator.acceptance.schema import SuiteConfig
from orchestrator.acceptance.suite import compose_suite
from orchestrator.cli.parsers import PARSERS
from orchestrator.config.catalogue import clusters_of_host
from orchestrator.config.compose import SCHEDULE, compose_all, compose_documents
from orchestrator.config.families import ROOT
from orchestrator.config.json_schema import file_schema
from orchestrator.config.schema_machine import ClusterConfig

EXAMPLES = PROJECT / "examples"
SITE = EXAMPLES / "site"
PROFILES = [*sorted((PROJECT / "cluster_profiles").glob("*.yaml")), *sorted((SITE / "cluster").glob("*.yaml"))]
SUITES = [
    *sorted((ROOT / "orchestrator/config/acceptance").glob("*.yaml")),
    *sorted((SITE / "acceptance").glob("*.yaml")),
]


def answer(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(list(words))
    return code, out.getvalue()


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [*((path, ClusterConfig) for path in PROFILES), *((path, SuiteConfig) for path in SUITES)],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_every_profile_and_suite_is_what_its_json_schema_allows(path: Path, kind: type) -> None:
    jsonschema.validate(loaded(path), file_schema(kind, ""), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_names_the_recipes_of_its_trainings_since_some_profiles_want_published_data(path: Path) -> None:
    trainings = [each for each in loaded(path)["workloads"].values() if each.get("mode") != "probe"]
    assert trainings and all("recipe" in each for each in trainings)


@pytest.mark.parametrize(
    "wrong",
    [{"nmae": "x"}, {"slurm": {"partitoin": "gpu"}}, {"ranks_per_node": "four"}, {"modules": "gcc"}],
    ids=str,
)
def test_what_the_program_would_refuse_an_editor_marks(wrong: dict[str, object]) -> None:
    schema = file_schema(ClusterConfig, "")
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
    jsonschema.validate({"ranks_per_node": "${oc.env:RANKS}", "slurm": {"account": 1000}}, schema)


@pytest.mark.parametrize("kind", ["cluster", "suite", "benchmark", "schedule", "notify"])
def test_the_schema_of_every_kind_of_file_is_printed(kind: str) -> None:
    code, text = answer("help", kind, "--schema")
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def planned(cluster: str) -> tuple[dict[str, Any], str]:
    code, text = answer(
        "plan", "benchmark=stemdl", f"cluster={cluster}", "nodes=4", "recipe=small", "results=/tmp",
        "--config-dir", str(SITE), "--json",
    )  # fmt: skip
    (run,) = json.loads(text)["runs"]
    assert code == 0
    return run, run["script"]


def test_the_machine_of_the_example_can_be_planned_and_is_found_on_its_login_nodes() -> None:
    run, script = planned("alpine")
    assert run["ranks"] == 16 and "#SBATCH --partition=gpu" in script and "module load openmpi/5.0" in script
    assert clusters_of_host(SITE, lambda: {"login3.alpine.example.org"})[0] == "alpine"


def test_containers_stand_where_pyxis_and_apptainer_take_them() -> None:
    _, script = planned("alpine_pyxis")
    started = next(line for line in script.splitlines() if "workloads.entry" in line)
    srun, python, _ = started.partition(" /opt/sciml/bin/python -m workloads.entry ")
    assert python and "--container-image=/shared/bench/images/sciml.sqsh" in srun
    _, script = planned("alpine_apptainer")
    started = next(line for line in script.splitlines() if "workloads.entry" in line)
    assert re.search(r"srun .* apptainer exec --nv \S+ \S+/sciml\.sif /opt/sciml/bin/python -m workloads", started)


def test_suite_references_schedule_and_notification_of_the_example_are_read() -> None:
    (config,) = compose_all(["benchmark=stemdl", "cluster=alpine", "recipe=small"], False, str(SITE))
    entries = load_references(str(SITE / "references" / "alpine.yaml"), config["cluster"])
    assert [entry.quantity for entry in entries.values()] == ["throughput"]
    suite = compose_suite(["suite=nightly"], str(SITE))["suite"]
    assert suite["clusters"] == ["alpine"] and set(suite["workloads"]) == {"health", "speed"}
    (schedule,) = compose_documents(["benchmark=stemdl", "cluster=alpine"], False, str(SITE), SCHEDULE)
    assert schedule["schedule"]["slurm"]["partition"] == "serial"
    assert schedule["notify"]["mail"]["to"] == ["bench@alpine.example.org"]


def test_the_recipes_of_images_install_what_there_is() -> None:
    extras = set(re.findall(r"\[([\w,]+)\]\"", (EXAMPLES / "container" / "Dockerfile").read_text()))
    texts = [(EXAMPLES / "container" / name).read_text() for name in ("Dockerfile", "sciml.def")]
    pyproject = (PROJECT / "pyproject.toml").read_text()
    assert extras and all(f"\n{extra} = [" in pyproject for words in extras for extra in words.split(","))
    for text in texts:
        assert set(re.findall(r"sciml-orchestrator (\w+)", text)) <= set(PARSERS)
        assert "constraints.txt" in text and "/opt/sciml" in text


def test_the_pipeline_of_the_example_is_one_and_gives_commands_that_there_are() -> None:
    pipeline = loaded(EXAMPLES / "pipeline" / "github.yml")
    steps = [step["run"] for step in pipeline["jobs"]["compare"]["steps"] if "run" in step]
    compared = next(step for step in steps if " compare " in step)
    words = compared.partition("orchestrator compare ")[2].partition(">")[0].split()
    assert PARSERS["compare"]().parse(words).format == "markdown"
