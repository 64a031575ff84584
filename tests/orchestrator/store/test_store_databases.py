"""What every database must do alike: SQLite, and a real PostgreSQL where its server programs are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres import PostgreSQL, running_postgres
from sqlalchemy import event, text
from test_store import record

from orchestrator.config.redaction import hide, redact
from orchestrator.store import transfer
from orchestrator.store.engine import open_engine
from orchestrator.store.entries import KEY, columns_of
from orchestrator.store.store import Store, StoreError, default_url

WRITER = """
import os, sys; sys.path[:0] = sys.argv[2:]
from test_store import record
from orchestrator.store.store import Store
store = Store(sys.argv[1])
for number in range(20):
    store.put(record(f"same-{number}"))
    store.put(record("own", campaign=f"own-{number}-{os.getpid()}"))
"""


@pytest.fixture(scope="session")
def server() -> Iterator[PostgreSQL]:
    with running_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return default_url(tmp_path)
    address = str(request.getfixturevalue("server").url)
    engine = open_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return address


@pytest.mark.quick(1)
def test_four_processes_lose_and_double_nothing(url: str) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, url, here, str(Path(here).parents[1])]
    writers = [subprocess.Popen(command) for _ in range(4)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    store = Store(url)
    assert len(store.campaign("c")) == 20
    assert store.count() == 20 + 4 * 20
    assert all(len(item.ranks) == 2 and len(item.phases) == 1 for item in store.campaign("c"))


def test_what_is_known_better_stays(url: str) -> None:
    store = Store(url)
    store.put(record())
    store.put(record(state="lost"))
    store.put(record(state="running"))
    assert [item.run["state"] for item in store.campaign("c")] == ["completed"]


def test_history_has_weeks_and_is_narrowed(url: str) -> None:
    store = Store(url)
    store.put_all([record(f"r{day}", created=86400.0 * day) for day in (20, 3, 10)])
    store.put(record("other", benchmark="em_denoise", created=86400.0))
    rows = store.history("stemdl", "local", since=4 * 86400.0)
    assert [(row["run"], row["week"]) for row in rows] == [("r10", "1970-W02"), ("r20", "1970-W04")]
    assert [(row["host"], row["ranks"]) for row in store.host_history("stemdl")] == [("h", 2)] * 3


READINGS: dict[str, Callable[[Store], object]] = {
    "campaign": lambda store: store.campaign("c"),
    "history": lambda store: store.history(columns=("key", "created", "throughput")),
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_a_run_that_is_deleted_during_a_reading_is_read_whole(url: str, read: Callable[[Store], object]) -> None:
    if not url.startswith("postgresql"):
        pytest.skip("SQLite lets nobody write during a reading")
    store, other = Store(url), open_engine(url)
    store.put(record())
    whole = read(store)

    def delete_all(*_: object) -> None:
        with other.begin() as connection:
            connection.execute(text("DELETE FROM run"))

    event.listen(store.engine, "after_cursor_execute", delete_all)
    assert whole and read(store) == whole
    event.remove(store.engine, "after_cursor_execute", delete_all)
    assert not read(store)
    other.dispose()


@pytest.mark.parametrize("name", ["copy.sqlite", "copy.parquet"])
def test_export_and_import_return_the_same_runs(url: str, tmp_path: Path, name: str) -> None:
    store = Store(url)
    store.put_all([record(f"r{number}") for number in range(3)])
    back = Store(f"sqlite:///{tmp_path / 'back.sqlite'}")
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
        transfer.write_parquet(store, tmp_path / name)
        for _ in range(2):
            for batch in transfer.read_parquet(tmp_path / name):
                back.put_all(batch)
    else:
        middle = Store(transfer.url_of(str(tmp_path / name)))
        transfer.copy_store(store, middle)
        transfer.copy_store(middle, back)
    assert back.campaign("c") == store.campaign("c")


ADDED = {
    3: ("energy_j", "energy_to_accuracy_j", "step_times"),
    4: ("method",),
    5: ("throughput_unit",),
    6: ("processors",),
    8: ("threads_per_rank", "global_batch"),
    9: ("series",),
}
"""The columns of a run that each version of the store has added."""


def take_back(store: Store, version: int) -> None:
    """Make the store what it was in an earlier version."""
    with store.engine.begin() as connection:
        connection.execute(text("DROP INDEX IF EXISTS ix_run_series"))
        for column in (name for added, names in ADDED.items() if added > version for name in names):
            connection.execute(text(f"ALTER TABLE run DROP COLUMN {column}"))
        connection.execute(text("UPDATE schema_version SET version = :version"), {"version": version})
    store.engine.dispose()


def test_a_store_of_version_2_is_brought_up_to_date_and_keeps_its_runs(url: str) -> None:
    store = Store(url)
    store.put_all([record(f"r{number}") for number in range(3)])
    before = store.campaign("c")
    take_back(store, 2)
    again = Store(url)
    assert again.campaign("c") == before
    again.put(record("r3", energy_j=5.0, energy_to_accuracy_j=4.0))
    assert {item.run["run"]: item.run["energy_j"] for item in again.campaign("c")}["r3"] == 5.0


def test_a_store_of_version_3_gets_methods_and_the_data_sets_of_runs_that_failed(url: str) -> None:
    store = Store(url)
    store.put_all([record("well"), record("failed", state="failed")])
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE run SET dataset_name = NULL WHERE run = 'failed'"))
    take_back(store, 3)
    again = Store(url)
    assert {row["run"]: (row["dataset_name"], row["method"]) for row in again.history(states=None)} == {
        "well": ("stemdl", "reference"), "failed": ("stemdl", "reference"),
    }  # fmt: skip
    again.put(record("new", benchmark="family", dataset_name="apples", method="clever"))
    assert [row["run"] for row in again.history(dataset="apples", method="clever")] == ["new"]
    assert [row["run"] for row in again.history(method="reference")] == ["well"]


def test_a_store_of_version_4_learns_of_its_results_what_throughputs_count(url: str) -> None:
    store = Store(url)
    results = {"early": {"training": {}}, "plain": {"training": {"unit": "samples"}},
               "words": {"training": {"unit": "tokens"}}, "failed": None}  # fmt: skip
    store.put_all([record(name, result=json.dumps(told) if told else None) for name, told in results.items()])
    take_back(store, 4)
    assert {row["run"]: row["throughput_unit"] for row in Store(url).history(states=None)} == {
        "early": "samples/s", "plain": "samples/s", "words": "tokens/s", "failed": "samples/s",
    }  # fmt: skip


def test_a_store_of_version_5_learns_of_its_results_which_processors_ran(url: str) -> None:
    store = Store(url)
    kind = {"name": "AMD EPYC 7763", "microcode": "0xa0011ce", "ranks": 4}
    told = {"new": {"world": {"processors": [kind, {"name": "Arm Neoverse-V2", "ranks": 8}]}}, "early": {"world": {}}}
    store.put_all([record(name, result=json.dumps(result)) for name, result in told.items()])
    take_back(store, 5)
    assert {row["run"]: row["processors"] for row in Store(url).history(states=None)} == {
        "new": "Arm Neoverse-V2; AMD EPYC 7763 (microcode 0xa0011ce)", "early": None,
    }  # fmt: skip


def test_a_store_of_version_7_learns_of_its_manifests_how_much_work_runs_did(url: str) -> None:
    store = Store(url)
    spec = {"mode": "training", "nodes": 2, "ranks_per_node": 4, "threads_per_rank": 3}
    training = {"batch_size": 16, "accumulate": 2, "global_batch_size": None}
    told: dict[str, Any] = {
        "weak": {"spec": {**spec, "settings": {"training": training}}},
        "strong": {"spec": {**spec, "settings": {"training": {**training, "global_batch_size": 32}}}},
        "probe": {"spec": {**spec, "mode": "probe", "settings": {"training": training}}},
        "imported": {},
    }
    store.put_all([record(name, manifest=json.dumps({"config": {}, **manifest})) for name, manifest in told.items()])
    take_back(store, 7)
    found = {row["run"]: (row["global_batch"], row["threads_per_rank"]) for row in Store(url).history(states=None)}
    assert found == {"weak": (256, 3), "strong": (32, 3), "probe": (None, 3), "imported": (None, None)}


def test_a_store_of_version_8_learns_which_runs_are_of_one_series(url: str) -> None:
    store = Store(url)
    store.put_all([record("a"), record("b"), record("wide", nodes=2), record("threaded", threads_per_rank=3)])
    read = ("key", "run", "created")
    before = store.history(columns=read)
    keys = {row["run"]: row["key"] for row in before}
    assert keys["a"] == keys["b"] and len(set(keys.values())) == 3
    assert keys == {row["run"]: columns_of(row, KEY) for row in store.history()}
    take_back(store, 8)
    assert Store(url).history(columns=read) == before


def test_a_newer_store_is_refused(url: str) -> None:
    with Store(url).engine.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(StoreError, match="newer than this program's"):
        Store(url)


def test_a_user_without_rights_is_told_what_to_ask_for(url: str) -> None:
    if not url.startswith("postgresql"):
        pytest.skip("SQLite has no users")
    with Store(url).engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS guest"))
        connection.execute(text("CREATE ROLE guest LOGIN"))
    with pytest.raises(StoreError, match="GRANT"):
        Store(url.replace("owner@", "guest:hunter22@")).count()


def test_secrets_are_hidden() -> None:
    assert "hunter" not in hide("cannot open postgresql://u:hunter@h/d")
    assert "hunter" not in hide("postgresql://u@h/d?password=hunter")
    assert redact({"a": {"API_KEY": "x"}, "url": "p://u:hunter@h"}) == {"a": {"API_KEY": "***"}, "url": "p://u:***@h"}
