"""What every rank runs: ``python -m workloads.entry RUN_DIRECTORY --attempt N``.

Joins the communicator, checks that the world is the planned one, stages the data, does the run's procedure, gathers
what the ranks measured, and has rank 0 write the result last. What a procedure does is its own affair.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.records import (
    RESULT_SCHEMA,
    AttemptDirectory,
    Result,
    RunDirectory,
    RunSpec,
    now,
    write_json,
)
from workloads.runtime.binding import Cores, bind_rank
from workloads.runtime.errors import write_error
from workloads.runtime.measurement.clocks import moment, process_start
from workloads.runtime.measurement.progress import Progress, SignsOfLife

if TYPE_CHECKING:
    from workloads.runtime.procedures.procedure import Procedure

RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID", "RANK")


def expected_rank() -> int:
    """This process's rank as its launcher announces it, before any communicator is up; 0 if it does not."""
    for variable in RANK_VARIABLES:
        if os.environ.get(variable, "").isdigit():
            return int(os.environ[variable])
    return 0


def load_attribute(path: str) -> Any:
    """The object named "package.module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Rank:
    """One rank of one attempt."""

    def __init__(self, directory: RunDirectory, attempt: AttemptDirectory, spec: RunSpec, cores: Cores) -> None:
        self.directory = directory
        self.attempt = attempt
        self.spec = spec
        self.progress = Progress()
        self.rank = expected_rank()
        self.cores = cores
        self.communicator: Any = None
        self.warnings: list[str] = []

    def run(self) -> None:
        """Run the attempt from the start of the process to its result."""
        self.progress.started = process_start()
        begun = {"import": self.progress.started}
        from workloads.runtime.communicators import join
        from workloads.runtime.dataset import dataset_path, load_dataset, verified_facts
        from workloads.runtime.measurement import energy
        from workloads.runtime.measurement.places import describe_world, take_place
        from workloads.runtime.measurement.promise import keep_promise
        from workloads.runtime.measurement.sharing import holds_whole_node
        from workloads.runtime.measurement.telemetry import TelemetryFile
        from workloads.runtime.procedures.procedure import RunContext, procedure_path

        spec = self.spec
        procedure_class: type[Procedure] = load_attribute(procedure_path(spec))
        task_class = load_attribute(spec.settings["task"]) if spec.settings["task"] else None
        dataset = load_dataset(dataset_path(spec.settings), spec.settings["dataset"])
        if (torch := sys.modules.get("torch")) is not None:
            # A procedure that computes has imported it by now.
            torch.set_num_threads(spec.threads_per_rank)

        begun["rendezvous"] = self.enter("rendezvous")
        self.communicator = communicator = join(spec.comm)
        communicator.check_world(spec.ranks)
        self.rank = communicator.rank
        cluster = self.directory.read_manifest().config["cluster"]
        device, place = take_place(spec, cluster["scheduler"], self.cores, communicator)
        comparison = keep_promise(cluster, spec.nodes, place, communicator)
        self.warnings += comparison.warnings

        begun["staging"] = self.enter("staging")
        kept = Path(spec.data_folder) / dataset.folder_name
        folder = self.stage(dataset.folder_name) if procedure_class.reads_staged_copy else kept
        data_facts = verified_facts(dataset, folder)
        self.progress.collective = True
        communicator.barrier()
        self.progress.collective = False

        begun["build"] = self.enter("build")
        file = TelemetryFile(self.attempt.telemetry, place, communicator)
        context = RunContext(
            spec=spec, directory=self.directory, attempt=self.attempt, folder=folder, task_class=task_class,
            communicator=communicator, device_name=device, progress=self.progress, file=file, begun=begun,
            warnings=self.warnings,
        )  # fmt: skip
        procedure = procedure_class(context)
        stops = [*list(begun.values())[1:], moment()]
        for (name, start), stop in zip(begun.items(), stops, strict=True):
            procedure.telemetry.add_phase(name, start, stop)

        whole_node = holds_whole_node(cluster, os.environ)
        metering = energy.Metering(energy.accelerator_of(device), place.local_rank == 0, whole_node)
        # Where a rank stood still before, as it imported from a slow file system, nothing was measured.
        called, self.progress.stood_still_s = moment(), 0.0
        measured = procedure.run()
        stood_still = self.progress.stood_still_s
        longest_stop = max(float(text) for text in communicator.gather_text(repr(stood_still)) or ["0"])

        span = (procedure.run_start or called, procedure.run_stop or moment())
        self.progress.enter("collect")
        used, curves = metering.conclude(communicator, place.host, span, procedure.target_after, stood_still)
        procedure.telemetry.further |= curves
        file.write(procedure.telemetry)
        world = describe_world(spec, place, self.cores, communicator, self.warnings)
        if world is not None:
            world["promise"] = comparison.nodes
        if measured is not None and used is not None and world is not None:
            self.warnings += energy.slowdown_warnings(used["slowed"])
            if longest_stop:
                self.warnings.append(
                    f"a rank stood still for {longest_stop:.0f} s meanwhile, as in a suspended job: the run counts as "
                    "completed, with its quality, and has no throughput and no time to accuracy"
                )
            result: Result = {
                "schema": RESULT_SCHEMA,
                "run": spec.run,
                "campaign": spec.campaign,
                "mode": spec.mode,
                "state": "completed",
                **measured,
                "pictures": self.draw(procedure) if spec.settings["pictures"] else [],
                "ended": now(),
                "world": world,
                "dataset": data_facts,
                "energy": used,
                "warnings": self.warnings,
                **({"stood_still_s": longest_stop} if longest_stop else {}),  # type: ignore[typeddict-item]
            }
            write_json(self.attempt.result, result)

    def stage(self, name: str) -> Path:
        """Where to read the data from: where they are kept, or their copy on this node's own disk."""
        source = Path(self.spec.data_folder) / name
        if self.spec.scratch_folder is None:
            return source
        from workloads.runtime.samples.staging import scratch_folder, stage_dataset

        def progress(done: int, total: int) -> None:
            self.progress.changes += 1

        use = f"{self.attempt.path} {self.spec.campaign}"
        return Path(stage_dataset(source, scratch_folder(self.spec.scratch_folder), name, progress, use)["folder"])

    def draw(self, procedure: Procedure) -> list[str]:
        """Have the procedure draw; names of the pictures in the attempt's folder. A failure is a warning."""
        # Plotting may take longer than a step: a phase of its own is a sign of life.
        self.enter("draw")
        try:
            procedure.draw(self.attempt.pictures)
        except Exception as error:
            self.warnings.append(f"no picture was drawn: {type(error).__name__}: {error}")
        return [self.attempt.pictures.name] if self.attempt.pictures.exists() else []

    def enter(self, phase: str) -> float:
        """A phase begins now; returns when that is."""
        self.progress.enter(phase)
        return moment()


