"""The phases of a run and the parts of a step's time, which every rank measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PHASES = (
    "import",
    "rendezvous",
    "staging",
    "build",
    "first_step",
    "train",
    "load",
    "latency",
    "throughput",
    "end_to_end",
    "nodes",
    "pairs",
    "allreduce",
    "evaluate",
    "checkpoint",
    "conclude",
)
"""Phases of a run in the order they begin: training alternates with evaluation and checkpoints, which are summed;
from "load" on to "end_to_end" are those of inference, from "nodes" to "allreduce" those of a probe; "conclude" takes
the metrics of a trained model that would take too long for every evaluation.
"""

STEP_TIMES = ("total", "data", "compute", "waiting")
"""Parts of the time of a training step, s, measured by each rank. ``data``: until the batch was there; ``compute``:
forward, backward and optimiser; ``waiting``: for gradients after its own were done, which is waiting for slower ranks
(straggling) and then for the exchange itself (communication); ``total``: from the step's begin to its end.
"""

TELEMETRY_SCHEMA = "orchestrator.telemetry/1"

TEXT, INT, FLOAT32, FLOAT64 = "text", "int32", "float32", "float64"


def stored_name(part: str) -> str:
    """Return the name of a part of a step's time in telemetry files and stores, since version 0.1."""
    return "communicate" if part == "waiting" else part


def step_dataset(part: str) -> str:
    """The dataset of a telemetry file that holds a part of the steps' times."""
    return f"step/{stored_name(part)}"


@dataclass(frozen=True)
class Dataset:
    """One dataset of a telemetry file: what its axes run over, and the type of its values."""

    axes: tuple[str, ...]
    dtype: str
    optional: bool = False


DATASETS: Mapping[str, Dataset] = {
    "rank/host": Dataset(("ranks",), TEXT),
    "rank/device": Dataset(("ranks",), TEXT),
    "rank/node": Dataset(("ranks",), INT),
    "rank/local_rank": Dataset(("ranks",), INT),
    **{step_dataset(part): Dataset(("ranks", "steps"), FLOAT32) for part in STEP_TIMES},
    "step/epoch": Dataset(("ranks", "steps"), INT),
    "step/samples": Dataset(("ranks", "steps"), INT),
    "step/loss": Dataset(("ranks", "steps"), FLOAT32, optional=True),
    "evaluation/seconds": Dataset(("evaluations",), FLOAT64),
    "evaluation/epoch": Dataset(("evaluations",), INT),
    "evaluation/value": Dataset(("evaluations",), FLOAT64),
    "phase/name": Dataset(("phases",), TEXT),
    "phase/start": Dataset(("ranks", "phases"), FLOAT64),
    "phase/stop": Dataset(("ranks", "phases"), FLOAT64),
}
"""The datasets of every telemetry file; modes add theirs under their own names, by rank. step/samples counts items, of
which the file's attribute "unit" says what they are; where several players have a loss each, theirs are in
step/loss/NAME. Evaluations are counted in
seconds from the first touch of training data, phases in seconds since the epoch.
"""

KINDS = {TEXT: "OS", INT: "iu", FLOAT32: "f", FLOAT64: "f"}
"""NumPy's letters for what may hold such values: files of other versions may be more or less precise."""


def telemetry_trouble(schema: object, found: Mapping[str, tuple[tuple[int, ...], str]]) -> str:
    """What is wrong with a telemetry file of that ``schema``, from its datasets' shapes and kinds of values (NumPy's
    letters); empty if nothing is.
    """
    if schema != TELEMETRY_SCHEMA:
        return f"its schema is {schema!r}, not {TELEMETRY_SCHEMA!r}: another version of the orchestrator reads it"
    lengths: dict[str, tuple[int, str]] = {}
    for name, expected in DATASETS.items():
        if name not in found:
            if not expected.optional:
                return f"it has no dataset {name}"
            continue
        shape, kind = found[name]
        if len(shape) != len(expected.axes) or kind not in KINDS[expected.dtype]:
            return f"{name} is no array of {expected.dtype} by {' and '.join(expected.axes)}"
        for axis, length in zip(expected.axes, shape, strict=True):
            known, where = lengths.setdefault(axis, (length, name))
            if length != known:
                return f"{name} has {length} {axis}, {where} {known}"
    return ""
