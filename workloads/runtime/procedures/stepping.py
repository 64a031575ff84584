"""The optimiser steps of a training, on one rank: each player's in turn, what they waited for, and their losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from orchestrator.records import DIVERGED
from orchestrator.records.settings import OptimizerSettings, TrainingSettings
from workloads.runtime.communicators.base import Communicator, GradientReducer
from workloads.runtime.errors import NonFiniteLossError
from workloads.runtime.procedures.checkpoint import Position
from workloads.runtime.procedures.compilation import compiled
from workloads.runtime.procedures.divergence import REMEDY
from workloads.runtime.procedures.evaluation import autocast
from workloads.runtime.procedures.optimization import LearningRate, batch_scaling, decides_by_loss
from workloads.runtime.procedures.players import Mover, Share, in_turn, make_movers
from workloads.runtime.samples.loader import BatchesOfStep
from workloads.runtime.samples.sampler import MicroBatch, Sampler
from workloads.runtime.task import Batch, Step, Task

LOSS_CHECK_STEPS = 20
"""On an accelerator the loss is looked at so often: each look waits for the device."""


class Stepper:
    """All players of a task, ready to move. ``settings`` are the recipe's for training, as they were settled."""

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        settings: TrainingSettings,
        sampler: Sampler,
        last_step: int,
        communicator: Communicator,
        device: torch.device,
    ) -> None:
        """Gives every rank rank 0's model. Collective."""
        self.task = task
        self.settings = settings
        self.sampler = sampler
        self.last_step = last_step
        self.communicator = communicator
        self.device = device
        self.movers = make_movers(task, model, settings, self.new_reducer, self.mean_over_ranks)
        self.rates = [self.learning_rate(mover.settings) for mover in self.movers]
        communicator.broadcast_state(model, self.optimizers)
        self.forward = model
        if settings["compile"]:
            # A reducer's module is that of its player alone.
            whole = len(self.movers) == 1 and self.movers[0].player.module is model
            self.forward = compiled(self.movers[0].reducer.module if whole else model, device)
        self.repeats = len(self.movers) > 1 or any(decides_by_loss(mover.optimizer) for mover in self.movers)
        """Whether a step goes through its micro-batches more than once."""
        # On the device, so that keeping a loss waits for nothing.
        self.losses = torch.zeros(len(self.movers), last_step + 1, device=device)
        """Each player's loss in each step of this attempt, on this rank: the mean over its items, (P, S)."""
        self.steps = 0
        """Steps of this attempt so far."""
        self.waited = 0.0
        """Seconds that the newest step waited for other ranks."""
        self.waited_for_data = 0.0
        """Seconds that it waited for its batches."""

    def new_reducer(self, module: nn.Module) -> GradientReducer:
        """A reducer for one player's gradients. Collective."""
        return self.communicator.reducer(
            module,
            self.device,
            unused_parameters=self.task.leaves_parameters_out,
            compress=self.settings["gradient_precision"] == "bfloat16",
        )

    def learning_rate(self, optimizer: OptimizerSettings) -> LearningRate:
        """The learning rate of an optimiser by its settings, step by step."""
        settings, epoch = self.settings, self.sampler.steps
        scale = batch_scaling(settings["learning_rate_scaling"], self.sampler.global_batch, settings["base_batch_size"])
        # A campaign that an earlier version planned says nothing of decay.
        return LearningRate(
            optimizer["learning_rate"] * scale,
            round(settings["warmup_epochs"] * epoch),
            self.last_step,
            settings["schedule"],
            settings.get("decay_every_epochs", 1.0) * epoch,
            settings.get("decay_factor", 0.1),
            settings.get("final_fraction", 0.01),
        )

    def mean_over_ranks(self, value: float) -> float:
        """The mean of a number over the ranks, the same on each. Collective."""
        return float(self.communicator.sum(np.array(value))) / self.communicator.size

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Each player's optimiser by the player's name."""
        return {mover.player.name: mover.optimizer for mover in self.movers}

    @property
    def flag_seen(self) -> bool:
        """Whether any rank wanted to stop in the newest step: the same on every rank."""
        return self.movers[-1].reducer.flag_seen

    @property
    def losses_so_far(self) -> Tensor:
        """Each player's loss in each step so far, (P, S). On an accelerator not each was looked at when it was made."""
        return self.losses[:, : self.steps]

    def waits_for_gradients(self) -> bool:
        """Whether this rank has its own gradients and waits for the others'."""
        timings = [mover.reducer.timings for mover in self.movers]
        return any(one.gradients_ready > one.gradients_averaged for one in timings)

    def losses_by_name(self) -> dict[str, npt.NDArray[np.float32]]:
        """The losses of all steps so far (S,): as "", or as "/NAME" where players have one each."""
        found = self.losses[:, : self.steps].cpu().numpy()
        names = [f"/{mover.player.name}" for mover in self.movers] if len(self.movers) > 1 else [""]
        return dict(zip(names, found, strict=True))

    def step(self, position: Position, parts: list[MicroBatch], batches: Iterator[Batch], stop: bool) -> None:
        """One step of every player on this rank's share of a global batch. ``stop``: this rank wants to stop after it.

        Raises NonFiniteLossError.
        """
        rows_before, self.waited = self.communicator.seconds_in_steps, 0.0
        taken = BatchesOfStep(batches, self.repeats)
        self.movers[-1].reducer.flag_raised = stop
        for mover, rate, losses in zip(in_turn(self.movers), self.rates, self.losses, strict=True):
            mover.move(
                self.forward,
                rate.at(position.total_steps),
                self.settings["gradient_clip"],
                autocast(self.device, self.settings),
                self.shares(mover, position, parts, taken, losses[self.steps]),
            )
        if self.device.type == "cuda":
            # The device works on after these calls return; a step ends when its work does.
            torch.cuda.synchronize(self.device)
        self.waited += self.communicator.seconds_in_steps - rows_before
        self.waited_for_data = taken.waited
        self.steps += 1

    def shares(
        self, mover: Mover, position: Position, parts: list[MicroBatch], batches: BatchesOfStep, kept: Tensor
    ) -> Callable[[], Iterator[Share]]:
        """Goes through this rank's share of a step, each time it is called; ``kept`` becomes the first time's loss."""
        items = sum(part.items for part in parts)
        first = True

        def go_through() -> Iterator[Share]:
            nonlocal first
            for number, part in enumerate(parts):
                step = self.describe_step(position, part)
                share = Share(batches.at(number), part.weight, step, last=number == len(parts) - 1)
                yield share
                assert share.loss is not None
                self.check(mover, position, share.loss)
                if first:
                    kept.add_(share.loss, alpha=part.items / max(1, items))
            first = False
            self.waited += mover.reducer.timings.waited

        return go_through

    def describe_step(self, position: Position, part: MicroBatch) -> Step:
        """What a loss is told. The sample that a rank without any computes on is none of the batch's rows."""
        if self.communicator.size == 1:
            return Step(position.total_steps, self.last_step)
        own, counts = (slice(None), 1) if part.samples else (slice(0), 0)
        return Step(
            position.total_steps,
            self.last_step,
            together=lambda rows: self.communicator.gather_rows(rows[own]),
            add_up=lambda sums: self.communicator.sum_in_step(counts * sums),
        )

    def check(self, mover: Mover, position: Position, loss: Tensor) -> None:
        """Raise NonFiniteLossError for a loss that is no number: on the CPU at every step, else now and then."""
        if self.device.type != "cpu" and position.total_steps % LOSS_CHECK_STEPS:
            return
        value = float(loss)
        if not math.isfinite(value):
            rate = float(mover.optimizer.param_groups[0]["lr"])
            whose = "" if len(self.movers) == 1 else f" of {mover.player.name}"
            raise NonFiniteLossError(
                f"the loss{whose} is {value} at step {position.step} of epoch {position.epoch + 1}, learning "
                f"rate {rate:.3g}: {DIVERGED}; {REMEDY}"
            )
