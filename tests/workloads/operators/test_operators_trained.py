"""Which trained model inference takes for a problem of operators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.campaign.trained import different_options, find_weights
from orchestrator.config.compose import compose_all
from orchestrator.plan import Site, plan
from orchestrator.records import Manifest, RunDirectory
from workloads.operators.config import problem_parameters
from workloads.operators.problems import PROBLEMS


def composed(*words: str) -> Any:
    """A run's configuration."""
    return compose_all(["benchmark=operators", "recipe=small", *words], False)[0]


@pytest.mark.parametrize(
    ("trained", "wanted", "refused"),
    [
        ([], [], ""),
        (["benchmark.dataset.seed=2"], ["benchmark.dataset.points=500"], ""),
        (["method=hyperplane"], [], "method=hyperplane, not zcs"),
        (["dataset=burgers"], ["dataset=kdv"], "dataset=burgers, not kdv, dispersion=None, not 0.005"),
        (
            ["dataset=kdv"],
            ["dataset=kdv", "benchmark.dataset.viscosity=0"],
            "viscosity=0.05, not 0",
        ),
        (["benchmark.dataset.sensors=20"], [], "sensors=20, not 50"),
        (["method=pinn"], ["method=pinn"], ""),
        (["method=pinn"], ["method=pinn", "benchmark.dataset.seed=3"], "dataset.seed=1, not 3"),
        (["method=pinn"], ["method=pinn", "benchmark.dataset.functions=100"], "dataset.functions=200, not 100"),
    ],
)
def test_a_trained_model_is_taken_for_its_own_problem_alone(
    trained: list[str], wanted: list[str], refused: str
) -> None:
    assert different_options(composed(*trained)["benchmark"], composed(*wanted)["benchmark"]) == refused


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_all_that_a_problem_depends_on_is_compared(name: str) -> None:
    dataset = composed(f"dataset={name}")["benchmark"]["dataset"]
    assert set(problem_parameters(dataset)) == set(PROBLEMS[name].PARAMETERS)


def test_of_a_campaign_with_several_problems_each_has_its_own_model(tmp_path: Path) -> None:
    for name in ("burgers", "kdv"):
        (planned,) = plan([composed(f"dataset={name}")], "campaign", Site(1, tmp_path)).runs
        run = RunDirectory(tmp_path / "campaign" / f"{name}-run")
        run.checkpoint.mkdir(parents=True)
        run.weights.touch()
        run.write_manifest(Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0))
    for name in ("burgers", "kdv"):
        found = find_weights("campaign", composed(f"dataset={name}")["benchmark"], tmp_path, tmp_path)
        assert found.parts[-3] == f"{name}-run"
