"""The trainer by itself, on tasks of some dozen parameters."""

from __future__ import annotations

import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from toys import TOYS, Adversarial, Adversaries, Concluded, Coupled, Toy, parameters_of, train, trainer_of

from orchestrator.store.mllog import Events, epochs_of, throughput_of
from workloads.runtime.communicators import Communicator
from workloads.runtime.errors import DivergedError
from workloads.runtime.measurement.mllog import MlperfLog
from workloads.runtime.procedures.players import PlayersError
from workloads.runtime.procedures.training import Trainer
from workloads.runtime.task import Batch, Player, Quality, Step


@pytest.mark.parametrize("name", TOYS)
def test_the_same_seed_trains_to_the_same_bits(name: str, alone: Communicator, tmp_path: Path) -> None:
    first, second = (train(name, alone, tmp_path / str(number)) for number in range(2))
    assert first == second


def test_players_move_in_turn_and_nobody_else_moves(alone: Communicator, tmp_path: Path) -> None:
    trainer = trainer_of(Adversarial({}, tmp_path), alone, tmp_path)
    assert isinstance(trainer.model, Adversaries)
    generator, critic = trainer.stepper.movers
    seen = []

    def watched(mover_name: str, player: Player) -> Player:
        def loss(model: torch.nn.Module, batch: Batch, step: Step) -> torch.Tensor:
            wanting = {mover.player.name for mover in trainer.stepper.movers if mover.parameters[0].requires_grad}
            seen.append((mover_name, step.number, wanting))
            return player.loss(model, batch, step)

        return Player(player.name, player.module, loss)

    for mover in trainer.stepper.movers:
        mover.player = watched(mover.player.name, mover.player)
    unmoved = trainer.model.unmoved.weight.clone()
    trainer.train()
    assert seen[:4] == [
        ("generator", 0, {"generator"}), ("critic", 0, {"critic"}),
        ("generator", 1, {"generator"}), ("critic", 1, {"critic"}),
    ]  # fmt: skip
    assert torch.equal(trainer.model.unmoved.weight, unmoved)
    assert isinstance(generator.optimizer, torch.optim.Adam) and isinstance(critic.optimizer, torch.optim.SGD)
    assert all(parameter.requires_grad for mover in trainer.stepper.movers for parameter in mover.parameters)


def test_each_players_losses_are_kept_by_name(alone: Communicator, tmp_path: Path) -> None:
    trainer = trainer_of(Adversarial({}, tmp_path), alone, tmp_path)
    trainer.train()
    assert set(trainer.telemetry.losses) == {"/generator", "/critic"}
    assert all(len(losses) == 9 and np.isfinite(losses).all() for losses in trainer.telemetry.losses.values())
    one = trainer_of(Coupled({}, tmp_path), alone, tmp_path)
    one.train()
    assert set(one.telemetry.losses) == {""}


def test_a_loss_that_nobody_looked_at_when_it_was_made_is_seen_before_anything_is_kept(
    alone: Communicator, tmp_path: Path
) -> None:
    """On an accelerator most losses are: each look waits for the device."""
    trainer = trainer_of(Coupled({}, tmp_path), alone, tmp_path)
    trainer.train()
    trainer.stepper.losses[0, 1] = math.inf
    for keep in (trainer.evaluate, trainer.save):
        with pytest.raises(DivergedError, match="the loss is not a number"):
            keep()
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize("name", TOYS)
def test_a_resumed_run_ends_where_one_in_a_piece_ends(name: str, alone: Communicator, tmp_path: Path) -> None:
    whole = train(name, alone, tmp_path / "whole")
    task = TOYS[name]({}, tmp_path)
    stopped = trainer_of(task, alone, tmp_path / "parts")
    stopped.progress.stop_requested = True
    assert stopped.train().stopped == "requested"
    assert stopped.position.total_steps == 1
    resumed = trainer_of(task, alone, tmp_path / "parts")
    resumed.train()
    assert parameters_of(resumed) == whole


