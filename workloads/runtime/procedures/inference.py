"""The inference procedure: how fast a trained model answers, and how well. Every rank holds the model and takes its
share of the samples.

Four questions, in this order: how long until the model is there; how long one sample takes; how many samples a second
by batch size, out of memory; and how many from file to prediction, over the whole evaluation set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from orchestrator.records import Counted, Latency, ProcedureResult
from workloads.runtime.measurement.clocks import clock, moment, refuse_impossible, seconds_since
from workloads.runtime.measurement.telemetry import Telemetry
from workloads.runtime.procedures.compilation import compiled
from workloads.runtime.procedures.divergence import Answers, refuse_divergence
from workloads.runtime.procedures.evaluation import autocast, batches_of_share, evaluate, evaluation_loaders
from workloads.runtime.procedures.procedure import ModelProcedure, RunContext
from workloads.runtime.procedures.quality import quality_entry
from workloads.runtime.procedures.weights import digest, load_weights
from workloads.runtime.samples.loader import Loader, readers_for
from workloads.runtime.samples.sampler import share
from workloads.runtime.task import Arrays, to_device


class Inference(ModelProcedure):
    """Measures one task's model on all ranks together."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        communicator = self.communicator
        self.training = self.suited.applied_to(self.spec.settings)["training"]
        self.settings = self.spec.settings["inference"]
        samples = self.task.evaluation_set
        # Ranks with a sample less than others still take part in every step.
        largest_share = -(-len(samples) // communicator.size)
        self.batches = -(-largest_share // self.training["evaluation_batch_size"])
        self.telemetry = Telemetry(self.settings["passes"] * self.batches)
        # Rank by rank from another place on, and round again where the set is small.
        first = share(np.arange(len(samples)), communicator.rank, communicator.size)[:1]
        begin = int(first[0]) if len(first) else 0
        self.own = (begin + np.arange(max(self.settings["batch_sizes"]))) % len(samples)
        self.forward: nn.Module
        self.facts: dict[str, Any] = {}

    def run(self) -> ProcedureResult | None:
        """All measurements; returns the result's entries on rank 0. Raises CheckpointError."""
        self.progress.epochs, self.progress.steps_per_epoch = self.settings["passes"], self.batches
        self.progress.metric, self.progress.target = self.quality["metric"], self.quality["target"]
        self.enter("load")
        load = self.load()
        pool = self.task.evaluation_set.read(self.own)
        loader = Loader(
            self.task.evaluation_set,
            self.training["evaluation_batch_size"],
            pin=self.device.type == "cuda",
            readers=readers_for(self.device, self.spec.threads_per_rank),
        )
        with torch.inference_mode(), autocast(self.device, self.training):
            self.enter("latency")
            buffer = {name: np.empty_like(array[:1]) for name, array in pool.items()}
            in_memory = self.latencies(lambda at: {name: array[at : at + 1] for name, array in pool.items()})
            from_file = self.latencies(lambda at: self.task.evaluation_set.read(self.own[at : at + 1], buffer))
            self.enter("throughput")
            rates = np.array([self.rate(pool, size) for size in self.settings["batch_sizes"]])
            self.enter("end_to_end")
            start = moment()
            for number in range(self.settings["passes"]):
                self.pass_over_set(number, loader)
        self.enter("evaluate")
        loaders = {"": loader}
        if self.task.evaluation_sets.keys() != {""}:
            loaders = evaluation_loaders(self.task, self.training["evaluation_batch_size"], loader.pin, loader.readers)
        when = "with the weights that were loaded"
        with Answers(self.model, when) as answers:
            values = evaluate(
                self.task, self.model, loaders, self.communicator, self.device, self.training, self.progress, True
            )
        refuse_divergence(self.quality["metric"], values, None, self.model, when, answers)
        value = self.progress.quality = values[self.quality["metric"]]
        self.telemetry.evaluations.append((moment() - start, self.settings["passes"], value))
        self.telemetry.leave()
        self.telemetry.further = {
            "inference/load": load,
            "inference/latency": in_memory,
            "inference/latency_from_file": from_file,
            "inference/samples_per_s": rates,
        }
        gathered = {name: self.communicator.gather(array) for name, array in self.telemetry.further.items()}
        return self.describe(gathered, values) if self.communicator.rank == 0 else None

    def load(self) -> npt.NDArray[np.float64]:
        """Seconds (1,) from nothing to the model on the device, with its trained weights if there are any."""
        path = self.settings["checkpoint"]
        self.together()
        begin = clock()
        # Without a checkpoint every rank draws the same weights.
        torch.manual_seed(self.spec.seed)
        self.model = self.task.build_model().to(self.device)
        if path:
            self.facts = load_weights(Path(path), self.model, self.device)
        if self.training["channels_last"]:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model.eval()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = seconds_since(begin)
        self.forward = compiled(self.model, self.device) if self.training["compile"] else self.model
        return np.array([seconds])

    def predict(self, arrays: Arrays) -> None:
        """From arrays in the host's memory to predictions in the host's memory."""
        predicted = self.task.predict(self.forward, to_device(arrays, self.device))
        for tensor in predicted.values() if isinstance(predicted, dict) else [predicted]:
            tensor.cpu()
        self.progress.changes += 1

    def latencies(self, take: Callable[[int], Arrays]) -> npt.NDArray[np.float64]:
        """Seconds of single samples, (latency_samples,), after some that are not timed. ``take`` gets the sample."""
        taken = np.arange(self.settings["warm_up"] + self.settings["latency_samples"]) % len(self.own)
        self.together()
        marks = np.empty((len(taken), 2))
        for row, index in zip(marks, taken.tolist(), strict=True):
            row[0] = clock()
            self.predict(take(index))
            row[1] = clock()
        seconds: npt.NDArray[np.float64] = (marks[:, 1] - marks[:, 0])[self.settings["warm_up"] :]
        return np.array([refuse_impossible(each) for each in seconds.tolist()])

    def rate(self, pool: Arrays, size: int) -> float:
        """Samples per second in batches of ``size`` out of memory, kept up by all ranks for the seconds asked for."""
        starts = range(0, len(self.own) - size + 1, size)
        self.predict({name: array[:size] for name, array in pool.items()})
        self.together()
        begin, done = clock(), 0
        while (elapsed := seconds_since(begin)) < self.settings["seconds_per_batch_size"] or not done:
            start = starts[done % len(starts)]
            self.predict({name: array[start : start + size] for name, array in pool.items()})
            done += 1
        return done * size / elapsed

    def pass_over_set(self, number: int, loader: Loader) -> None:
        """From file to predictions over this rank's share of the evaluation set, each batch timed as a step."""
        requests = batches_of_share(
            len(self.task.evaluation_set),
            self.training["evaluation_batch_size"],
            self.communicator.rank,
            self.communicator.size,
        )
        self.together()
        arrays = loader.iterate(requests)
        begun, samples = clock(), 0
        for step in range(self.batches):
            begin = received = clock()
            count = len(requests[step]) if step < len(requests) else 0
            if count:
                batch = next(arrays)
                received = clock()
                self.predict(batch)
            self.telemetry.step(seconds_since(begin), received - begin, 0.0, number, count)
            samples += count
            self.progress.epoch, self.progress.step = number + 1, self.progress.step + 1
            self.progress.samples_per_s = samples * self.communicator.size / seconds_since(begun)
        arrays.close()

    def describe(
        self, gathered: Mapping[str, npt.NDArray[np.float64] | None], values: dict[str, float]
    ) -> ProcedureResult:
        """What goes into the result, on rank 0, from the ranks' measurements (R, …)."""
        load, latency, from_file, rates = (np.asarray(array) for array in gathered.values())
        counted: Counted = {}
        if self.task.predicted is not None:
            unit, number, what = self.task.predicted
            counted["predicted"] = {"unit": unit, "per_sample": number, "what": what}
        path = self.settings["checkpoint"]
        return {
            "stopped": None,
            "quality": quality_entry(self.quality, values),
            "time_to_accuracy_s": None,
            "inference": {
                "weights": {
                    "source": "checkpoint" if path else "initialised",
                    "path": path,
                    "sha256": digest(Path(path)) if path else None,
                    "campaign": self.facts.get("campaign"),
                    "run": self.facts.get("run"),
                },
                "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
                "precision": self.training["precision"],
                "channels_last": self.suited.channels_last,
                "compile": self.training["compile"],
                "load_s": {"slowest": float(load.max()), "per_rank": load.ravel().tolist()},
                "latency_ms": {"memory": latency_summary(latency), "file": latency_summary(from_file)},
                "throughput": [
                    {"batch_size": size, "samples_per_s": float(column.sum()), "per_rank": column.tolist()}
                    for size, column in zip(self.settings["batch_sizes"], rates.T, strict=True)
                ],
                "end_to_end": {
                    "batch_size": self.training["evaluation_batch_size"],
                    "passes": self.settings["passes"],
                    "samples": len(self.task.evaluation_set),
                },
                **counted,
            },
        }

    def together(self) -> None:
        """Wait until every rank is here: they then load the machine together."""
        self.progress.collective = True
        self.communicator.barrier()
        self.progress.collective = False


def latency_summary(seconds: npt.NDArray[np.floating]) -> Latency:
    """Percentiles and mean, in milliseconds, over the latencies of all ranks (R, n).

    A percentile p is the least latency that was measured and that at least p % of all do not exceed (the nearest rank,
    as MLPerf's inference rules count it).
    """
    milliseconds = 1000 * np.asarray(seconds, np.float64).ravel()
    p50, p90, p99 = np.percentile(milliseconds, (50, 90, 99), method="inverted_cdf").tolist()
    return {
        "batch_size": 1,
        "n": milliseconds.size,
        "mean": float(milliseconds.mean()),
        "p50": p50,
        "p90": p90,
        "p99": p99,
        "max": float(milliseconds.max()),
    }
