"""How much faster than its solver a trained surrogate is, where the solver may be as wrong as the surrogate.

    python -m workloads.surrogates.equal_error RUN [--samples N] [--clock cpu] [--training-s SECONDS]

RUN is the folder of a training whose data were simulated here. The solver is made coarser until its error over the same
samples of the evaluation set is the surrogate's; both are timed on the same device with the same threads, one sample at
once and in the best batch. The truth is that of the data. Two more prices are of simulating the data as they were made,
and of the solver on the finest grid which is judged, by the longest stable steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from scipy import fft

from orchestrator.records import RunDirectory, read_json
from orchestrator.records.settings import Settings
from workloads.runtime.dataset import dataset_path, load_dataset
from workloads.runtime.procedures.weights import load_weights
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import to_device
from workloads.surrogates.coarse import COARSE, CoarseSolver, Effort
from workloads.surrogates.datasets.pairs import CHUNK, PairsDataset
from workloads.surrogates.scores import relative_l2
from workloads.surrogates.solvers.errors import SolverError
from workloads.surrogates.solvers.random_fields import Floats
from workloads.surrogates.task import FieldTask

BATCHES = (1, 4, 16, 64)
"""Samples at once that are tried."""
LEAST_S = 0.2
"""How long each measurement is kept up, at least."""
CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Price:
    """Seconds a sample, one at once and in the best batch, and that batch."""

    single_s: float
    batch_s: float
    batch: int


@dataclass(frozen=True)
class Comparison:
    """A surrogate beside its solver. ``effort`` is the solver's least with an error no greater than the surrogate's;
    None if even the finest grid has a greater one, and then there is no speed-up at equal error. ``finest`` is the
    solver's price on the finest grid that is judged, ``data`` that of simulating the data as they were.
    """

    surrogate_error: float
    surrogate: Price
    effort: Effort | None
    solver_error: float | None
    solver: Price | None
    finest: Price
    data: Price

    @property
    def speed_up(self) -> dict[str, float] | None:
        """How many times faster the surrogate is at equal error."""
        return None if self.solver is None else speed_up(self.solver, self.surrogate)

    def break_even(self, samples: int, training_s: float) -> float | None:
        """Evaluations, in best batches, from which on data and training have paid; None: they never do."""
        if self.solver is None or self.solver.batch_s <= self.surrogate.batch_s:
            return None
        return (samples * self.data.batch_s + training_s) / (self.solver.batch_s - self.surrogate.batch_s)


def speed_up(solver: Price, surrogate: Price) -> dict[str, float]:
    """How many times faster a surrogate is than a solver."""
    return {"single": solver.single_s / surrogate.single_s, "best_batch": solver.batch_s / surrogate.batch_s}


def price(answer: Callable[[int], object], samples: int, clock: Callable[[], float]) -> Price:
    """Time ``answer(n)``, which answers n samples, for each batch that there are enough samples for."""
    found = {}
    for batch in (size for size in BATCHES if size == 1 or size <= samples):
        answer(batch)
        found[batch] = time_sample(answer, batch, clock, 3)
    best = min(found, key=lambda batch: found[batch])
    return Price(found[1], found[best], best)


def price_of_data(simulate: Callable[[int], object], clock: Callable[[], float]) -> Price:
    """Time ``simulate(n)`` of one sample and of as many as a data set simulates at once. It may take many minutes, so
    that once is enough then.
    """
    return Price(time_sample(simulate, 1, clock, 1), time_sample(simulate, CHUNK, clock, 1), CHUNK)


def time_sample(answer: Callable[[int], object], batch: int, clock: Callable[[], float], least: int) -> float:
    """Median seconds a sample of calls for a batch, of so many calls at least, for LEAST_S at least."""
    seconds: list[float] = []
    begun = time.perf_counter()
    while len(seconds) < least or time.perf_counter() - begun < LEAST_S:
        start = clock()
        answer(batch)
        seconds.append((clock() - start) / batch)
    return statistics.median(seconds)


def least_effort(
    solver: CoarseSolver, inputs: Floats, truth: Floats, allowed: float
) -> tuple[Effort, float] | tuple[None, None]:
    """The first effort whose mean relative L2 error is no greater than what is allowed, and that error."""
    for effort in solver.efforts(inputs.shape[-1]):
        try:
            made = solver.solve(inputs, effort, truth.shape[-1])
        except SolverError:
            continue
        error = float(relative_l2(torch.from_numpy(made), torch.from_numpy(truth)).mean())
        if error <= allowed:
            return effort, error
    return None, None


def compare(
    task: FieldTask, model: torch.nn.Module, dataset: PairsDataset, samples: int, clock: Callable[[], float]
) -> Comparison:
    """Compare a trained model with its data set's solver over the first samples of the evaluation set."""
    facts, settings = task.description, task.settings["dataset"]
    finest = max(task.points[0], *settings["evaluation_grids"], 0)
    suffix = "" if finest == task.points[0] else f"_{finest}"
    names = list(dict.fromkeys(("input", "target", f"input{suffix}")))
    chosen = np.arange(min(samples, facts["evaluation_samples"]))
    arrays = ConsolidatedSet(task.folder, "evaluation", names).read(chosen)
    inputs, truth = arrays[f"input{suffix}"].astype(np.float64), arrays["target"].astype(np.float64)
    batch = to_device({"input": arrays["input"]}, torch.device("cpu"))
    solver = COARSE[facts["set"]](settings, facts["periodic"], len(task.points))
    with torch.inference_mode():
        made = task.predict(model, batch)
        error = float(relative_l2(made.double(), torch.from_numpy(truth)).mean())
        surrogate = price(lambda count: task.predict(model, {"input": batch["input"][:count]}), len(chosen), clock)
    effort, solver_error = least_effort(solver, inputs, truth, error)

    def solve(effort: Effort) -> Price:
        return price(lambda count: solver.solve(inputs[:count], effort, truth.shape[-1]), len(chosen), clock)

    return Comparison(
        surrogate_error=error,
        surrogate=surrogate,
        effort=effort,
        solver_error=solver_error,
        solver=None if effort is None else solve(effort),
        finest=solve(Effort(finest)),
        data=price_of_data(lambda count: dataset.simulate(np.random.default_rng(0), count), clock),
    )


