"""Every benchmark that stands under workloads/, with each of its data sets and methods, in its recipe ``tiny``.

Nothing is listed by name: a folder with a benchmark.yaml is a benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
from torch.nn.modules.batchnorm import _NormBase

from orchestrator.config import families
from orchestrator.config.compose import compose_all
from orchestrator.plan import Site, plan
from orchestrator.records import ONLY_METHOD, ProcedureResult, RunDirectory, RunSpec
from orchestrator.records.choices import TASK_MODES
from orchestrator.records.settings import InferenceSettings, TrainingSettings
from workloads.entry import load_attribute
from workloads.runtime.communicators import Communicator
from workloads.runtime.dataset import Dataset, load_dataset
from workloads.runtime.measurement.places import Place
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import TelemetryFile
from workloads.runtime.procedures.inference import Inference
from workloads.runtime.procedures.procedure import RunContext
from workloads.runtime.procedures.training_run import Training
from workloads.runtime.task import Task

Losses = dict[str, npt.NDArray[np.float64]]
"""By player, "" if there is one alone: (S,), the mean over the samples of each step on all ranks."""


@dataclass(frozen=True)
class Cell:
    """A benchmark with one of its data sets and one of its methods."""

    benchmark: str
    dataset: str
    method: str

    @property
    def words(self) -> list[str]:
        """What chooses it on the command line, to be done by any number of ranks of one thread each."""
        chosen = [f"benchmark={self.benchmark}", f"dataset={self.dataset}", f"method={self.method}", "recipe=tiny"]
        return [*chosen, "comm=mpi", "repeats=1", "cluster.threads_per_rank=1"]

    def __str__(self) -> str:
        parts = [self.benchmark, self.dataset, self.method]
        return "-".join(parts[: 1 if parts[1:] == [self.benchmark, ONLY_METHOD] else 3])


def cells() -> list[Cell]:
    """Each data set of each benchmark with the method that it has where none is named, or the first that takes it, and
    each other method with one data set.
    """
    found = []
    for name in families.benchmarks():
        methods = methods_of(name)
        taken = {method: families.datasets_taken(name, method) for method in methods}
        for dataset in families.DATASETS.options(name):
            found.append(Cell(name, dataset, next(method for method in methods if dataset in taken[method])))
        there = {cell.method for cell in found if cell.benchmark == name}
        found += [Cell(name, taken[method][0], method) for method in methods if method not in there]
    return found


def methods_of(benchmark: str) -> list[str]:
    """Its methods, first the one that it has where none is named: a floor, which learns nothing, may come first in the
    alphabet. One that needs a package that is not installed is none.
    """
    named = families.METHODS.named(benchmark)
    found = [
        method for method in families.METHODS.options(benchmark) if not families.missing_packages(benchmark, method)
    ]
    return sorted(found, key=lambda method: method != named)


def modes_of(cell: Cell) -> list[str]:
    """What the benchmark can do."""
    return list(families.read_benchmark(cell.benchmark).get("modes", TASK_MODES))


TRAINED = [cell for cell in cells() if set(TASK_MODES) <= set(modes_of(cell))]
OTHERS = [cell for cell in cells() if not set(TASK_MODES) & set(modes_of(cell))]
"""Those that do something of their own instead."""
FIRST = [cell for cell in TRAINED if cell == next(one for one in TRAINED if one.benchmark == cell.benchmark)]
"""One of each benchmark, which goes all the way from the command to the report."""
FURTHER = [cell for cell in TRAINED if cell not in FIRST]
"""The others of families, which are trained by ranks without a command: a minute less for each."""


@dataclass
class Prepared:
    """A cell whose data are made."""

    cell: Cell
    root: Path
    spec: RunSpec
    dataset: Dataset

    @classmethod
    def of(cls, cell: Cell, root: Path) -> Prepared:
        """With the data below ``root``, made by two processes; planned for one rank."""
        (config,) = compose_all([*cell.words, f"mode={modes_of(cell)[0]}", f"cluster.paths.data={root}"], False)
        spec = plan([config], "tiny", Site(1, root)).runs[0].spec
        dataset = load_dataset(spec.settings["dataset_class"], spec.settings["dataset"])
        prepared = cls(cell, root, spec, dataset)
        prepared.make()
        return prepared

    @property
    def folder(self) -> Path:
        """Where the data are."""
        return self.root / self.dataset.folder_name

    @property
    def words(self) -> list[str]:
        """What chooses the cell with these data on the command line."""
        return [*self.cell.words, f"cluster.paths.data={self.root}"]

    def make(self) -> list[tuple[int, int]]:
        """Have the data made, if they are not; what was told of the progress."""
        told: list[tuple[int, int]] = []
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.dataset.synthesise(self.folder, lambda done, total: told.append((done, total)), 2)
        return told


@dataclass
class Trained:
    """What one rank came to in one attempt or several."""

    result: Mapping[str, Any]
    losses: Losses = field(default_factory=dict)


def train(
    prepared: Prepared, folder: Path, communicator: Communicator, stops: int = 0, draws: bool = False
) -> Trained | None:
    """Train on this process's rank: on a global batch of the recipe's batch of two ranks, however many there are.

    It is stopped after each of its first ``stops`` steps, and goes on in another attempt. The picture, which takes
    longer than the steps, is drawn if asked. Returns None but on rank 0.
    """
    # Counting takes longer than the few steps: once for each cell.
    counts = stops == 0 and communicator.size == 1
    prepared = replace(prepared, spec=replace(prepared.spec, settings={**prepared.spec.settings, "count_work": counts}))
    directory, losses = RunDirectory(folder), list[Losses]()
    for number in range(1, stops + 2):
        procedure = Training(context_of(prepared, directory, number, communicator))
        procedure.progress.stop_requested = number <= stops
        result = procedure.run()
        procedure.context.file.write(procedure.telemetry)
        if communicator.rank == 0:
            losses.append(read_losses(procedure.context.attempt.telemetry))
    if communicator.rank != 0:
        return None
    assert result is not None
    if draws:
        procedure.draw(procedure.context.attempt.pictures)
    return Trained(result, {name: np.concatenate([part[name] for part in losses]) for name in losses[0]})


def infer(prepared: Prepared, folder: Path, trained: Path, communicator: Communicator) -> ProcedureResult:
    """Infer on the only rank with the model that a training left in the folder ``trained``."""
    settings = prepared.spec.settings
    brief: InferenceSettings = {
        "warm_up": 1, "latency_samples": 2, "batch_sizes": [1], "seconds_per_batch_size": 0.01, "passes": 1,
        "checkpoint": str(RunDirectory(trained).weights),
    }  # fmt: skip
    spec = replace(prepared.spec, mode="inference", settings={**settings, "inference": brief})
    result = Inference(context_of(replace(prepared, spec=spec), RunDirectory(folder), 1, communicator)).run()
    assert result is not None
    return result


def context_of(prepared: Prepared, directory: RunDirectory, number: int, communicator: Communicator) -> RunContext:
    """What a procedure finds in an attempt of that number."""
    torch.set_num_threads(1)
    spec, settings = prepared.spec, prepared.spec.settings
    task_class = load_attribute(str(settings["task"]))
    batch = 2 * settings["training"]["batch_size"]
    # Batch norm averages over what a rank goes through at once: then one rank has the micro-batches of two.
    parts = max(1, 2 // communicator.size) if averages_over_ranks_batch(task_class(settings, prepared.folder)) else 1
    training: TrainingSettings = {**settings["training"], "accumulate": parts, "global_batch_size": batch}
    attempt = directory.attempt(number)
    attempt.path.mkdir(parents=True, exist_ok=True)
    place = Place(host="here", node=0, local_rank=communicator.rank, device="cpu", cores=(0,))
    return RunContext(
        spec=replace(spec, nodes=communicator.size, settings={**settings, "training": training}),
        directory=directory,
        attempt=attempt,
        folder=prepared.folder,
        task_class=task_class,
        communicator=communicator,
        device_name="cpu",
        progress=Progress(),
        file=TelemetryFile(attempt.telemetry, place, communicator),
        begun=dict.fromkeys(("staging", "build"), time.time()),
        warnings=[],
    )


def averages_over_ranks_batch(task: Task) -> bool:
    """Whether the model normalises by the mean of each rank's own batch."""
    return any(isinstance(module, _NormBase) for module in task.build_model().modules())


def read_losses(path: Path) -> Losses:
    """The losses in a telemetry file, over all ranks."""
    with h5py.File(path) as file:
        samples = file["step/samples"][()]
        found = file["step/loss"]
        each = {"": found} if isinstance(found, h5py.Dataset) else dict(found.items())
        means = {name: (np.float64(losses[()]) * samples).sum(0) / samples.sum(0) for name, losses in each.items()}
    return means


def keeps_statistics(weights: Path) -> bool:
    """Whether a model averages over the batches that it sees (batch norm): what it evaluates to depends on them."""
    state = torch.load(weights, weights_only=True)["model"]
    return any(name.endswith("running_mean") for name in state)


def judges_by_sums(prepared: Prepared) -> bool:
    """Whether quality is computed from sums, not from all rows at once."""
    settings = prepared.spec.settings
    task: Task = load_attribute(str(settings["task"]))(settings, prepared.folder)
    return task.new_quality().counts.size > 0
