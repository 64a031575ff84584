"""How far trainings on several ranks part from a training on one, for every cell of a benchmark and every communicator.

``PYTHONPATH=. python tests/compare_ranks.py disentanglement`` prints a line a cell: the largest relative difference of
any step's loss (of any player), by communicator and number of ranks. The suite tests some of these; all take minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from cells import TRAINED, Cell, Losses, Prepared
from train_cells import read_trained, train_on_ranks

from orchestrator.records.choices import COMMUNICATORS


def largest_difference(found: Losses, expected: Losses) -> float:
    """Of any loss of any player, relative."""
    return max(float(np.max(np.abs(found[name] / losses - 1))) for name, losses in expected.items())


def train_all(ranks: int, comm: str, cells: list[Prepared]) -> dict[Cell, Losses]:
    """Each cell's losses on so many ranks. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as name:
        answer = train_on_ranks(ranks, comm, cells, Path(name))
        if answer.returncode:
            raise RuntimeError(f"{ranks} ranks by {comm}: {answer.stderr[-2000:]}")
        return {one.cell: read_trained(Path(name), one.cell)[0] for one in cells}


def main() -> None:
    """Train all and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark")
    parser.add_argument("--dataset", help="only cells of this data set")
    parser.add_argument("--methods", type=lambda text: text.split(","), help="only cells of these methods")
    parser.add_argument("--ranks", type=lambda text: [int(word) for word in text.split(",")], default=[2, 4])
    parser.add_argument("--comms", type=lambda text: text.split(","), default=sorted(COMMUNICATORS))
    options = parser.parse_args()
    chosen = [cell for cell in TRAINED if cell.benchmark == options.benchmark]
    chosen = [cell for cell in chosen if options.dataset in (None, cell.dataset)]
    chosen = [cell for cell in chosen if options.methods is None or cell.method in options.methods]
    with tempfile.TemporaryDirectory() as name:
        cells = [Prepared.of(cell, Path(name)) for cell in chosen]
        alone = train_all(1, "mpi", cells)
        columns = [(comm, ranks) for comm in options.comms for ranks in options.ranks]
        found = {column: train_all(column[1], column[0], cells) for column in columns}
    print("  ".join([f"{'cell':40}", *(f"{comm + ' ' + str(ranks):>10}" for comm, ranks in columns)]))
    for cell in chosen:
        values = [largest_difference(found[column][cell], alone[cell]) for column in columns]
        print("  ".join([f"{cell!s:40}", *(f"{value:10.1e}" for value in values)]), flush=True)


if __name__ == "__main__":
    main()