def test_what_only_a_trained_model_is_asked_comes_after_its_time_was_taken(alone: Communicator, tmp_path: Path) -> None:
    trainer = trainer_of(Concluded({}, tmp_path), alone, tmp_path)
    assert trainer.train().quality == {**trainer.position.history[-1][1], "samples": 17}
    assert [name for name, _, _ in trainer.telemetry.phases][-2:] == ["evaluate", "conclude"]
    assert len(trainer.telemetry.evaluations) == 3
    # A task that has no such metrics is not evaluated once more.
    plain = trainer_of(Toy({}, tmp_path), alone, tmp_path / "plain")
    plain.train()
    assert "conclude" not in [name for name, _, _ in plain.telemetry.phases]


class Undefined(Concluded):
    """Whose metric of the trained model is no number."""

    def new_quality(self) -> Quality:
        quality = super().new_quality()
        quality.conclude = lambda counts, rows, alive: dict.fromkeys(  # type: ignore[method-assign]
            quality.compute(counts, rows), math.nan
        )
        return quality


def test_a_metric_of_the_trained_model_that_is_no_number_is_a_divergence(alone: Communicator, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="is not a number after step"):
        trainer_of(Undefined({}, tmp_path), alone, tmp_path).train()


def test_a_task_knows_all_its_evaluations_for_its_picture_those_before_a_stop_too(
    alone: Communicator, tmp_path: Path
) -> None:
    whole = Concluded({}, tmp_path)
    trainer_of(whole, alone, tmp_path / "whole").train()
    assert len(whole.history) == 3
    stopped = trainer_of(Concluded({}, tmp_path), alone, tmp_path / "parts")
    judge = stopped.task.new_quality

    def stopping() -> Quality:
        stopped.progress.stop_requested = True
        return judge()

    stopped.task.new_quality = stopping  # type: ignore[method-assign]
    assert stopped.train().stopped == "requested"
    resumed = trainer_of(Concluded({}, tmp_path), alone, tmp_path / "parts")
    resumed.train()
    seconds, metrics = zip(*resumed.task.history, strict=True)
    assert metrics == tuple(found for _, found in whole.history)
    assert list(seconds) == [row[0] for row in resumed.position.evaluations] == sorted(seconds)


@pytest.mark.parametrize("name", ["adversarial", "second_order", "derivatives"])
def test_several_micro_batches_make_the_step_of_one(name: str, alone: Communicator, tmp_path: Path) -> None:
    task = TOYS[name]({}, tmp_path)
    one, three = (trainer_of(task, alone, tmp_path / str(parts), accumulate=parts) for parts in (1, 3))
    for trainer in (one, three):
        trainer.train()
    np.testing.assert_allclose(parameters_of(three), parameters_of(one), rtol=1e-8, atol=1e-12)


def test_items_are_counted_and_no_sample_comes_twice(alone: Communicator, tmp_path: Path) -> None:
    trainer = trainer_of(TOYS["tokens"]({}, tmp_path), alone, tmp_path)
    trainer.train()
    held = trainer.task.training_set.items(np.arange(3 * 17))
    assert trainer.position.items == trainer.telemetry.items.sum() == held.sum()
    assert trainer.telemetry.unit == trainer.progress.heartbeat()["unit"] == "tokens"


@pytest.mark.parametrize(("most", "epochs", "steps"), [(0, 3, 3), (4, 2, 3), (3, 1, 3), (2, 1, 2)])
def test_the_epochs_that_are_told_to_come_are_those_that_a_training_cut_to_some_steps_takes(
    most: int, epochs: int, steps: int, alone: Communicator, tmp_path: Path
) -> None:
    trainer = trainer_of(Coupled({}, tmp_path), alone, tmp_path, max_steps=most)
    trainer.train()
    assert (trainer.sampler.steps, trainer.progress.epochs, trainer.progress.steps_per_epoch) == (3, epochs, steps)


