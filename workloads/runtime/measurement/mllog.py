"""The log of a run in MLPerf's format, with the keys of its rules for HPC training. Rank 0 writes it."""

from __future__ import annotations

import contextlib
import io
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypedDict

from orchestrator.records import Processors, RunSpec
from orchestrator.records.processors import mlperf_fields


def to_milliseconds(seconds: float | None) -> int | None:
    """Return seconds as the format's milliseconds."""
    return None if seconds is None else round(1000 * seconds)


class TrainingFacts(TypedDict):
    """What a training is, beside its settings; ``learning_rate`` is the peak, ``processors`` those of rank 0's node."""

    accelerators_per_node: int
    global_batch: int
    training_samples: int
    evaluation_samples: int
    learning_rate: float
    processors: Processors


class MlperfLog:
    """Wraps ``mlperf_logging.mllog``. Without a path (on ranks other than 0), and where that package is not installed,
    it does nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.logger: Any = None
        if path is None or find_spec("mlperf_logging") is None:
            return
        from mlperf_logging import mllog

        # mllog prints every line as well; the file is enough.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            mllog.config(filename=str(path), root_dir=str(Path(__file__).parents[3]), default_stack_offset=2)
            self.logger = mllog.get_mllogger()
        for handler in list(self.logger.logger.handlers):
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                self.logger.logger.removeHandler(handler)
        self.logger.logger.propagate = False

    def start(self, key: str, at: float | None = None, **metadata: Any) -> None:
        """Log the start of an interval, now or at a past time; ``key`` is without its ``_start``."""
        if self.logger:
            self.logger.start(key=f"{key}_start", metadata=metadata, time_ms=to_milliseconds(at))

    def stop(self, key: str, at: float | None = None, **metadata: Any) -> None:
        """Log the end of an interval."""
        if self.logger:
            self.logger.end(key=f"{key}_stop", metadata=metadata, time_ms=to_milliseconds(at))

    def value(self, key: str, value: Any, **metadata: Any) -> None:
        """Log a value at this moment."""
        if self.logger:
            self.logger.event(key=key, value=value, metadata=metadata)

    def describe(self, spec: RunSpec, facts: TrainingFacts) -> None:
        """Log the keys that identify a submission, then the training's settings."""
        optimizer = spec.settings["training"]["optimizer"]
        values = {
            "submission_benchmark": spec.benchmark,
            "submission_division": "open",
            "submission_org": "unset",
            "submission_platform": spec.cluster,
            "submission_status": "onprem",
            "submission_poc_name": "unset",
            "submission_poc_email": "unset",
            "cache_clear": False,
            "number_of_nodes": spec.nodes,
            "number_of_ranks": spec.ranks,
            "accelerators_per_node": facts["accelerators_per_node"],
            "seed": spec.seed,
            "global_batch_size": facts["global_batch"],
            "gradient_accumulation_steps": spec.settings["training"]["accumulate"],
            "train_samples": facts["training_samples"],
            "eval_samples": facts["evaluation_samples"],
            "opt_name": optimizer["name"],
            "opt_base_learning_rate": facts["learning_rate"],
            "opt_learning_rate_warmup_epochs": spec.settings["training"]["warmup_epochs"],
            "opt_weight_decay": optimizer["weight_decay"],
            **mlperf_fields([facts["processors"]]),
        }
        for key, value in values.items():
            self.value(key, value)
