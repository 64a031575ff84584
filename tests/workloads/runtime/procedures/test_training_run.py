"""What a training's result says of the attempt that was measured, and when the measured time ends."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import Concluded, Toy, trainer_of

from orchestrator.records import RunDirectory
from workloads.runtime.communicators import Communicator
from workloads.runtime.measurement.places import Place
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import TelemetryFile
from workloads.runtime.procedures.procedure import RunContext
from workloads.runtime.procedures.training_run import Training


def procedure_of(
    kind: type[Toy], communicator: Communicator, folder: Path, number: int = 1, **training: Any
) -> Training:
    """A training of the toy on this process's rank, as attempt ``number`` of the run in ``folder``."""
    spec = trainer_of(kind({}, folder), communicator, folder / "elsewhere", **training).spec
    spec = replace(spec, settings={**spec.settings, "count_work": False})  # type: ignore[typeddict-unknown-key]
    directory = RunDirectory(folder)
    attempt = directory.attempt(number)
    attempt.path.mkdir(parents=True)
    place = Place(host="here", node=0, local_rank=0, device="cpu", cores=(0,))
    return Training(
        RunContext(
            spec=spec,
            directory=directory,
            attempt=attempt,
            folder=folder,
            task_class=kind,
            communicator=communicator,
            device_name="cpu",
            progress=Progress(),
            file=TelemetryFile(attempt.telemetry, place, communicator),
            begun=dict.fromkeys(("staging", "build"), time.time()),
            warnings=[],
        )
    )


def trained(procedure: Training) -> Mapping[str, Any]:
    """The result's entry of a training that ends."""
    result = procedure.run()
    assert result is not None
    return result["training"]


def test_a_resumed_runs_result_tells_the_samples_of_its_last_attempt_from_all(
    alone: Communicator, tmp_path: Path
) -> None:
    stopped = procedure_of(Toy, alone, tmp_path)
    stopped.progress.stop_requested = True
    assert stopped.run() is None
    first = trained(procedure_of(Toy, alone, tmp_path, number=2))
    # The first step, of 7 of three times 17 samples, was the first attempt's.
    assert (first["samples"], first["measured_samples"]) == (51, 44)
    whole = trained(procedure_of(Toy, alone, tmp_path / "whole"))
    assert (whole["samples"], whole["measured_samples"]) == (51, 51)


class Slow(Concluded):
    """Whose trained model is judged for long."""

    def new_quality(self) -> Any:
        quality: Any = super().new_quality()
        conclude = quality.conclude

        def slowly(*given: Any) -> Any:
            time.sleep(0.5)
            return conclude(*given)

        quality.conclude = slowly
        return quality


@pytest.mark.parametrize("stops", [0, 1])
def test_the_measured_time_ends_where_the_trainings_does_and_not_after_what_is_asked_of_the_trained_model(
    stops: int, alone: Communicator, tmp_path: Path
) -> None:
    for number in range(1, stops + 1):
        stopped = procedure_of(Slow, alone, tmp_path, number)
        stopped.progress.stop_requested = True
        assert stopped.run() is None
    procedure = procedure_of(Slow, alone, tmp_path, stops + 1)
    entry = trained(procedure)
    earlier = procedure.trainer.position.elapsed
    assert (earlier > 0) == bool(stops)
    assert procedure.run_stop - procedure.run_start == pytest.approx(entry["elapsed_s"] - earlier, abs=1e-5)
    (concluding,) = (start for name, start, _ in procedure.telemetry.phases if name == "conclude")
    assert procedure.run_start < procedure.run_stop <= concluding < time.time() - 0.5
