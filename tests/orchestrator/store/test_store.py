"""The store keeps each run once, whoever puts it in and how often."""

import sqlite3
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event

from orchestrator.analysis.courses import COLUMNS
from orchestrator.analysis.history import TREND_COLUMNS
from orchestrator.store.entries import RunRow
from orchestrator.store.store import RunRecord, Store, StoreError, default_url


def record(run: str = "stemdl-small-mpi-n1-r0", **changes: Any) -> RunRecord:
    row = {
        "campaign": "c", "run": run, "benchmark": "stemdl", "cluster": "local", "comm": "mpi", "mode": "training",
        "recipe": "small", "scale": "single", "nodes": 1, "ranks": 2, "repeat": 0, "seed": 1, "state": "completed",
        "attempts": 1, "cause": None, "created": 1.0, "directory": "/d", "config_hash": "h",
        "manifest": '{"config": {}}', **changes,
    }  # fmt: skip
    return RunRecord(
        cast(RunRow, row),
        ranks=[
            {"rank": rank, "host": "h", "node": 0, "local_rank": 0, "device": "cpu", "throughput": 1.0}
            for rank in range(2)
        ],
        evaluations=[{"number": 0, "seconds": 1.0, "epoch": 1, "value": 0.5}],
        phases=[{"name": "train", "seconds": 2.0}],
    )


def test_putting_a_run_twice_keeps_it_once_as_it_was_last(tmp_path: Path) -> None:
    store = Store(default_url(tmp_path))
    store.put(record(state="failed", cause="rank 1 died"))
    store.put(record(attempts=2))
    (stored,) = store.campaign("c")
    assert (stored.run["state"], stored.run["cause"]) == ("completed", None)
    assert (len(stored.ranks), len(stored.evaluations), len(stored.phases)) == (2, 1, 1)


def test_collectors_writing_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    url = default_url(tmp_path)
    Store(url)

    def put_all() -> None:
        store = Store(url)
        for number in range(10):
            store.put(record(f"run-{number}"))

    threads = [threading.Thread(target=put_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = Store(url).campaign("c")
    assert sorted(item.run["run"] for item in stored) == sorted(f"run-{number}" for number in range(10))
    assert all(len(item.ranks) == 2 for item in stored)


def test_campaigns_are_listed_newest_first(tmp_path: Path) -> None:
    store = Store(default_url(tmp_path))
    store.put(record(campaign="old", created=1.0))
    store.put(record(campaign="new", created=2.0))
    assert store.campaigns() == ["new", "old"]


@pytest.mark.parametrize("url", ["nonsense", "unknowndb://host/db", "sqlite:////proc/nowhere/store.sqlite"])
def test_a_store_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises(StoreError):
        Store(url)


def test_time_spent_waiting_is_read_back_by_its_name_and_kept_in_the_column_of_version_0_1(tmp_path: Path) -> None:
    kept = record()
    kept.ranks = [{**rank, "waiting_s": 3.0} for rank in kept.ranks]
    store = Store(default_url(tmp_path))
    store.put(kept)
    (stored,) = store.campaign("c")
    assert [rank["waiting_s"] for rank in stored.ranks] == [3.0, 3.0]
    assert [row["waiting_s"] for row in store.host_history()] == [3.0]
    with sqlite3.connect(tmp_path / "store.sqlite") as database:
        assert database.execute("select communicate_s from host").fetchall() == [(3.0,)]


@pytest.mark.parametrize("columns", [TREND_COLUMNS, COLUMNS])
def test_a_history_is_read_from_an_index_without_the_documents_of_all_runs(
    tmp_path: Path, columns: tuple[str, ...]
) -> None:
    store = Store(default_url(tmp_path))
    store.put(record())
    asked: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda _c, _k, text, values, *_: asked.append((text, values)))
    store.history(columns=columns)
    statement, values = next(one for one in asked if one[0].startswith("SELECT"))
    with store.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert any("COVERING INDEX ix_run_series" in str(step) for step in plan)
