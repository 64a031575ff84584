"""The training procedure, read from top to bottom; everything it uses is made elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from orchestrator.records import RunSpec, document_hash, global_batch
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.kernels import KernelsUnavailableError, use_kernels
from workloads.runtime.measurement.attempts import Earlier
from workloads.runtime.measurement.clocks import clock, moment, seconds_since
from workloads.runtime.measurement.mllog import MlperfLog
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import Telemetry
from workloads.runtime.procedures import checkpoint
from workloads.runtime.procedures.checkpoint import Position
from workloads.runtime.procedures.divergence import Answers, refuse_divergence, refuse_state
from workloads.runtime.procedures.evaluation import evaluate, evaluation_loaders
from workloads.runtime.procedures.quality import reaches
from workloads.runtime.procedures.stepping import Stepper
from workloads.runtime.procedures.suited import Suited
from workloads.runtime.samples.loader import DeviceCopies, Loader, readers_for
from workloads.runtime.samples.sampler import MicroBatch, Sampler, micro_batches
from workloads.runtime.task import Batch, Task

NO_EARLIER = Earlier()

Stop = Literal["target", "epochs", "steps", "requested"]
"""What ended a training."""


@dataclass
class Outcome:
    """How training ended: by reaching the ``target``, after all ``epochs`` or ``steps``, or before that because it was
    ``requested``, with a checkpoint to go on from.
    """

    stopped: Stop
    position: Position
    quality: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains one task on all ranks together."""

    def __init__(
        self,
        spec: RunSpec,
        task: Task,
        suited: Suited,
        communicator: Communicator,
        device: torch.device,
        progress: Progress,
        log: MlperfLog,
        checkpoints: Path,
        earlier: Earlier = NO_EARLIER,
    ) -> None:
        self.spec = spec
        self.task = task
        self.communicator = communicator
        self.device = device
        self.progress = progress
        self.log = log
        self.checkpoints = checkpoints
        self.earlier = earlier
        self.suited = suited
        self.settings = suited.applied_to(spec.settings)["training"]
        self.quality = spec.settings["quality"]

        self.global_batch = global_batch(self.settings, spec.ranks)
        self.sampler = Sampler(len(task.training_set), self.global_batch, spec.seed, task.training_set.fresh)
        self.last_step = self.settings["epochs"] * self.sampler.steps
        if self.settings["max_steps"]:
            self.last_step = min(self.last_step, self.settings["max_steps"])

        # Every rank draws the same model, and then takes rank 0's all the same.
        torch.manual_seed(spec.seed)
        self.model: nn.Module = task.build_model().to(device)
        if self.settings["channels_last"]:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if suited.kernels == "own" and not use_kernels(self.model, suited.precision):
            if spec.settings["training"]["kernels"] == "own":
                raise KernelsUnavailableError(
                    f"benchmark.training.kernels=own, but no layer of this network has any for {suited.precision}; "
                    "set it to auto or torch"
                )
            self.suited = replace(suited, kernels="torch")
            self.settings["kernels"] = "torch"
        self.stepper = Stepper(task, self.model, self.settings, self.sampler, self.last_step, communicator, device)
        torch.manual_seed(spec.seed * 1_000_003 + communicator.rank + 1)
        progress.waits_for_gradients = self.stepper.waits_for_gradients

        self.micro_batch = -(-self.global_batch // (spec.ranks * self.settings["accumulate"]))
        """Samples of the largest micro-batch that a rank goes through at once."""
        pin, readers = device.type == "cuda", readers_for(device, spec.threads_per_rank)
        held = self.settings["accumulate"] if self.stepper.repeats else 1
        self.training_loader = Loader(task.training_set, self.micro_batch, pin, readers, held)
        self.copies = DeviceCopies()
        batch_size = self.settings["evaluation_batch_size"]
        self.evaluation_loaders = evaluation_loaders(task, batch_size, pin, readers)
        progress.unit = task.training_set.unit
        self.telemetry = Telemetry(self.last_step + 1, task.training_set.unit)
        self.on_checkpoint: Callable[[], None] = lambda: None
        """Called by all ranks when they save a checkpoint: whatever else is to be kept."""
        self.position = Position()
        self.restored_items = 0
        """Items of the steps that earlier attempts had trained."""
        self.run_start = 0.0

    @property
    def identity(self) -> str:
        """What a checkpoint must agree in to be gone on from."""
        return document_hash([self.spec.benchmark, self.spec.settings, self.spec.seed, self.spec.comm])

    @property
    def elapsed(self) -> float:
        """Training time so far, earlier attempts' included, s."""
        return self.position.elapsed + moment() - self.run_start

    @property
    def target_after(self) -> float | None:
        """How long after ``run_start`` the target was reached, s; None if it was not, or by earlier attempts too."""
        return None if self.position.elapsed else self.position.time_to_accuracy

    @property
    def when(self) -> str:
        """Where training stands, for an error."""
        return f"after step {self.position.total_steps}"

    # --- the procedure -----------------------------------------------------------------------------------------

    def train(self) -> Outcome:
        """Train until the target is reached or the epochs are done. Raises NonFiniteLossError."""
        self.position = checkpoint.restore(
            self.checkpoints,
            self.identity,
            self.suited,
            self.model,
            self.stepper.optimizers,
            self.communicator,
        )
        self.position.follow(self.earlier)
        self.restored_items = self.position.items
        self.task.history = self.position.history
        self.progress.redone_s = self.position.redone
        self.telemetry.first_step = self.progress.first_step = self.position.total_steps
        self.telemetry.evaluations = [(at, int(epoch), value) for at, epoch, value in self.position.evaluations]
        # Of a training that ends after some steps, the epochs that these take, and no more than they of a single one.
        self.progress.epochs = -(-self.last_step // self.sampler.steps)
        self.progress.steps_per_epoch = min(self.sampler.steps, self.last_step)
        self.progress.metric, self.progress.target = self.quality["metric"], self.quality["target"]
        self.communicator.barrier()

        self.enter("first_step")
        self.run_start = moment()
        self.progress.elapsed = lambda: self.elapsed
        self.log.start("run")
        stopped: Stop = "epochs"
        while self.position.total_steps < self.last_step or self.position.evaluated_at < self.position.total_steps:
            stopped = self.train_epoch()
            if stopped != "epochs":
                break
        spent = self.elapsed
        self.progress.elapsed = lambda: spent
        self.telemetry.leave()
        self.telemetry.losses = self.stepper.losses_by_name()
        # MLPerf calls a run that ends short of its target aborted.
        self.log.stop("run", status="aborted" if self.position.time_to_accuracy is None else "success")
        if self.task.concludes and stopped != "requested":
            self.enter("conclude")
            with Answers(self.model, self.when) as answers:
                self.position.qualities = self.measure_quality(concluding=True)
            refuse_divergence(self.quality["metric"], self.position.qualities, None, self.model, self.when, answers)
            self.telemetry.leave()
        if self.settings["max_steps"] and stopped == "epochs" and self.position.total_steps == self.last_step:
            stopped = "steps"
        return Outcome(stopped, self.position, self.position.qualities)

    def train_epoch(self) -> Stop:
        """One epoch from the current position; "target" if an evaluation reached it, "requested" if the ranks are to
        stop, else "epochs".
        """
        epoch = self.position.epoch
        self.log.start("epoch", epoch_num=epoch + 1)
        self.model.train()
        plan = self.plan_of_epoch(epoch, self.position.step)
        requests = (part.indices for parts in plan for part in parts)
        batches = self.training_loader.on_device(requests, self.device, self.copies)
        # A run that was stopped before an evaluation goes on with it.
        reached = self.is_evaluation_due() and self.evaluate()
        first_step, items_before, seconds, rate = self.position.step, self.position.items, 0.0, 0.0
        for parts in [] if reached else plan:
            self.step(parts, batches)
            seconds += float(self.telemetry.times["total"][self.telemetry.steps - 1])
            rate = (self.position.items - items_before) / seconds if seconds else 0.0
            if self.stepper.flag_seen:
                batches.close()
                self.end_epoch(first_step, rate)
                self.save()
                return "requested"
            if self.telemetry.steps == 1:
                self.enter("train")
            self.progress.samples_per_s = rate
            if self.is_evaluation_due():
                reached = self.evaluate()
                self.enter("train")
            if reached:
                break
        batches.close()
        self.end_epoch(first_step, rate)
        if not reached:
            last = self.position.total_steps >= self.last_step
            # A training that ends within an epoch may have been measured there already.
            measured = self.position.evaluated_at == self.position.total_steps
            if self.position.step >= self.sampler.steps:
                self.position.epoch, self.position.step = epoch + 1, 0
            if not measured and (last or (epoch + 1) % self.settings["evaluate_every_epochs"] == 0):
                reached = self.evaluate()
        if not reached and (epoch + 1) % self.settings["checkpoint_every_epochs"] == 0:
            self.save()
        if not reached and self.position.total_steps < self.last_step:
            self.enter("train")
        return "target" if reached else "epochs"

    def end_epoch(self, first_step: int, items_per_s: float) -> None:
        """Log that an epoch, or what there was to train of it from ``first_step``, is done, and at which rate."""
        number = self.position.epoch + 1
        samples = self.sampler.samples_of(first_step, self.position.step)
        self.log.stop("epoch", epoch_num=number, trained_samples=samples)
        self.log.value("tracked_stats", {"throughput": items_per_s}, step=number)

    def is_evaluation_due(self) -> bool:
        """Whether one is due within the epoch; those between epochs are another matter."""
        every, position = self.settings["evaluate_every_steps"], self.position
        within = 0 < position.step < self.sampler.steps
        return bool(
            every and within and position.evaluated_at < position.total_steps and position.total_steps % every == 0
        )

    def plan_of_epoch(self, epoch: int, first_step: int) -> list[list[MicroBatch]]:
        """This rank's micro-batches for the remaining steps of an epoch."""
        permutation, items = self.sampler.permutation(epoch), self.task.training_set.items
        last = min(self.sampler.steps, first_step + self.last_step - self.position.total_steps)
        batches = [self.sampler.batch(permutation, step) for step in range(first_step, last)]
        rank, ranks, accumulate = self.communicator.rank, self.communicator.size, self.settings["accumulate"]
        return [micro_batches(batch, rank, ranks, accumulate, items(batch)) for batch in batches]

    def step(self, parts: list[MicroBatch], batches: Iterator[Batch]) -> None:
        """One optimiser step on this rank's share of the global batch, timed."""
        begin, stepper = clock(), self.stepper
        stepper.step(self.position, parts, batches, self.progress.stop_requested)
        items, seconds = sum(part.items for part in parts), seconds_since(begin)
        data, waiting = stepper.waited_for_data, stepper.waited
        data += self.copies.take(least=-data, most=max(0.0, seconds - data - waiting))
        self.telemetry.step(seconds, data, waiting, self.position.epoch, items)
        self.position.step += 1
        self.position.total_steps += 1
        self.position.items += parts[0].items_of_all
        self.progress.epoch, self.progress.step = self.position.epoch + 1, self.position.total_steps
        self.progress.changes += 1

    def evaluate(self) -> bool:
        """Measure quality on the whole evaluation set, shared among the ranks; True if training should stop."""
        self.enter("evaluate")
        epoch = self.position.epoch + (1 if self.position.step else 0)
        self.log.start("eval", epoch_num=epoch)
        self.communicator.mean_buffers(self.model)
        with Answers(self.model, self.when) as answers:
            values = self.measure_quality()
        self.model.train()
        metric = self.quality["metric"]
        refuse_divergence(metric, values, self.stepper.losses_so_far, self.model, self.when, answers)
        value = values[metric]
        seconds = self.elapsed
        self.telemetry.evaluations.append((seconds, epoch, value))
        self.position.evaluations.append([seconds, float(epoch), value])
        self.position.qualities = values
        self.position.history.append((seconds, values))
        self.position.evaluated_at = self.position.total_steps
        self.progress.quality = value
        self.progress.changes += 1
        self.log.value("eval_accuracy", value, epoch_num=epoch)
        self.log.stop("eval", epoch_num=epoch)
        reached = reaches(value, self.quality)
        if reached and self.position.time_to_accuracy is None:
            self.position.time_to_accuracy = seconds
        return reached and bool(self.settings["stop_at_target"])

    def measure_quality(self, concluding: bool = False) -> dict[str, float]:
        """The metrics of all evaluation sets; ``concluding``: the run is done."""
        return evaluate(
            self.task, self.model, self.evaluation_loaders, self.communicator, self.device, self.settings,
            self.progress, concluding,
        )  # fmt: skip

    def save(self) -> None:
        """Write a checkpoint of the current position, and what was measured on the way to it. Raises DivergedError:
        the one before is worth more.
        """
        self.enter("checkpoint")
        refuse_state(self.stepper.losses_so_far, self.model, self.when)
        position = checkpoint.Position(**{**vars(self.position), "elapsed": self.elapsed})
        checkpoint.save(
            self.checkpoints,
            self.identity,
            self.suited,
            position,
            self.model,
            self.stepper.optimizers,
            self.communicator,
        )
        self.telemetry.losses = self.stepper.losses_by_name()
        self.on_checkpoint()

    def enter(self, phase: str) -> None:
        """A phase of the run begins."""
        self.telemetry.enter(phase)
        self.progress.enter(phase)