@contextmanager
def limited_to(threads: int) -> Iterator[None]:
    """So many threads for the surrogate, and for the solvers, whose only parallel work is Fourier transforms."""
    torch.set_num_threads(threads)
    with fft.set_workers(threads):
        yield


def trained_model(run: RunDirectory) -> tuple[FieldTask, torch.nn.Module, PairsDataset, float]:
    """A run's task, its trained model, its data set, and the seconds of all ranks that its training took."""
    manifest = run.read_manifest()
    spec = manifest.spec
    settings: Settings = spec.settings
    if settings["dataset"]["source"] != "stand-in":
        raise SystemExit(f"{run.path}: its data were not simulated here; there is no solver to compare with")
    dataset = load_dataset(dataset_path(settings), settings["dataset"])
    task = resolve_name(str(settings["task"]))(settings, Path(spec.data_folder) / dataset.folder_name)
    model = task.build_model()
    load_weights(run.weights, model, torch.device("cpu"))
    result: Any = read_json(run.attempt(run.deciding_attempt(1)).result)
    assert isinstance(dataset, PairsDataset)
    return task, model.eval(), dataset, float(result["training"]["elapsed_s"]) * spec.ranks


def main() -> None:
    """Print a comparison as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1, help="of the surrogate and of the solver")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--training-s", type=float, help="of all ranks, where others slowed the run down")
    options = parser.parse_args()
    task, model, dataset, training_s = trained_model(RunDirectory(options.run))
    with limited_to(options.threads):
        found = compare(task, model, dataset, options.samples, CLOCKS[options.clock])
    facts = task.description
    print(
        json.dumps(
            {
                "dataset": facts["set"],
                "grid": task.points[0],
                **asdict(found),
                "speed_up": found.speed_up,
                "speed_up_over_data": speed_up(found.data, found.surrogate),
                "speed_up_over_finest": speed_up(found.finest, found.surrogate),
                "break_even": found.break_even(facts["training_samples"], options.training_s or training_s),
                "samples": options.samples,
                "threads": options.threads,
                "clock": options.clock,
            }
        )
    )


if __name__ == "__main__":
    main()
