"""Finds the trained model that ``benchmark.inference.checkpoint`` names: a file, or the folder of a run or campaign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.config.families import option_classes
from orchestrator.errors import UsageError
from orchestrator.records import ONLY_METHOD, Manifest, RecordError, Result, RunDirectory, read_record_if_whole
from orchestrator.records.settings import BenchmarkSettings, Configuration, InferenceSettings, QualitySettings

KEY = "benchmark.inference.checkpoint"


def with_weights(config: Configuration, here: Path) -> Configuration:
    """Return the configuration with its checkpoint's name, if it is for inference, replaced by the path of a file.

    Raises UsageError if there is no such model, or if its benchmark or shape differs.
    """
    named = config["benchmark"]["inference"]["checkpoint"]
    if config["mode"] != "inference" or not named:
        return config.copy()
    path = find_weights(str(named), config["benchmark"], here / config["results"], here)
    inference: InferenceSettings = {**config["benchmark"]["inference"], "checkpoint": str(path)}
    return {**config, "benchmark": {**config["benchmark"], "inference": inference}}


def find_weights(named: str, benchmark: BenchmarkSettings, results: Path, here: Path) -> Path:
    """Return the model file. Among several fitting runs of a campaign it is that of the best quality."""
    place = next((path for path in (here / named, results / named) if path.exists()), None)
    if place is None:
        raise UsageError(
            f"{KEY}={named}: there is no such file or folder in {here}, nor such a campaign in {results}; "
            "name a model file, a run's folder or a campaign."
        )
    if place.is_file():
        return place.resolve()
    folders = [place] if (place / "manifest.json").exists() else sorted(path for path in place.iterdir())
    runs = [RunDirectory(folder) for folder in folders if (folder / "manifest.json").exists()]
    if not runs:
        raise UsageError(f"{KEY}={named}: {place} holds no run; name a model file, a run's folder or a campaign.")
    refused: list[str] = []
    fitting: list[tuple[float, Path]] = []
    for run in runs:
        reason = reason_unfit(run, benchmark)
        if reason:
            refused.append(f"{run.path.name} {reason}")
        else:
            fitting.append((quality_rank(run, benchmark["quality"]), model_of(run).resolve()))
    if not fitting:
        raise UsageError(f"{KEY}={named}: no run of {place} has a model for this: {'; '.join(refused)}.")
    best = max(rank for rank, _ in fitting)
    return next(path for rank, path in fitting if rank == best)


def reason_unfit(run: RunDirectory, benchmark: BenchmarkSettings) -> str:
    """Return why a run's model cannot be used; "" if it can."""
    try:
        manifest: Manifest = run.read_manifest()
    except RecordError as error:
        return f"cannot be read ({error})"
    spec = manifest.spec
    if spec.mode != "training":
        return f"is one of {spec.mode}"
    if spec.benchmark != benchmark["name"]:
        return f"trained {spec.benchmark}, not {benchmark['name']}"
    differing = different_options(manifest.config["benchmark"], benchmark)
    if differing:
        return f"trained a model with {differing}"
    if not model_of(run).exists():
        return "left no model (checkpoint/model.pt): it did not end, or ran with benchmark.training.keep_model=false"
    return ""


def different_options(trained: BenchmarkSettings, wanted: BenchmarkSettings) -> str:
    """Return the options by which a trained model is not the wanted one: "layers=2, not 4"; "" if it is that."""
    compare = getattr(option_classes(wanted).get("model"), "compare_trained", compare_all)
    found, asked = compare(trained, wanted)
    return ", ".join(
        f"{option}={found.get(option)}, not {asked.get(option)}"
        for option in {**found, **asked}
        if found.get(option) != asked.get(option)
    )


def compare_all(trained: BenchmarkSettings, wanted: BenchmarkSettings) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return of each what has to be the same where a benchmark does not say: the method, the data set, and the model.
    What other data set a model can do with, its benchmark says, or who names its file.
    """
    one, other = (
        {
            "method": settings.get("method", ONLY_METHOD),
            "dataset": settings.get("dataset_name", settings["name"]),
            **settings["model"],
        }
        for settings in (trained, wanted)
    )
    return one, other


def model_of(run: RunDirectory) -> Path:
    """Return the path of the trained model, or else of the newest training state."""
    return run.weights if run.weights.exists() else run.checkpoint / "state.pt"


def quality_rank(run: RunDirectory, quality: QualitySettings) -> float:
    """Return the run's quality, higher for better; the lowest possible value if none was measured."""
    attempts = run.attempts()
    deciding = run.attempt(run.deciding_attempt(attempts[-1].number)) if attempts else None
    result = read_record_if_whole(deciding.result, Result) if deciding else None
    value = result["quality"]["all"].get(quality["metric"]) if result else None
    if value is None:
        return float("-inf")
    return float(value) if quality["higher_is_better"] else -float(value)
