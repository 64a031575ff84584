"""The loader reads ahead, keeps the order, and passes errors on."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from accelerators import needs_accelerator

from workloads.runtime.samples import loader as loader_module
from workloads.runtime.samples.loader import BatchesOfStep, DeviceCopies, Loader, readers_for
from workloads.runtime.samples.sampleset import Arrays, SampleSet
from workloads.runtime.task import Batch


class Squares(SampleSet):
    """Samples whose value is their index squared."""

    def __init__(self, broken: int | None = None, slow_first: bool = False) -> None:
        self.broken, self.slow_first = broken, slow_first
        self.reads = 0
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return 100

    def read(self, indices: np.ndarray, out: Arrays | None = None) -> Arrays:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        if self.broken is not None and self.broken in indices:
            raise OSError("the file is damaged")
        if self.slow_first and indices[0] % 16 == 0:
            time.sleep(0.01)
        if out is None:
            return {"x": indices.astype(np.float32) ** 2}
        out["x"][: len(indices)] = indices**2
        return {"x": out["x"][: len(indices)]}


REQUESTS = [np.arange(start, min(start + 8, 43)) for start in range(0, 43, 8)]


@pytest.mark.parametrize("readers", [1, 2, 5, 20])
def test_batches_come_in_order_and_whole(readers: int) -> None:
    loader = Loader(Squares(slow_first=True), largest=8, readers=readers)
    for _ in range(2):
        seen = [batch["x"].copy() for batch in loader.iterate(REQUESTS)]
        np.testing.assert_array_equal(np.concatenate(seen), np.arange(43) ** 2)


MANY = [np.arange(start, start + 2) for start in range(0, 100, 2)]


@pytest.mark.parametrize(("readers", "at_once"), [(1, 8), (2, 1)])
def test_reading_happens_ahead_in_threads_of_its_own(readers: int, at_once: int) -> None:
    samples = Squares()
    loader = Loader(samples, largest=2, readers=readers)
    batches = loader.iterate(MANY)
    next(batches)
    assert loader.at_once == at_once
    ahead = 1 + len(loader.buffers) // at_once * at_once  # what a sample looks like, and every buffer
    for _ in range(1000):
        if samples.reads == ahead:
            break
        time.sleep(0.001)
    assert samples.reads == ahead
    assert any(name.startswith("loader") for name in samples.threads)
    batches.close()


def test_one_thread_reads_several_small_batches_at_once_and_large_ones_one_by_one() -> None:
    class Wide(Squares):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.width = width

        def read(self, indices: np.ndarray, out: Arrays | None = None) -> Arrays:
            made = np.repeat(indices[:, None] ** 2, self.width, 1).astype(np.float32)
            if out is None:
                return {"x": made}
            out["x"][: len(indices)] = made
            return {"x": out["x"][: len(indices)]}

    for width, at_once in ((1, 8), (2**15, 4), (2**18, 1)):
        loader = Loader(Wide(width), largest=2, held=2)
        assert loader.at_once == at_once
        before = None
        for number, batch in enumerate(loader.iterate(MANY[:23])):
            np.testing.assert_array_equal(batch["x"][:, -1], MANY[number] ** 2)
            # Those of the batch before are there yet, as they are for a step that goes through its batches twice.
            if before is not None:
                np.testing.assert_array_equal(before["x"][:, 0], MANY[number - 1] ** 2)
            before = batch
        assert number == 22


def test_several_readers_read_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=30)

    class Meeting(Squares):
        def read(self, indices: np.ndarray, out: Arrays | None = None) -> Arrays:
            if out is not None:
                meeting.wait()  # which one thread alone would wait for in vain
            return super().read(indices, out)

    batches = list(Loader(Meeting(), largest=8, readers=3).iterate(REQUESTS))
    assert len(batches) == len(REQUESTS) == 6


@pytest.mark.parametrize(
    ("device", "cores", "readers"), [("cpu", 64, 1), ("cuda", 1, 1), ("cuda", 3, 2), ("cuda", 16, 4)]
)
def test_more_than_one_reads_where_an_accelerator_computes(device: str, cores: int, readers: int) -> None:
    assert readers_for(torch.device(device), cores) == readers


def test_an_error_while_reading_reaches_the_training_loop() -> None:
    batches = Loader(Squares(broken=20), largest=8).iterate(REQUESTS)
    with pytest.raises(OSError, match="damaged"):
        list(batches)


def test_stopping_early_ends_the_threads() -> None:
    before = threading.active_count()
    batches = Loader(Squares(), largest=8, readers=2).iterate(REQUESTS)
    next(batches)
    batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda:0", marks=needs_accelerator)])
def test_a_device_that_lags_behind_gets_each_batch_as_it_was_read(device: str) -> None:
    place = torch.device(device)
    kept = []
    loader = Loader(Squares(), largest=8, pin=place.type == "cuda", readers=2)
    for batch in loader.on_device(REQUESTS, place):
        kept.append(batch["x"].clone())
        if place.type == "cuda":
            torch.cuda._sleep(100_000_000)  # cycles: the next batch is read long before it can be taken
    np.testing.assert_array_equal(torch.cat(kept).cpu().numpy(), np.arange(43) ** 2)


class Timeline:
    """A host and an accelerator that copies a batch in 10 ms, which the host takes 1 ms to ask for."""

    def __init__(self) -> None:
        self.now, self.busy_until = 0.0, 0.0

    def work(self, seconds: float) -> None:
        """The accelerator has so much more to do."""
        self.busy_until = max(self.now, self.busy_until) + seconds

    def copy(self, arrays: Arrays, device: torch.device) -> Batch:
        self.work(0.010)
        self.now += 0.001
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def event(self, enable_timing: bool) -> Any:
        timeline = self

        class Event:
            at = 0.0

            def record(self) -> None:
                self.at = max(timeline.now, timeline.busy_until)

            def synchronize(self) -> None:
                timeline.now = max(timeline.now, self.at)

            def elapsed_time(self, later: Event) -> float:
                return 1e3 * (later.at - self.at)

        return Event()


@pytest.mark.parametrize("parts", [1, 3])
def test_copies_to_an_accelerator_are_waiting_for_data_and_its_computing_meanwhile_is_not(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline, copies = Timeline(), DeviceCopies()
    monkeypatch.setattr(torch.cuda, "Event", timeline.event)
    monkeypatch.setattr(loader_module, "to_device", timeline.copy)
    monkeypatch.setattr(loader_module, "clock", lambda: timeline.now)
    monkeypatch.setattr(loader_module, "seconds_since", lambda begin: timeline.now - begin)
    batches = Loader(Squares(), largest=8).on_device(REQUESTS, torch.device("cuda"), copies)
    for _ in range(2):
        step = BatchesOfStep(batches, repeated=False)
        for part in range(parts):
            step.at(part)
            timeline.work(0.1)
        timeline.now = timeline.busy_until
        assert step.waited + copies.take(-step.waited, 1.0) == pytest.approx(0.010 * parts, abs=1e-9)
    batches.close()


def test_what_copies_took_is_within_what_the_host_knows_and_is_told_once() -> None:
    timeline, copies = Timeline(), DeviceCopies()
    begun, taken = timeline.event(True), timeline.event(True)
    begun.record()
    timeline.work(0.010)
    taken.record()
    copies.started, copies.stalled = [(begun, taken, 0.0)], 0.0
    assert [copies.take(0.0, 0.002) for _ in range(2)] == [0.002, 0.0]
    copies.started, copies.stalled = [(begun, taken, 0.0)], 5.0
    assert copies.take(-0.1, 0.002) == -0.1