@pytest.mark.parametrize(("copying", "data"), [(0.02, 0.02), (10.0, 0.05)], ids=["possible", "impossible"])
def test_what_an_accelerators_copies_took_is_data_and_no_longer_compute(
    copying: float, data: float, alone: Communicator, tmp_path: Path
) -> None:
    trainer = trainer_of(Toy({}, tmp_path), alone, tmp_path, max_steps=2)
    step = trainer.stepper.step

    def copying_step(*given: Any) -> None:
        event: Any = SimpleNamespace(elapsed_time=lambda later: 1e3 * copying)
        trainer.copies.started.append((event, event, 0.0))
        time.sleep(0.05)
        step(*given)

    trainer.stepper.step = copying_step  # type: ignore[method-assign,assignment]
    trainer.train()
    found = {name: values[:2] for name, values in trainer.telemetry.times.items()}
    assert (found["data"] >= np.float32(data)).all() and (found["compute"] >= 0).all()
    np.testing.assert_allclose(found["data"] + found["compute"] + found["waiting"], found["total"], rtol=1e-5)
    assert (found["data"] < found["total"]).all() == (copying < 1)


class Logged(MlperfLog):
    """Keeps what is logged, with the moment, in the place of a file."""

    def __init__(self) -> None:
        self.events: list[tuple[str, float, Any, dict[str, Any]]] = []

    def start(self, key: str, at: float | None = None, **metadata: Any) -> None:
        self.value(f"{key}_start", None, **metadata)

    def stop(self, key: str, at: float | None = None, **metadata: Any) -> None:
        self.value(f"{key}_stop", None, **metadata)

    def value(self, key: str, value: Any, **metadata: Any) -> None:
        self.events.append((key, time.monotonic(), value, metadata))


def logged_of(folder: Path, alone: Communicator, stop_after: int = 0, **training: Any) -> tuple[Trainer, Logged]:
    """A trainer whose evaluations take long beside its steps, and its log, after it has trained."""
    trainer, log = trainer_of(TOYS["tokens"]({}, folder), alone, folder, **training), Logged()
    trainer.log = log
    measure, step = trainer.measure_quality, trainer.stepper.step

    def evaluate(concluding: bool = False) -> dict[str, float]:
        time.sleep(0.3)
        return measure(concluding)

    def slow_step(*given: Any) -> None:
        time.sleep(0.05)
        step(*given)
        trainer.progress.stop_requested = trainer.position.total_steps + 1 == stop_after - 1

    trainer.measure_quality, trainer.stepper.step = evaluate, slow_step  # type: ignore[method-assign,assignment]
    trainer.train()
    return trainer, log


def test_the_logged_throughput_of_an_epoch_is_of_its_steps_and_holds_no_evaluation(
    alone: Communicator, tmp_path: Path
) -> None:
    trainer, log = logged_of(tmp_path, alone, evaluate_every_steps=1, epochs=2)
    rates = [value["throughput"] for key, _, value, _ in log.events if key == "tracked_stats"]
    times, items = trainer.telemetry.times["total"][:6].reshape(2, 3), trainer.telemetry.items[:6].reshape(2, 3)
    assert rates == pytest.approx((items.sum(axis=1) / times.sum(axis=1)).tolist(), rel=1e-4)


@pytest.mark.parametrize(
    ("training", "stop_after", "trained"),
    [
        ({"epochs": 2}, 0, [17, 17]),
        ({"epochs": 2, "evaluate_every_steps": 2}, 0, [17, 17]),
        ({"max_steps": 4, "evaluate_every_steps": 2, "evaluate_every_epochs": 1}, 0, [17, 7]),
        ({"max_steps": 2}, 0, [14]),
        ({"epochs": 2, "evaluate_every_steps": 2}, 5, [17, 14]),
    ],
    ids=["whole", "evaluated within", "cut to some steps", "cut within the first", "stopped"],
)
def test_a_log_of_ours_is_read_with_the_samples_and_the_seconds_of_its_steps(
    training: dict[str, Any], stop_after: int, trained: list[int], alone: Communicator, tmp_path: Path
) -> None:
    trainer, log = logged_of(tmp_path, alone, stop_after, **training)
    events = Events([("train_samples", 0.0, 17, {}), *log.events])
    found = list(epochs_of(events, 17.0, math.inf))
    assert [samples for samples, _ in found] == trained
    seconds = float(trainer.telemetry.times["total"][: trainer.telemetry.steps].sum())
    # Between steps nothing is done that takes long.
    assert sum(spent for _, spent in found) == pytest.approx(seconds, abs=0.25)
    assert throughput_of(events, 0.0, math.inf) == pytest.approx(sum(trained) / sum(spent for _, spent in found))


