"""A database may be another program's, and a row anybody's: neither is written to, and neither breaks what reads."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from stored import failed_run, stored_run

from orchestrator.doctor.installation import examine_store
from orchestrator.report.document import report_document
from orchestrator.store import tables
from orchestrator.store.checking import right_rows, trouble_of
from orchestrator.store.entries import KEY, RunRow
from orchestrator.store.migrations import APPLICATION_ID
from orchestrator.store.ranks import RankTable
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store, StoreError, default_url
from orchestrator.store.transfer import put_whole, read_parquet, write_parquet


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of three runs."""
    made = Store(default_url(tmp_path))
    made.put_all([stored_run(tmp_path / "runs", repeat=repeat) for repeat in range(3)])
    return made


def change(store: Store, order: str, *values: object) -> None:
    """Change a store behind the program's back."""
    with sqlite3.connect(str(store.engine.url.database)) as database:
        database.execute(order, values)
    database.close()


@pytest.mark.parametrize(
    "order",
    [
        "CREATE TABLE theirs (id INTEGER)", "CREATE TABLE run (id INTEGER, title TEXT)", "PRAGMA application_id=77",
        "CREATE TABLE schema_version (version INTEGER)",
        "CREATE TABLE run (id, campaign, run, benchmark, cluster, state, created, throughput, manifest)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("create", [True, False])
def test_another_programs_database_is_left_as_it_is(tmp_path: Path, order: str, create: bool) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as theirs:
        theirs.execute(order)
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database"):
        Store(f"sqlite:///{path}", create)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", ["NULL", "'text'", "-3", "0"])
def test_a_store_that_does_not_say_its_version_is_left_as_it_is(store: Store, version: str) -> None:
    change(store, "DELETE FROM schema_version")
    change(store, "ALTER TABLE schema_version RENAME TO other")
    change(store, "CREATE TABLE schema_version (version)")
    change(store, f"INSERT INTO schema_version VALUES ({version})")
    change(store, "DROP TABLE other")
    with pytest.raises(StoreError, match="does not say which version"):
        Store(store.url)


def test_what_only_reads_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        Store(default_url(tmp_path), create=False)
    assert not list(tmp_path.iterdir())
    (tmp_path / "store.sqlite").touch()
    with pytest.raises(StoreError, match="which is empty"):
        Store(default_url(tmp_path), create=False)
    assert (tmp_path / "store.sqlite").read_bytes() == b""


def test_a_store_is_its_owners_alone_and_says_whose_file_it_is(store: Store) -> None:
    path = Path(str(store.engine.url.database))
    assert path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    database.close()


def test_a_store_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a plain file"):
        Store(f"sqlite:///{tmp_path}")


BAD: list[dict[str, Any]] = [
    {"created": math.inf}, {"created": -1.0}, {"created": "yesterday"}, {"throughput": -5.0}, {"throughput": math.nan},
    {"nodes": 0}, {"ranks": -1}, {"ranks": 7}, {"seed": 2**70}, {"state": "splendid"}, {"state": None},
    {"manifest": "{"}, {"manifest": "[]"}, {"manifest": '{"planned": -1}'}, {"manifest": '{"config": 3}'},
    {"manifest": ""}, {"manifest": '{"schema": 1}'}, {"manifest": '{"config": {"comm": "smoke"}}'},
    {"result": '{"training": {"samples": -3}}'}, {"result": '{"world": {"hosts": 3}}'}, {"result": '{"a": NaN}'},
    {"step_times": "[]"}, {"git_dirty": "perhaps"}, {"campaign": None}, {"time_to_accuracy_s": -1.0},
]  # fmt: skip


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_nothing_enters_a_store_that_is_no_run_of_this_program(
    tmp_path: Path, store: Store, changes: dict[str, Any]
) -> None:
    record = stored_run(tmp_path / "more", name="bad")
    record.run.update(cast(RunRow, changes))
    assert trouble_of(record)
    with pytest.raises(StoreError, match="is not stored"):
        store.put_all([stored_run(tmp_path / "more", name="good"), record])
    assert store.count() == 3


def test_measures_of_ranks_and_evaluations_are_checked_too(tmp_path: Path) -> None:
    record = stored_run(tmp_path)
    assert not trouble_of(record) and not trouble_of(failed_run(tmp_path))
    infinite = [{**rank, "total_s": math.inf} for rank in record.ranks]
    assert "ranks.total_s" in trouble_of(RunRecord(record.run, cast(Any, infinite)))
    assert trouble_of(RunRecord(record.run, record.ranks, [{"number": 0, "seconds": -1.0, "epoch": 0, "value": None}]))
    assert trouble_of(RunRecord(record.run, record.ranks, [], cast(Any, [{"name": None, "seconds": 1.0}])))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("created", math.inf), ("created", "x"), ("throughput", -1.0), ("state", "splendid"), ("nodes", "many"),
        ("ranks", 10**9), ("manifest", "{"), ("manifest", ""), ("result", "[" * 2000), ("step_times", "{}x"),
        ("campaign", b"\xff"),
        ("throughput_unit", b"x"), ("quality", "good"), ("dataset_source", "real?"), ("time_to_accuracy_s", math.inf),
    ],
)  # fmt: skip
def test_a_bad_row_that_is_there_is_a_failed_run_and_no_other_readers_trouble(
    store: Store, column: str, value: object
) -> None:
    change(store, f"UPDATE run SET {column} = ? WHERE run = ?", value, "stemdl-small-n1-r1")
    assert len(store.history()) == (3 if column in ("manifest", "result", "step_times", "ranks") else 2)
    document = report_document("weekly", store.campaign("weekly"))
    states = {run["run"]: run["state"] for run in document["runs"]}
    others = {"stemdl-small-n1-r0": "completed", "stemdl-small-n1-r2": "completed"}
    assert others.items() <= states.items()
    if column != "campaign":
        (bad,) = (run for run in document["runs"] if run["run"] == "stemdl-small-n1-r1")
        assert bad["state"] == "failed" and "row in the store is damaged" in str(bad["cause"])
    assert store.campaigns() == ["weekly"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("nodes", "many"), ("nodes", 7), ("ranks", -1), ("dataset_split", b"\xff"), ("benchmark", b"x")],
)
@pytest.mark.parametrize("number", range(3))
def test_a_run_whose_key_is_damaged_takes_no_other_of_its_series_along(
    store: Store, number: int, column: str, value: object
) -> None:
    columns = ("key", "created", "throughput")
    whole = store.history(columns=columns)
    assert len(whole) == 3 and len({row["key"] for row in whole}) == 1
    change(store, f"UPDATE run SET {column} = ? WHERE run = ?", value, f"stemdl-small-n1-r{number}")
    assert store.history(columns=columns) == whole
    change(store, f"UPDATE run SET {column} = ?", value)
    known = {row["key"][KEY.index(column)] for row in store.history(columns=columns)}
    assert known == ({7} if value == 7 else set()), "of all that are damaged, only what may be true is told"


