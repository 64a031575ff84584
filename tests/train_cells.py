"""Trains cells on the ranks that mpirun has started: ``python train_cells.py COMMUNICATOR DATA FOLDER CELL...``.

DATA is where the cells' data are; a cell is BENCHMARK:DATASET:METHOD. Rank 0 leaves FOLDER/CELL.json, with each step's
losses and the quality in the end, and the run's files in FOLDER/CELL.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cells import Cell, Prepared, train

from workloads.runtime.communicators import join


def main() -> None:
    """Train one cell after the other."""
    comm, data, folder, *names = sys.argv[1:]
    with join(comm) as communicator:
        for name in names:
            cell = Cell(*name.split(":"))
            trained = train(Prepared.of(cell, Path(data)), Path(folder) / f"{cell}", communicator)
            if trained is not None:
                losses = {player: values.tolist() for player, values in trained.losses.items()}
                answer = {"losses": losses, "quality": trained.result["quality"]["all"]}
                Path(folder, f"{cell}.json").write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
