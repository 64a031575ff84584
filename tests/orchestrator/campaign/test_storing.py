"""The store beside the watch: rows wait for it, and the watch does not."""

from __future__ import annotations

import time
from typing import Any

from orchestrator.campaign.storing import Storing
from orchestrator.store.store import RunRecord, StoreError


def test_watching_does_not_wait_for_the_store_and_late_rows_are_put_at_the_end() -> None:
    class Slow:
        def __init__(self) -> None:
            self.put_together: list[Any] = []

        def put(self, record: Any) -> None:
            time.sleep(0.3)
            raise StoreError("the store is locked")

        def put_all(self, records: Any) -> int:
            self.put_together += records
            return len(records)

    slow = Slow()
    storing = Storing(slow)  # type: ignore[arg-type]
    began = time.monotonic()
    for number in range(5):
        storing.put(number)  # type: ignore[arg-type]
    assert time.monotonic() - began < 0.2
    assert storing.finish() == [] and slow.put_together == [0, 1, 2, 3, 4]
    assert time.monotonic() - began < 1.2, "after one failure the store is left alone until the end"


def test_a_store_that_stays_away_is_told_once() -> None:
    class Away:
        def put(self, record: Any) -> None:
            raise StoreError("away")

        def put_all(self, records: Any) -> int:
            raise StoreError("still away")

    storing = Storing(Away())  # type: ignore[arg-type]
    for number in range(3):
        storing.put(number)  # type: ignore[arg-type]
    assert storing.finish() == ["still away"]


def test_a_record_that_the_store_stumbles_over_is_told_and_the_others_are_written() -> None:
    """Whatever it stumbles over: a thread that died of it would leave all others unwritten, and tell nobody."""

    class Stumbling:
        def __init__(self) -> None:
            self.written: list[Any] = []

        def put(self, record: Any) -> None:
            self.put_all([record])

        def put_all(self, records: Any) -> int:
            if any(record.run["run"] == "r1" for record in records):
                raise ValueError("half of a character")
            self.written += [record.run["run"] for record in records]
            return len(records)

    store = Stumbling()
    storing = Storing(store)  # type: ignore[arg-type]
    for number in range(4):
        storing.put(RunRecord({"campaign": "c", "run": f"r{number}"}))  # type: ignore[typeddict-item]
    assert storing.finish() == ["c/r1 is not stored: ValueError: half of a character"]
    assert store.written == ["r0", "r2", "r3"]