def test_a_history_of_many_series_and_runs_is_read_in_parts(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [stored_run(tmp_path / "more", campaign="wide", nodes=n, repeat=r) for n in (1, 2, 4) for r in range(3)]
    store.put_all(more)
    columns = ("key", "created", "throughput")
    whole = store.history(columns=columns)
    assert len(whole) == 12
    for batch in (1, 2, 5):
        monkeypatch.setattr("orchestrator.store.store.BATCH", batch)
        assert store.history(columns=columns) == whole
    change(store, "UPDATE run SET ranks = 'few' WHERE id NOT IN (SELECT min(id) FROM run GROUP BY series)")
    for batch in (1, 2, 5):
        monkeypatch.setattr("orchestrator.store.store.BATCH", batch)
        assert store.history(columns=columns) == whole


@pytest.mark.parametrize(
    "packed",
    [b"", b"x", b"\xff\n", b'{"ranks": 1000000000, "texts": {}, "deflated": 9}\n', b"[" * 5000, 2**62, "x", 1.5],
)
def test_packed_ranks_that_are_none_are_a_value_error(store: Store, packed: Any) -> None:
    with pytest.raises(ValueError, match="damaged"):
        RankTable.unpack(packed)
    change(store, "UPDATE rank_summary SET packed = ?", packed)
    assert {record.run["state"] for record in store.campaign("weekly")} == {"failed"}


def test_a_packed_value_is_not_unpacked_beyond_what_the_ranks_need() -> None:
    import zlib

    bomb = zlib.compress(bytes(10**8), 9)
    for ranks, why in ((2, "buffer size"), (10**7, "not of 10000000 ranks")):
        head = json.dumps({"ranks": ranks, "texts": {"host": ["a"], "device": ["b"]}, "deflated": len(bomb)}).encode()
        with pytest.raises(ValueError, match=f"damaged: .*{why}"):
            RankTable.unpack(head + b"\n" + bomb + bytes(40))


def test_what_is_damaged_is_left_out_of_an_import_and_takes_nobodys_place(tmp_path: Path, store: Store) -> None:
    target = Store(f"sqlite:///{tmp_path / 'target.sqlite'}")
    assert put_whole(store.records(), target) == (3, {})
    change(store, "UPDATE run SET created = created, nodes = -4, attempts = 9 WHERE run = 'stemdl-small-n1-r1'")
    count, left_out = put_whole(store.records(damaged=True), target)
    assert count == 2 and "nodes is -4" in left_out["weekly/stemdl-small-n1-r1"]
    assert [row["nodes"] for row in target.history()] == [1, 1, 1]


def test_an_export_without_its_columns_or_of_something_else_is_one_error(tmp_path: Path, store: Store) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "all.parquet"
    assert write_parquet(store, path) == 3
    table = parquet.read_table(path)
    parquet.write_table(table.drop_columns(["ranks_list"]), path)
    with pytest.raises(StoreError, match=r"all\.parquet"):
        list(read_parquet(path))
    import pyarrow

    place = table.column_names.index("created")
    parquet.write_table(table.set_column(place, "created", pyarrow.array(["soon"] * 3)), path)
    count, left_out = put_whole(read_parquet(path), store)
    assert count == 0 and len(left_out) == 3 and store.count() == 3


def test_all_rows_of_a_history_are_judged_by_their_columns_types() -> None:
    rows = [(1.0, "weekly", 2), (math.inf, "weekly", 2), (2.0, 3, 2), (3.0, "weekly", 0), (4.0, "weekly", 1)]
    assert right_rows(rows, ["created", "campaign", "nodes"], RunRow) == [rows[0], rows[4]]


def test_control_characters_do_not_enter_a_store(tmp_path: Path) -> None:
    store = Store(default_url(tmp_path))
    store.put(failed_run(tmp_path / "runs", cause="\x1b]0;owned\x07 \x00"))
    (record,) = store.campaign("weekly")
    assert record.run["cause"] == "\\x1b]0;owned\\x07 \\x00"


def test_every_column_of_a_run_is_checked() -> None:
    assert {column.name for column in tables.runs.columns} == set(RunRow.__annotations__)


def test_doctor_looks_at_a_store_without_making_one(tmp_path: Path, store: Store) -> None:
    for make in (lambda path: None, lambda path: path.touch()):
        path = tmp_path / "other.sqlite"
        make(path)
        assert examine_store(f"sqlite:///{path}").state == "ok"
        assert not path.exists() or path.read_bytes() == b""
    away = tmp_path / "no" / "folder" / "store.sqlite"
    assert examine_store(f"sqlite:///{away}").detail.endswith("will be made") and not away.parent.exists()
    assert "3 runs" in examine_store(store.url).detail