def evaluated_at(trainer: Trainer) -> list[int]:
    """Trains, and tells after which steps quality was measured."""
    steps, evaluate = [], trainer.evaluate

    def watched() -> bool:
        steps.append(trainer.position.total_steps)
        return evaluate()

    trainer.evaluate = watched  # type: ignore[method-assign]
    trainer.train()
    assert len(steps) == len(trainer.position.evaluations) == len(trainer.telemetry.evaluations)
    return steps


@pytest.mark.parametrize(
    ("most", "every", "steps"),
    [(8, 4, [4, 8]), (2, 1, [1, 2]), (5, 2, [2, 4, 5]), (6, 2, [2, 4, 6]), (0, 4, [4, 8, 9])],
)
def test_no_step_is_evaluated_twice_not_even_the_last(
    most: int, every: int, steps: list[int], alone: Communicator, tmp_path: Path
) -> None:
    """An epoch has three steps."""
    trainer = trainer_of(Toy({}, tmp_path), alone, tmp_path, max_steps=most, evaluate_every_steps=every)
    assert evaluated_at(trainer) == steps


def test_a_run_that_was_stopped_before_its_last_evaluation_makes_it_once(alone: Communicator, tmp_path: Path) -> None:
    stopped, resumed = (
        trainer_of(Toy({}, tmp_path), alone, tmp_path, max_steps=1, evaluate_every_steps=1) for _ in range(2)
    )
    stopped.progress.stop_requested = True
    assert evaluated_at(stopped) == []
    assert evaluated_at(resumed) == [1]


def test_a_target_that_is_reached_at_the_last_step_within_an_epoch_ends_the_training(
    alone: Communicator, tmp_path: Path
) -> None:
    trainer = trainer_of(Toy({}, tmp_path), alone, tmp_path, max_steps=2, evaluate_every_steps=2)
    trainer.quality = {**trainer.quality, "target": -1e9, "higher_is_better": True}
    assert trainer.train().stopped == "target"
    assert trainer.position.time_to_accuracy is not None


def test_the_planned_settings_stay_as_they_were_planned(alone: Communicator, tmp_path: Path) -> None:
    trainer = trainer_of(Toy({}, tmp_path), alone, tmp_path, precision="auto", channels_last=False, kernels="auto")
    assert trainer.spec.settings["training"]["precision"] == trainer.spec.settings["training"]["kernels"] == "auto"
    assert trainer.settings["precision"] in ("float32", "bfloat16") and trainer.settings["kernels"] == "torch"


def test_a_player_without_an_optimiser_or_with_anothers_parameters_is_refused(
    alone: Communicator, tmp_path: Path
) -> None:
    with pytest.raises(PlayersError, match=r"optimizers has model, but the task's players are generator, critic"):
        trainer_of(Adversarial({}, tmp_path), alone, tmp_path, optimizers={"model": Toy.training.optimizer})

    class Sharing(Adversarial):
        def players(self, model: torch.nn.Module) -> list[Player]:
            return [Player("all", model, self.fool), *super().players(model)]

    with pytest.raises(PlayersError, match="'all' and 'generator' share parameters"):
        trainer_of(Sharing({}, tmp_path), alone, tmp_path, optimizers={})

    class Frozen(Toy):
        def build_model(self) -> torch.nn.Module:
            return super().build_model().requires_grad_(False)

    with pytest.raises(PlayersError, match="'model' has no parameters to move"):
        trainer_of(Frozen({}, tmp_path), alone, tmp_path)
