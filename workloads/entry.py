"""What every rank runs: ``python -m workloads.entry RUN_DIRECTORY --attempt N``.

Joins the communicator, checks that the world is the planned one, stages the data, trains or infers, gathers what the
ranks measured, and has rank 0 write the result last.
"""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import time
from pathlib import Path
from typing import Any

from orchestrator.records import RESULT_SCHEMA, AttemptDirectory, RunDirectory, RunSpec, now, write_json
from workloads.runtime.errors import write_error
from workloads.runtime.measurement.attempts import earlier_attempts, stopping_on_signal, write_stopped
from workloads.runtime.measurement.progress import Progress, SignsOfLife

RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID", "RANK")


def expected_rank() -> int:
    """This process's rank as its launcher announces it, before any communicator is up; 0 if it does not."""
    for variable in RANK_VARIABLES:
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    return 0


def process_start() -> float:
    """When this process began, seconds since the epoch: the import phase starts there.

    Counted back from now by its age (proc_pid_stat(5), field 22, 10 ms), as the kernel states the time of boot in whole
    seconds. Without Linux's /proc, as good as psutil knows.
    """
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        import psutil

        return float(psutil.Process().create_time())
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


def load_attribute(path: str) -> Any:
    """The object named "package.module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Rank:
    """One rank of one attempt."""

    def __init__(self, directory: RunDirectory, attempt: AttemptDirectory, spec: RunSpec) -> None:
        self.directory = directory
        self.attempt = attempt
        self.spec = spec
        self.progress = Progress()
        self.rank = expected_rank()
        self.communicator: Any = None
        self.warnings: list[str] = []

    def run(self) -> None:
        """From nothing to a result."""
        self.progress.started = process_start()
        phases = [("import", self.progress.started)]
        import torch

        from workloads.runtime.communicators import join
        from workloads.runtime.measurement import energy
        from workloads.runtime.measurement.telemetry import TelemetryFile
        from workloads.runtime.procedures.inference import Inference
        from workloads.runtime.procedures.suited import settle
        from workloads.runtime.procedures.training import Trainer

        torch.set_num_threads(self.spec.threads_per_rank)
        task_class = load_attribute(self.spec.settings["task"])
        dataset_module = importlib.import_module(self.spec.settings["dataset_module"])

        phases.append(("rendezvous", self.enter("rendezvous")))
        self.communicator = communicator = join(self.spec.comm)
        communicator.check_world(self.spec.ranks)
        self.rank = communicator.rank
        device, place = self.place(torch)
        settle(self.spec.settings["training"], device, communicator)

        phases.append(("staging", self.enter("staging")))
        folder = self.stage(str(dataset_module.folder_name(self.spec.settings["dataset"])))
        dataset = dataset_module.verify(folder, self.spec.settings["dataset"], thorough=False)
        self.progress.collective = True
        communicator.barrier()
        self.progress.collective = False

        phases.append(("build", self.enter("build")))
        procedure: Any
        if self.spec.mode == "probe":
            # A probe's task is its procedure: there is no model, so nothing to train or to infer.
            procedure = task_class(self.spec, folder, communicator, device, self.progress)
        elif self.spec.mode == "inference":
            task = task_class(self.spec.settings, folder)
            procedure = Inference(self.spec, task, communicator, device, self.progress)
        else:
            task = task_class(self.spec.settings, folder)
            log = self.start_log(*(start for _, start in phases[-2:]))
            earlier = earlier_attempts(self.directory, self.attempt.number)
            procedure = Trainer(
                self.spec, task, communicator, device, self.progress, log, self.directory.checkpoint, earlier
            )
            self.end_init(log, procedure)
        stops = [start for _, start in phases[1:]] + [time.time()]
        procedure.telemetry.phases = [(name, start, stop) for (name, start), stop in zip(phases, stops, strict=True)]

        file = TelemetryFile(self.attempt.telemetry, place, communicator)
        sampler, reason = energy.begin(place["local_rank"])
        begun = time.time()
        if isinstance(procedure, Trainer):
            procedure.on_checkpoint = lambda: file.write(procedure.telemetry)
            with stopping_on_signal(self.progress):
                measured = self.train(procedure)
        else:
            measured = procedure.run()

        self.progress.enter("collect")
        span = (procedure.run_start if isinstance(procedure, Trainer) else begun, time.time())
        target_after = procedure.target_after if isinstance(procedure, Trainer) else None
        used, curves = energy.conclude(sampler, reason, communicator, place, span, target_after)
        procedure.telemetry.further |= curves
        file.write(procedure.telemetry)
        world = self.describe_world(place)
        if self.rank == 0 and measured is not None:
            result = {
                "schema": RESULT_SCHEMA,
                "run": self.spec.run,
                "campaign": self.spec.campaign,
                "mode": self.spec.mode,
                "state": "completed",
                **measured,
                "pictures": self.draw(task, procedure.model, device) if self.spec.settings["pictures"] else [],
                "ended": now(),
                "world": world,
                "dataset": dataset,
                "energy": used,
                "warnings": self.warnings,
            }
            write_json(self.attempt.result, result)

    def stage(self, name: str) -> Path:
        """Where to read the data from: where they are kept, or their copy on this node's own disk."""
        source = Path(self.spec.data_folder) / name
        if self.spec.scratch_folder is None or self.spec.mode == "probe":
            # A probe's reading is a measurement of where the data are kept.
            return source
        from workloads.runtime.samples.staging import scratch_folder, stage

        def progress(done: int, total: int) -> None:
            self.progress.changes += 1

        use = f"{self.attempt.path} {self.spec.campaign}"
        return Path(stage(source, scratch_folder(self.spec.scratch_folder), name, progress, use)["folder"])

    def start_log(self, staging_start: float, staging_stop: float) -> Any:
        """MLPerf's log of a training run, on rank 0; initialisation begins."""
        from workloads.runtime.measurement.mllog import MlperfLog

        log = MlperfLog(self.attempt.mllog if self.rank == 0 else None)
        log.start("staging", at=staging_start)
        log.stop("staging", at=staging_stop)
        log.start("init")
        return log

    def end_init(self, log: Any, trainer: Any) -> None:
        """Initialisation has ended: log what will be trained."""
        log.describe(
            self.spec,
            {
                "accelerators_per_node": self.spec.ranks_per_node if trainer.device.type == "cuda" else 0,
                "global_batch": trainer.global_batch,
                "training_samples": len(trainer.task.training_set),
                "evaluation_samples": len(trainer.task.evaluation_set),
                "learning_rate": trainer.rate.peak,
            },
        )
        log.stop("init")

    def train(self, trainer: Any) -> dict[str, Any] | None:
        """Train, keep the trained model, and return the result's entries; None if training was asked to stop."""
        from workloads.runtime.procedures.optimization import is_fused

        outcome = trainer.train()
        if outcome.stopped == "requested":
            if self.rank == 0:
                write_stopped(self.attempt, outcome.position.total_steps, self.progress.elapsed())
            return None
        target, settings = self.spec.settings["quality"], self.spec.settings["training"]
        if self.rank == 0 and settings["keep_model"]:
            self.keep_model(trainer.model, outcome.quality)
        return {
            "stopped": outcome.stopped,
            "quality": {
                "metric": target["metric"],
                "value": outcome.quality.get(target["metric"]),
                "target": target["target"],
                "basis": target["basis"],
                "reached": outcome.position.time_to_accuracy is not None,
                "all": outcome.quality,
            },
            "time_to_accuracy_s": outcome.position.time_to_accuracy,
            "training": {
                "epochs": outcome.position.epoch + (1 if outcome.position.step else 0),
                "steps": outcome.position.total_steps,
                "samples": outcome.position.samples,
                "elapsed_s": self.progress.elapsed(),
                "redone_s": outcome.position.redone,
                "global_batch": trainer.global_batch,
                "learning_rate": trainer.rate.peak,
                "learning_rate_scaling": settings["learning_rate_scaling"],
                "precision": settings["precision"],
                "gradient_precision": settings["gradient_precision"],
                "channels_last": settings["channels_last"],
                "compile": settings["compile"],
                "kernels": settings["kernels"],
                "fused": is_fused(trainer.optimizer),
                "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
                "step_work": self.step_work(trainer) if self.rank == 0 else None,
            },
        }

    def step_work(self, trainer: Any) -> dict[str, int] | None:
        """What a step of this rank takes. A failure is a warning: what was measured stands."""
        from workloads.runtime.procedures.arithmetic import step_work

        try:
            return step_work(trainer.task, trainer.settings, trainer.micro_batch, trainer.device).as_entries()
        except Exception as error:
            self.warnings.append(f"the arithmetic of a step was not counted: {type(error).__name__}: {error}")
            return None

    def keep_model(self, model: Any, quality: dict[str, float]) -> None:
        """Write the trained model for later inference. A failure is a warning: what was measured stands."""
        from workloads.runtime.procedures.weights import save_weights

        facts = {"campaign": self.spec.campaign, "run": self.spec.run, "quality": quality}
        try:
            save_weights(self.directory.weights, model, facts)
        except (OSError, RuntimeError) as error:
            self.warnings.append(f"the trained model was not kept: {error}")

    def draw(self, task: Any, model: Any, device: Any) -> list[str]:
        """Have the task draw some samples; names of the pictures in the attempt's folder. A failure is a warning."""
        # Plotting may take longer than a step: a phase of its own is a sign of life.
        self.enter("draw")
        try:
            model.eval()
            task.draw(model, device, self.attempt.pictures)
        except Exception as error:
            self.warnings.append(f"no picture was drawn: {type(error).__name__}: {error}")
        return [self.attempt.pictures.name] if self.attempt.pictures.exists() else []

    def enter(self, phase: str) -> float:
        """A phase begins now; returns when that is."""
        self.progress.enter(phase)
        return time.time()

    def place(self, torch: Any) -> tuple[Any, dict[str, Any]]:
        """The device of this rank, and where it is in the machine."""
        from workloads.runtime.samples.memory import keep_freed_memory

        local_rank = self.communicator.rank % self.spec.ranks_per_node
        device = torch.device("cpu")
        name = "cpu"
        if torch.cuda.is_available():
            device = torch.device("cuda", local_rank % torch.cuda.device_count())
            torch.cuda.set_device(device)
            name = f"{torch.cuda.get_device_name(device)} {torch.cuda.get_device_properties(device).uuid}"
        else:
            keep_freed_memory()
        host = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
        return device, {
            "host": host,
            "node": self.communicator.rank // self.spec.ranks_per_node,
            "local_rank": local_rank,
            "device": name,
            "cores": sorted(os.sched_getaffinity(0)),
        }

    def describe_world(self, place: dict[str, Any]) -> dict[str, Any]:
        """What the ranks run on, and what is amiss with it. Collective; complete on rank 0."""
        hosts = self.communicator.gather_text(place["host"])
        devices = self.communicator.gather_text(place["device"])
        cores = self.communicator.gather_text(",".join(map(str, place["cores"])))
        if hosts is None or devices is None or cores is None:
            return {}
        for kind, held in (("accelerator", devices), ("cores", cores)):
            owners: dict[tuple[str, str], list[int]] = {}
            for rank, what in enumerate(zip(hosts, held, strict=True)):
                owners.setdefault(what, []).append(rank)
            shared = {what: ranks for what, ranks in owners.items() if len(ranks) > 1 and what[1] != "cpu"}
            for (host, name), ranks in shared.items():
                self.warnings.append(f"ranks {', '.join(map(str, ranks))} share {kind} {name} on {host}")
        return {
            "ranks": self.spec.ranks,
            "nodes": self.spec.nodes,
            "hosts": hosts,
            "devices": devices,
            "cores": cores,
            "comm": self.spec.comm,
            "threads_per_rank": self.spec.threads_per_rank,
        }


def main(arguments: list[str] | None = None) -> int:
    """Run this rank; on any error end all ranks."""
    parser = argparse.ArgumentParser(prog="workloads.entry", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--attempt", type=int, required=True)
    options = parser.parse_args(arguments)
    directory = RunDirectory(options.directory)
    attempt = directory.attempt(options.attempt)
    spec = directory.read_manifest().spec
    rank = Rank(directory, attempt, spec)
    life = SignsOfLife(attempt, rank.progress, rank.rank, spec.ranks)
    life.start()
    try:
        rank.run()
        rank.communicator.barrier()
    except BaseException as error:
        try:
            write_error(attempt, rank.rank, error)
        finally:
            if rank.communicator is not None:
                rank.communicator.abort(1)
            # Without a communicator the launcher must notice: an orderly exit could wait for the other ranks.
            os._exit(1)
    life.stop()
    rank.communicator.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