def main(arguments: list[str] | None = None) -> int:
    """Run this rank; on any error end all ranks."""
    parser = argparse.ArgumentParser(prog="workloads.entry", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--attempt", type=int, required=True)
    options = parser.parse_args(arguments)
    # Before anything else: threads that libraries start inherit the cores. All ranks are on this host wherever they
    # bind themselves.
    cores = bind_rank(expected_rank(), os.environ)
    directory = RunDirectory(options.directory)
    attempt = directory.attempt(options.attempt)
    spec = directory.read_manifest().spec
    rank = Rank(directory, attempt, spec, cores)
    life = SignsOfLife(attempt, rank.progress, rank.rank, spec.ranks)
    life.start()
    try:
        rank.run()
        rank.communicator.barrier()
    except BaseException as error:
        try:
            write_error(attempt, rank.rank, error, rank.progress.step)
        finally:
            if rank.communicator is not None:
                rank.communicator.abort(1)
            # Without a communicator the launcher must notice: an orderly exit could wait for the other ranks.
            os._exit(1)
    life.stop()
    rank.communicator.close()
    return 0


if __name__ == "__main__":
    code = main()
    # The interpreter looks for garbage once more before it ends, which takes half a second among all that torch is.
    gc.freeze()
    raise SystemExit(code)
