"""What holds for every benchmark, whoever adds one: its data, its training, its inference, its picture.

One has to be added to no list: see tests/cells.py. It must have a recipe ``tiny``, without random numbers in training.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from cells import (
    FIRST,
    FURTHER,
    OTHERS,
    TRAINED,
    Cell,
    Losses,
    Prepared,
    Trained,
    infer,
    judges_by_sums,
    keeps_statistics,
    modes_of,
    read_losses,
    train,
)  # fmt: skip
from commands import Answer, orchestrate
from train_cells import read_trained, train_on_ranks

from orchestrator.records import DIVERGED, RunDirectory
from orchestrator.report.document import SCHEMA_FILE
from workloads.runtime.communicators import Communicator
from workloads.runtime.errors import DivergedError

ROUNDING = 1e-3
"""Relative difference that a few steps make of another order of summation."""
A_ROW = 0.02
"""What a score of a few hundred binned rows changes by when some of them come into the next bin."""
EACH_TRAINED = [*FIRST, *(pytest.param(cell, marks=pytest.mark.thorough) for cell in FURTHER)]
VARYING = ("ngram",)
"""Methods whose steps find more or less in their tables by what a batch holds: their arithmetic is not fixed."""
QUICK = [
    f"benchmark.inference.{word}"
    for word in ("warm_up=1", "latency_samples=3", "batch_sizes=[1,2]", "seconds_per_batch_size=0.05", "passes=1")
]
PNG = b"\x89PNG"


@pytest.fixture(scope="session")
def data_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Cell], Prepared]:
    """The cell with its data, which are made once."""
    root = tmp_path_factory.mktemp("data")
    return cache(lambda cell: Prepared.of(cell, root))


@dataclass
class Pair:
    """A training on two ranks: its losses, its quality and its files."""

    losses: Losses
    quality: dict[str, float]
    directory: RunDirectory

    @property
    def picture(self) -> Path:
        """What was drawn when it was done."""
        return self.directory.attempt(1).pictures


@pytest.fixture(scope="session")
def pair_of(
    data_of: Callable[[Cell], Prepared], tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Callable[[Cell], Pair]:
    """The cell trained on two ranks, once: by command the first of each benchmark, and its others all at once. Where
    tests are to be quick, by command the last benchmark alone.
    """
    quick = pytestconfig.getoption("--quick")
    by_command = FIRST[-1:] if quick else FIRST
    by_ranks = [cell for cell in (FIRST if quick else TRAINED) if cell not in by_command]

    @cache
    def trained_of(benchmark: str) -> Path:
        folder, cells = tmp_path_factory.mktemp(benchmark), [cell for cell in by_ranks if cell.benchmark == benchmark]
        answer = train_on_ranks(2, "mpi", [data_of(cell) for cell in cells], folder, draws=True)
        assert answer.returncode == 0, answer.stderr
        return folder

    @cache
    def trained(cell: Cell) -> Pair:
        if cell not in by_command:
            folder = trained_of(cell.benchmark)
            return Pair(*read_trained(folder, cell), RunDirectory(folder / f"{cell}"))
        run = only_run(orchestrate(*data_of(cell).words, "nodes=2", "--json", cwd=tmp_path_factory.mktemp(f"{cell}")))
        directory = RunDirectory(Path(run["directory"]))
        return Pair(read_losses(directory.attempt(1).telemetry), run["quality"]["all"], directory)

    return trained


@pytest.fixture(scope="module")
def alone_of(
    data_of: Callable[[Cell], Prepared], tmp_path_factory: pytest.TempPathFactory, alone: Communicator
) -> Callable[[Cell], Alone]:
    """The cell trained on one rank, once."""

    @cache
    def trained(cell: Cell) -> Alone:
        folder = tmp_path_factory.mktemp(f"{cell}")
        return Alone(train_alone(data_of(cell), folder, alone), folder)

    return trained


@dataclass
class Alone:
    """A training on one rank, and its folder."""

    trained: Trained
    folder: Path


def train_alone(prepared: Prepared, folder: Path, alone: Communicator, stops: int = 0) -> Trained:
    """Train on the only rank."""
    trained = train(prepared, folder, alone, stops)
    assert trained is not None
    return trained


def only_run(answer: Answer) -> dict[str, Any]:
    """The run of a campaign of one, which has ended well but for its target: so short a training reaches none."""
    assert answer.code in (0, 2), answer.err
    (run,) = answer.document["runs"]
    assert run["state"] == "completed", answer.err
    return dict(run)


@pytest.mark.parametrize("cell", [*EACH_TRAINED, *OTHERS], ids=str)
def test_its_data_are_made_once_and_are_what_they_say(cell: Cell, data_of: Callable[[Cell], Prepared]) -> None:
    prepared = data_of(cell)
    told = prepared.dataset.verify(prepared.folder, thorough=True)
    assert {"name", "source", "split", "version", "checksum"} <= set(told) and told["source"] == "stand-in"
    assert told["name"] == prepared.dataset.NAME
    before = {path: path.stat().st_mtime_ns for path in prepared.folder.rglob("*")}
    assert prepared.make() == []
    assert {path: path.stat().st_mtime_ns for path in prepared.folder.rglob("*")} == before


@pytest.mark.parametrize("cell", EACH_TRAINED, ids=str)
def test_a_training_that_is_stopped_goes_on_bit_for_bit(
    cell: Cell, data_of: Callable[[Cell], Prepared], alone_of: Callable[[Cell], Alone], alone: Communicator,
    tmp_path: Path,
) -> None:  # fmt: skip
    whole, parts = alone_of(cell).trained, train_alone(data_of(cell), tmp_path, alone, stops=2)
    assert whole.result["training"]["steps"] > 2, "recipe tiny has too few steps to be stopped twice"
    for name, losses in whole.losses.items():
        assert np.array_equal(parts.losses[name], losses)
    assert parts.result["quality"] == whole.result["quality"]


@pytest.mark.parametrize("cell", EACH_TRAINED, ids=str)
def test_the_arithmetic_of_a_step_is_counted(cell: Cell, alone_of: Callable[[Cell], Alone]) -> None:
    training = alone_of(cell).trained.result["training"]
    assert (training["step_work"] is None) is (cell.method in VARYING)


@pytest.mark.parametrize("cell", EACH_TRAINED, ids=str)
def test_inference_finds_the_quality_that_training_found(
    cell: Cell, data_of: Callable[[Cell], Prepared], alone_of: Callable[[Cell], Alone], alone: Communicator,
    tmp_path: Path,
) -> None:  # fmt: skip
    one = alone_of(cell)
    result = infer(data_of(cell), tmp_path, one.folder, alone)
    assert result["quality"]["all"] == one.trained.result["quality"]["all"]


@pytest.mark.parametrize("cell", FIRST, ids=str)
def test_a_training_that_diverges_says_so_and_leaves_no_number(
    cell: Cell, data_of: Callable[[Cell], Prepared], alone: Communicator, tmp_path: Path
) -> None:
    with pytest.raises(
        DivergedError, match=f"(after step 1|too great for a float): {DIVERGED}; a lower .*learning_rate"
    ):
        train_alone(learning_too_fast(data_of(cell)), tmp_path, alone)
    left = RunDirectory(tmp_path)
    assert not left.attempt(1).telemetry.exists() and not left.checkpoint.exists()
    assert "NaN" not in left.attempt(1).mllog.read_text()


def learning_too_fast(prepared: Prepared) -> Prepared:
    """One step of every player, at a rate that leaves the weights numbers, and what comes of them none."""
    settings = prepared.spec.settings
    training: Any = {**settings["training"], "max_steps": 1, "warmup_epochs": 0.0, "learning_rate_scaling": "none"}
    training["optimizer"] = {**training["optimizer"], "learning_rate": 1e37}
    training["optimizers"] = {
        name: {**own, "learning_rate": 1e37} for name, own in training.get("optimizers", {}).items()
    }
    spec = replace(prepared.spec, settings={**settings, "training": training})
    return replace(prepared, spec=spec)


@pytest.mark.ranks
@pytest.mark.parametrize("cell", EACH_TRAINED, ids=str)
def test_two_ranks_train_what_one_does(
    cell: Cell, data_of: Callable[[Cell], Prepared], pair_of: Callable[[Cell], Pair],
    alone_of: Callable[[Cell], Alone],
) -> None:  # fmt: skip
    pair, one = pair_of(cell), alone_of(cell).trained
    assert pair.losses.keys() == one.losses.keys()
    for name, losses in one.losses.items():
        np.testing.assert_allclose(pair.losses[name], losses, rtol=ROUNDING, atol=1e-6)
    found, expected = pair.quality, one.result["quality"]["all"]
    assert found.keys() == expected.keys() and all(map(np.isfinite, found.values()))
    if not keeps_statistics(pair.directory.weights):
        assert found == pytest.approx(expected, rel=ROUNDING, abs=smallest_difference(data_of(cell)))


def smallest_difference(prepared: Prepared) -> float:
    """Between the qualities of weights that differ by rounding: a row may cross the edge of its bin."""
    return 1e-6 if judges_by_sums(prepared) else A_ROW


@pytest.mark.ranks
@pytest.mark.parametrize("cell", EACH_TRAINED, ids=str)
def test_a_trained_model_shows_what_it_does_in_a_picture(cell: Cell, pair_of: Callable[[Cell], Pair]) -> None:
    picture = pair_of(cell).picture.read_bytes()
    width, height = np.frombuffer(picture[16:24], ">u4")
    assert picture.startswith(PNG) and width >= 400 and height >= 200 and len(picture) > 10_000


@pytest.mark.ranks
@pytest.mark.thorough
@pytest.mark.parametrize("cell", FIRST, ids=str)
def test_inference_on_one_two_and_four_ranks_finds_the_quality_that_training_found(
    cell: Cell, data_of: Callable[[Cell], Prepared], pair_of: Callable[[Cell], Pair], tmp_path: Path
) -> None:
    pair = pair_of(cell)
    words = [*data_of(cell).words, *QUICK, f"benchmark.inference.checkpoint={pair.directory.path}"]
    answer = orchestrate(*words, "mode=inference", "nodes=[1,2,4]", "--json", cwd=tmp_path)
    assert answer.code in (0, 2), answer.err
    jsonschema.validate(answer.document, json.loads(SCHEMA_FILE.read_text()))
    runs = {run["ranks"]: run for run in answer.document["runs"]}
    assert sorted(runs) == [1, 2, 4] and {run["state"] for run in runs.values()} == {"completed"}, answer.err
    for ranks, run in runs.items():
        assert run["quality"]["all"] == pair.quality
        assert run["inference"]["latency_ms"]["memory"]["n"] == 3 * ranks
        assert run["inference"]["load_s"]["slowest"] > 0 and run["throughput"]["run"] > 0
        assert all(row["samples_per_s"] > 0 for row in run["inference"]["throughput"])


@pytest.mark.ranks
@pytest.mark.parametrize("cell", OTHERS, ids=str)
def test_what_it_does_of_its_own_reaches_its_target_on_two_ranks(
    cell: Cell, data_of: Callable[[Cell], Prepared], tmp_path: Path
) -> None:
    (mode,) = modes_of(cell)
    run = only_run(orchestrate(*data_of(cell).words, f"mode={mode}", "nodes=2", "--json", cwd=tmp_path))
    assert (run["mode"], run["quality"]["reached"]) == (mode, True)
