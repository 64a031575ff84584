"""Trains cells on the ranks that mpirun has started: ``python train_cells.py COMMUNICATOR FOLDER [draw]``.

FOLDER/cells.json holds what ``write_cells`` wrote. Rank 0 leaves FOLDER/CELL.json, with each step's losses and the
quality in the end, and the run's files in FOLDER/CELL.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from cells import Cell, Losses, Prepared, train
from commands import PROJECT
from ranks import TIMEOUT_S, mpirun_for

from orchestrator.records import RunSpec
from workloads.runtime.communicators import join
from workloads.runtime.dataset import load_dataset

CELLS = "cells.json"
SECONDS_A_CELL = 60
"""How much longer each cell may take, on a machine that others use too."""


def train_on_ranks(
    ranks: int, comm: str, cells: Sequence[Prepared], folder: Path, draws: bool = False
) -> subprocess.CompletedProcess[str]:
    """Train cells on so many ranks, which need not compose what is known here, and draw their pictures if asked."""
    planned = {str(one.cell): [asdict(one.cell), str(one.root), asdict(one.spec)] for one in cells}
    (folder / CELLS).write_text(json.dumps(planned), encoding="utf-8")
    program = str(PROJECT / "tests" / "train_cells.py")
    words = [comm, str(folder), *(["draw"] if draws else [])]
    return mpirun_for(TIMEOUT_S + SECONDS_A_CELL * len(cells), ranks, program, *words)


def read_trained(folder: Path, cell: Cell) -> tuple[Losses, dict[str, float]]:
    """A cell's losses by player, and its quality."""
    answer = json.loads((folder / f"{cell}.json").read_text(encoding="utf-8"))
    return {name: np.array(values) for name, values in answer["losses"].items()}, answer["quality"]


def main() -> None:
    """Train one cell after the other."""
    comm, folder, draws = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] == ["draw"]
    planned = json.loads((folder / CELLS).read_text(encoding="utf-8"))
    with join(comm) as communicator:
        for name, (cell, root, fields) in planned.items():
            spec = RunSpec.from_dict(fields)
            dataset = load_dataset(spec.settings["dataset_class"], spec.settings["dataset"])
            prepared = Prepared(Cell(**cell), Path(root), spec, dataset)
            trained = train(prepared, folder / name, communicator, draws=draws)
            if trained is not None:
                losses = {player: values.tolist() for player, values in trained.losses.items()}
                answer = {"losses": losses, "quality": trained.result["quality"]["all"]}
                (folder / f"{name}.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
