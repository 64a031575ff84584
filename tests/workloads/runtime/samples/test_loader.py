"""The loader reads ahead, keeps the order, and passes errors on."""

import threading
import time

import numpy as np
import pytest
import torch
from accelerators import needs_accelerator

from workloads.runtime.samples.loader import Loader, readers_for
from workloads.runtime.samples.sampleset import Arrays, SampleSet


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
