"""What the methods of operators add: points dealt to tiles, weights on a hyperplane."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from orchestrator.config.schema_benchmark import OptimizerConfig
from workloads.operators.constants import Constant
from workloads.operators.derivatives import FunctionLoop, ZeroCoordinateShift
from workloads.operators.equations import EQUATIONS
from workloads.operators.methods.data_driven import DataDriven
from workloads.operators.methods.hyperplane import Hyperplane
from workloads.operators.methods.pinn import Pinn, TileSet, dealt
from workloads.operators.methods.zcs import Zcs
from workloads.operators.networks import DeepONet, OneField
from workloads.operators.problems import PROBLEMS
from workloads.operators.samples import CollocatedSet
from workloads.runtime.communicators.alone import LoneReducer
from workloads.runtime.procedures.players import Share, make_movers
from workloads.runtime.samples.sampleset import Arrays, SampleSet
from workloads.runtime.task import Step, to_device

PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "burgers": {"viscosity": 0.02, "nodes": 8, "waves": 3, "resolution": 16},
    "kdv": {"dispersion": 0.02, "viscosity": 0.01, "nodes": 8, "waves": 3, "resolution": 16},
    "diffusion_reaction": {"diffusion": 0.1, "reaction": 0.5, "length_scale": 0.2, "nodes": 21, "sensors": 7},
    "plate": {"rigidity": 0.5, "modes": 2},
    "stokes": {"viscosity": 0.1, "length_scale": 0.2, "nodes": 21, "sensors": 7},
}
COUNTS = {"points": 23, "boundary_points": 16, "initial_points": 5}


class Functions(SampleSet):
    """Functions in memory."""

    def __init__(self, functions: Any) -> None:
        self.functions = functions.astype(np.float32)

    def __len__(self) -> int:
        return len(self.functions)

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        return {"function": self.functions[indices]}


def task_of(kind: type[Any], name: str, changed: Mapping[str, float] = {}, **options: Any) -> Any:
    """A task whose data are in memory, with three functions; parameters of the problem may be ``changed``."""
    settings: Any = {"model": {"widths": [9, 8], "condition_weight": 1.0, "hard_conditions": False, **options}}
    task = kind(settings, Path())
    parameters = {**PARAMETERS[name], **changed}
    problem = PROBLEMS[name](parameters)
    task.problem, task.equation = problem, EQUATIONS[name](parameters, settings["model"]["hard_conditions"])
    task.collocation = problem.collocate(COUNTS, np.random.default_rng(1))
    functions = Functions(problem.space.draw(3, np.random.default_rng(2)))
    task.collocated = lambda part, *fields: CollocatedSet(functions, problem, task.collocation)
    torch.manual_seed(3)
    return task


def test_points_are_dealt_so_that_means_stay() -> None:
    values = np.random.default_rng(1).normal(size=11)
    places, weights = dealt(np.arange(11), 4)
    assert places.shape == weights.shape == (4, 3) and set(places[weights > 0]) == set(range(11))
    assert (weights * values[places]).sum(1).mean() == pytest.approx(values.mean())


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_one_function_has_the_loss_that_an_operator_has_of_it(name: str) -> None:
    task = task_of(Pinn, name, tiles=5)
    network = task.build_model()
    assert isinstance(network, OneField) and isinstance(task.training_set, TileSet)
    tiles = to_device(task.training_set.read(np.arange(5)), torch.device("cpu"))
    whole = to_device(task.collocated("evaluation").read(np.zeros(1, np.int64)), torch.device("cpu"))
    residual, condition = task.parts_of_loss(ZeroCoordinateShift, network, whole)
    torch.testing.assert_close(task.loss(network, tiles, Step()), (residual + condition)[0], rtol=1e-4, atol=1e-6)
    parts = [task.loss(network, {key: rows[at : at + 1] for key, rows in tiles.items()}, Step()) for at in range(5)]
    torch.testing.assert_close(torch.stack(parts).mean(), (residual + condition)[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "changed"), [("diffusion_reaction", {"reaction": 0.0}), ("plate", {}), ("stokes", {})]
)
def test_of_linear_equations_the_hyperplane_is_the_published_one(name: str, changed: Mapping[str, float]) -> None:
    """Leng and Thiyagalingam take w = w_0 + N a with free numbers a, where psi w_0 = -f and psi N = 0. Here psi is made
    of one mode of the trunk after the other, so that it owes nothing to how weights are moved.
    """
    task = task_of(Hyperplane, name, changed)
    network = task.build_model().double()
    batch = to_device(task.collocated("training").read(np.arange(3)), torch.device("cpu"))
    batch = {key: values.double() for key, values in batch.items()}
    branch = network.weigh(batch["sensors"]).detach()
    count = branch.shape[1]

    def means(weights: Tensor, source: Tensor | None) -> Tensor:
        field = task.derived(ZeroCoordinateShift, network, weights, batch)
        return torch.stack([each.mean(1) for each in task.equation.residuals(field, source)]).detach()

    source = batch.get("source")
    nothing = None if source is None else torch.zeros(count, source.shape[1], dtype=torch.float64)
    one_by_one = torch.eye(count, dtype=torch.float64)
    psi = means(one_by_one, nothing) - means(torch.zeros_like(one_by_one), nothing)
    constant = means(torch.zeros_like(branch), source)
    first = -(torch.linalg.pinv(psi) @ constant).T
    free = torch.linalg.svd(psi).Vh[len(psi) :].T
    published = first + torch.randn(3, free.shape[1], dtype=torch.float64) @ free.T
    for given, expected in ((published, published), (branch, first + branch @ free @ free.T)):
        found = task.moved(ZeroCoordinateShift, network, given.clone().requires_grad_(), batch).detach()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10 * float(expected.abs().max()))


@pytest.mark.parametrize("name", ["burgers", "diffusion_reaction", "kdv", "stokes"])
@pytest.mark.parametrize("kind", [Zcs, Hyperplane, Pinn])
def test_hard_conditions_hold_whatever_the_weights(kind: type[Any], name: str) -> None:
    task = task_of(kind, name, {"sensors": 33} if name == "stokes" else {}, hard_conditions=True, tiles=5)
    network = task.build_model()
    batch = to_device(task.collocated("training").read(np.arange(3)), torch.device("cpu"))
    condition = task.condition(task.derive(ZeroCoordinateShift, network, batch), batch).detach()
    soft = task_of(kind, name, {"sensors": 33} if name == "stokes" else {}, tiles=5)
    missed = soft.condition(soft.derive(ZeroCoordinateShift, soft.build_model(), batch), batch).detach()
    # A lid is a sum of waves by least squares, to a thousandth of its speed.
    assert float(condition.max()) < 1e-7 and float(missed.min()) > 1e-4
    if kind is Pinn:
        tiles = to_device(task.training_set.read(np.arange(5)), torch.device("cpu"))
        residual, condition = task.parts_of_loss(ZeroCoordinateShift, network, batch)
        torch.testing.assert_close(task.loss(network, tiles, Step()), residual[0] + condition[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["plate", "stokes"])
def test_weights_on_the_hyperplane_fulfil_linear_equations_in_the_mean(name: str) -> None:
    task = task_of(Hyperplane, name)
    network = task.build_model().double()
    assert isinstance(network, DeepONet)
    batch = to_device(task.collocated("training").read(np.arange(3)), torch.device("cpu"))
    batch = {key: values.double() for key, values in batch.items()}
    plain = task.derived(ZeroCoordinateShift, network, network.weigh(batch["sensors"]), batch)
    means = [each.mean(1) for each in task.equation.residuals(plain, batch.get("source"))]
    moved = task.derive(ZeroCoordinateShift, network, batch)
    found = [each.mean(1) for each in task.equation.residuals(moved, batch.get("source"))]
    assert all(float(each.detach().abs().max()) < 1e-10 for each in found)
    assert max(float(each.detach().abs().max()) for each in means) > 1e-3
    task.loss(network, batch, Step()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_l_bfgs_goes_down_further_than_adam_in_as_many_steps() -> None:
    found = {}
    for name, rate in (("adam", 0.001), ("lbfgs", 1.0)):
        task = task_of(Zcs, "diffusion_reaction")
        network = task.build_model()
        batch = to_device(task.collocated("training").read(np.arange(3)), torch.device("cpu"))
        optimizer = {**asdict(OptimizerConfig()), "name": name, "learning_rate": rate}
        (mover,) = make_movers(task, network, {"optimizer": optimizer}, LoneReducer)  # type: ignore[typeddict-item]
        shares = [Share(batch, 1.0, Step(), last=True)]
        for _ in range(3):
            mover.move(network, rate, None, nullcontext(), lambda shares=shares: iter(shares))  # type: ignore[misc]
        found[name] = float(task.loss(network, batch, Step()).detach())
    assert found["lbfgs"] < 0.5 * found["adam"]


def test_of_other_equations_the_tangent_brings_the_mean_nearer_to_zero() -> None:
    task = task_of(Hyperplane, "diffusion_reaction")
    network = task.build_model().double()
    batch = to_device(task.collocated("training").read(np.arange(3)), torch.device("cpu"))
    batch = {key: values.double() for key, values in batch.items()}

    def mean_of(field: Any) -> float:
        return float(task.equation.residuals(field, batch["source"])[0].mean(1).abs().max().detach())

    plain = mean_of(FunctionLoop(network, batch["sensors"], batch["points"][0], task.collocation.residual))
    assert mean_of(task.derive(ZeroCoordinateShift, network, batch)) < 0.2 * plain


def test_a_constant_is_made_once_for_each_device_and_type_and_can_be_differentiated_with() -> None:
    made: list[Tensor] = []

    def make() -> Tensor:
        made.append(torch.arange(3, dtype=torch.float64) / 3)
        return made[-1]

    constant = Constant(make)
    single, double, elsewhere = torch.ones(1, requires_grad=True), torch.ones(1).double(), torch.ones(1, device="meta")
    with torch.inference_mode():
        first = constant.like(single)
    assert constant.like(single) is first and first.dtype == torch.float32
    assert constant.like(double).dtype == torch.float64 and constant.like(double) is made[1]
    assert constant.like(elsewhere).is_meta and constant.like(elsewhere) is constant.like(elsewhere)
    assert len(made) == 3
    (single * first).sum().backward()
    assert single.grad == 1


def test_no_step_makes_again_what_all_steps_need(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(DataDriven, "stokes", hard_conditions=True)
    task.description = {"axes": [[0.0, 0.5, 1.0], [0.0, 1.0]]}
    network = task.build_model().double()
    sensors = torch.randn(3, 7, dtype=torch.float64)
    seen: list[Tensor] = []
    inverted: list[Tensor] = []
    invert = torch.linalg.pinv

    def watched(matrix: Tensor, rtol: float) -> Any:
        inverted.append(matrix)
        return invert(matrix, rtol=rtol)

    monkeypatch.setattr(torch.linalg, "pinv", watched)

    def model(sensors: Tensor, points: Tensor) -> Tensor:
        seen.append(points)
        return network(sensors, points)  # type: ignore[no-any-return]

    solution = torch.zeros(3, 3, 3, 2, dtype=torch.float64)
    for _ in range(3):
        task.loss(model, {"sensors": sensors, "solution": solution}, Step()).backward()
    assert len(inverted) == 1 and all(points is seen[0] for points in seen)
    torch.testing.assert_close(seen[0][:3].tolist(), [[0.0, 0.0], [0.0, 1.0], [0.5, 0.0]])


@pytest.mark.parametrize("kind", [Zcs, Hyperplane])
def test_an_evaluation_has_the_metrics_of_all_functions(kind: type[Any]) -> None:
    task = task_of(kind, "diffusion_reaction")
    task.description = {"axes": [[0.0, 0.5, 1.0], [0.0, 1.0]]}
    network, quality = task.build_model(), task.new_quality()
    batch = to_device(task.collocated("evaluation").read(np.arange(3)), torch.device("cpu"))
    batch["solution"] = torch.ones(3, 1, 3, 2)
    rows = {name: values.numpy() for name, values in quality.update(network, batch).items()}
    metrics = quality.measure(quality.counts, rows, lambda: None)
    assert metrics["relative_l2_worst"] >= metrics["relative_l2"] > 0
    assert metrics == quality.conclude(quality.counts, rows, lambda: None)
