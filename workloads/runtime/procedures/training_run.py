"""Training as a run does it: the trainer, and around it MLPerf's log, the kept model and the result's entries."""

from __future__ import annotations

from orchestrator.records import ProcedureResult, StepWorkResult, TrainingResult
from orchestrator.records.processors import describe_processors
from workloads.runtime.measurement.attempts import earlier_attempts, stopping_on_signal, write_stopped
from workloads.runtime.measurement.mllog import MlperfLog
from workloads.runtime.procedures.arithmetic import step_work
from workloads.runtime.procedures.optimization import is_fused
from workloads.runtime.procedures.procedure import ModelProcedure, RunContext
from workloads.runtime.procedures.quality import quality_entry
from workloads.runtime.procedures.training import Outcome, Trainer
from workloads.runtime.procedures.weights import save_weights


class Training(ModelProcedure):
    """Trains the task's model until its target is reached, or its epochs are done."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        log = MlperfLog(context.attempt.mllog if self.communicator.rank == 0 else None)
        log.start("staging", at=context.begun["staging"])
        log.stop("staging", at=context.begun["build"])
        log.start("init")
        self.trainer = Trainer(
            self.spec,
            self.task,
            self.suited,
            self.communicator,
            self.device,
            self.progress,
            log,
            context.directory.checkpoint,
            earlier_attempts(context.directory, context.attempt.number),
        )
        self.model, self.telemetry = self.trainer.model, self.trainer.telemetry
        self.trainer.on_checkpoint = lambda: context.file.write(self.telemetry)
        log.describe(
            self.spec,
            {
                "accelerators_per_node": self.spec.ranks_per_node if self.device.type == "cuda" else 0,
                "global_batch": self.trainer.global_batch,
                "training_samples": len(self.task.training_set),
                "evaluation_samples": len(self.task.evaluation_set),
                "learning_rate": self.trainer.stepper.rates[0].peak,
                "processors": describe_processors(),
            },
        )
        log.stop("init")

    @property
    def run_start(self) -> float:
        """When the first training data were touched."""
        return self.trainer.run_start

    @property
    def run_stop(self) -> float:
        """When the training's time was taken: what only the trained model is asked, and its keeping, come after."""
        return self.trainer.run_start + self.progress.elapsed() - self.trainer.position.elapsed

    @property
    def target_after(self) -> float | None:
        """How long after that the target was reached, s; None if it was not, or by earlier attempts too."""
        return self.trainer.target_after

    def run(self) -> ProcedureResult | None:
        """Train, keep the trained model, and return the result's entries; None if training was asked to stop."""
        with stopping_on_signal(self.progress):
            outcome = self.trainer.train()
            first = self.communicator.rank == 0
            if outcome.stopped == "requested":
                if first:
                    write_stopped(self.context.attempt, outcome.position.total_steps, self.progress.elapsed())
                return None
            if first and self.trainer.settings["keep_model"]:
                self.keep_model(outcome.quality)
            return {
                "stopped": outcome.stopped,
                "quality": quality_entry(
                    self.quality, outcome.quality, reached=outcome.position.time_to_accuracy is not None
                ),
                "time_to_accuracy_s": outcome.position.time_to_accuracy,
                "training": self.describe(outcome),
            }

    def describe(self, outcome: Outcome) -> TrainingResult:
        """What was trained, how long and how."""
        trainer, position = self.trainer, outcome.position
        settings, computing = trainer.settings, self.task.computing(trainer.model)
        described: TrainingResult = {
            "epochs": position.epoch + (1 if position.step else 0),
            "steps": position.total_steps,
            "samples": position.items,
            "measured_samples": position.items - trainer.restored_items,
            "unit": self.task.training_set.unit,
            "elapsed_s": self.progress.elapsed(),
            "redone_s": position.redone,
            "global_batch": trainer.global_batch,
            "learning_rate": trainer.stepper.rates[0].peak,
            "learning_rate_scaling": settings["learning_rate_scaling"],
            "precision": settings["precision"],
            "gradient_precision": settings["gradient_precision"],
            "channels_last": trainer.suited.channels_last,
            "compile": settings["compile"],
            "kernels": settings["kernels"],
            "fused": all(map(is_fused, trainer.stepper.optimizers.values())),
            "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
            "step_work": self.step_work() if self.communicator.rank == 0 else None,
        }
        if computing is not None:
            described["computing"] = computing
        return described

    def step_work(self) -> StepWorkResult | None:
        """What a step of this rank takes, if it is to be counted. A failure is a warning: what was measured stands."""
        # A campaign of version 0.1 counts it always.
        if not self.spec.settings.get("count_work", True):
            return None
        trainer = self.trainer
        try:
            return step_work(trainer.task, trainer.settings, trainer.micro_batch, trainer.device).as_entry()
        except Exception as error:
            self.context.warnings.append(f"the arithmetic of a step was not counted: {type(error).__name__}: {error}")
            return None

    def keep_model(self, quality: dict[str, float]) -> None:
        """Write the trained model for later inference. A failure is a warning: what was measured stands."""
        facts = {"campaign": self.spec.campaign, "run": self.spec.run, "quality": quality}
        try:
            save_weights(self.context.directory.weights, self.model, facts)
        except (OSError, RuntimeError) as error:
            self.context.warnings.append(f"the trained model was not kept: {error}")
