"""The project's own training loop as a side that takes turns: ``python -m parts.ours``; see ``turns.py``."""

from __future__ import annotations

import argparse
import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from orchestrator.records.settings import Configuration
from parts.turns import PROJECT, Side, Turns, mpirun, profile_environment

UNINTERRUPTED = (
    "benchmark.training.epochs=1000",
    "benchmark.training.evaluate_every_epochs=1000",
    "benchmark.training.checkpoint_every_epochs=1000",
    "benchmark.training.warmup_epochs=0",
    "benchmark.training.schedule=constant",
)
"""Steps alone are compared, so nothing comes between them; a constant rate costs the same as any other."""


def settings_of(overrides: list[str]) -> Configuration:
    """The resolved configuration of a command line."""
    from orchestrator.config.compose import compose_all

    return compose_all([*overrides, *UNINTERRUPTED], multirun=False)[0]


def ensure_data(overrides: list[str], data: Path) -> Path:
    """The data set of a command line, made if it is missing: its folder."""
    from rich.console import Console

    from orchestrator.campaign.dataset import ensure_dataset

    return Path(str(ensure_dataset(settings_of(overrides), data, Console(stderr=True))["folder"]))


def start(
    name: str,
    folder: Path,
    overrides: list[str],
    data: Path,
    ranks: int = 1,
    threads: int = 1,
    comm: str = "alone",
    warm_up: int = 1,
) -> Side:
    """So many processes of the loop; under comm=alone each trains by itself. Bound to cores if each has one thread."""
    words = ["--side", name, "--folder", str(folder), "--data", str(data), "--comm", comm, "--threads", str(threads)]
    bound = ["--bind-to", "core", "--map-by", "slot:PE=1:OVERSUBSCRIBE"] if threads == 1 else ["--bind-to", "none"]
    environment = {
        **profile_environment(),
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests' / 'benchmarks'}",
        "OMP_NUM_THREADS": str(threads),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = mpirun(ranks, bound, ["-m", "parts.ours", *words, *overrides])
    return Side(name, folder, command, ranks, environment, warm_up)


def alone() -> Any:
    """A communicator of one rank without any library."""
    from workloads.runtime.communicators.alone import LoneReducer
    from workloads.runtime.communicators.base import Communicator

    class Alone(Communicator):
        name, rank, size = "alone", 0, 1

        def reducer(self, model: Any, device: Any, *_: Any, **__: Any) -> LoneReducer:
            return LoneReducer(model)

        def sum(self, array: Any) -> Any:
            return np.array(array)

        def broadcast_bytes(self, data: Any, root: int) -> None: ...

        def gather_bytes(self, data: Any) -> Any:
            return data[None]

        def barrier(self) -> None: ...

        def close(self) -> None: ...

        def abort(self, exit_code: int) -> NoReturn:
            os._exit(exit_code)

    return Alone()


class NoMoreTurns(Exception):
    """The comparison is over."""


def train(options: argparse.Namespace) -> None:
    """Train step by step, as the turns allow."""
    import torch

    from orchestrator.plan import Site, plan
    from workloads.entry import load_attribute
    from workloads.runtime.communicators import join
    from workloads.runtime.dataset import load_dataset
    from workloads.runtime.measurement.mllog import MlperfLog
    from workloads.runtime.measurement.progress import Progress
    from workloads.runtime.memory import keep_freed_memory
    from workloads.runtime.procedures.suited import settle
    from workloads.runtime.procedures.training import Trainer

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    config = settings_of(options.overrides)
    planned = plan([config], "turns", Site(options.threads, options.data)).runs[0].spec
    communicator = alone() if options.comm == "alone" else join(options.comm)
    spec = replace(planned, nodes=communicator.size, ranks_per_node=1, threads_per_rank=options.threads)
    dataset = load_dataset(spec.settings["dataset_class"], spec.settings["dataset"])
    task_class = load_attribute(str(spec.settings["task"]))
    suited = settle(spec.settings["training"], torch.device("cpu"), communicator, task_class.twice_differentiable)
    task = task_class(suited.applied_to(spec.settings), options.data / dataset.folder_name)
    samples, batch = len(task.training_set), spec.settings["training"]["batch_size"] * communicator.size
    if samples < batch:
        raise SystemExit(f"{samples} samples make no batch of {batch}")
    member = int(os.environ["OMPI_COMM_WORLD_RANK"])
    nowhere = options.folder / f"{options.side}-{member}-checkpoint"
    trainer = Trainer(spec, task, suited, communicator, torch.device("cpu"), Progress(), MlperfLog(None), nowhere)
    turns = Turns(options.side, options.folder, member)
    whole_step = trainer.step

    def step(*arguments: Any) -> None:
        if trainer.position.step >= samples // batch:
            whole_step(*arguments)  # what is left of an epoch is no whole batch, and its step is not counted
            return
        if not turns.begin():
            raise NoMoreTurns
        whole_step(*arguments)
        data = float(trainer.telemetry.times["data"][trainer.telemetry.steps - 1])
        turns.end(trainer.stepper.waited, data)

    trainer.step = step  # type: ignore[method-assign, assignment]
    with contextlib.suppress(NoMoreTurns):
        trainer.train()
    np.save(options.folder / f"{options.side}-{member}-losses.npy", trainer.stepper.losses_by_name().get("", []))
    communicator.close()


def main() -> None:
    """One process of a side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--comm", default="alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("overrides", nargs="*")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
