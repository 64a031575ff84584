"""What breaks: changes of a file, by its own fields, datasets, columns, or as a whole."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np


class Raw(str):
    """JSON as it stands, which Python's writer would not write."""


VALUES: Sequence[Any] = (
    None, True, -1, 0, 10**9, 2**70, 1e308, -1.5, "", "text", [], {}, [None], {"a": 1}, [[]],
    "../../outside/precious.txt", "/dev/stdin", "..", "a/b", "\x1b]0;owned\x07x", "[red]x[/nothing]", "=1+1",
    "<script>alert(1)</script>", "x" * 100_000, "\u202egnp", Raw('"\\ud800"'), Raw("NaN"), Raw("Infinity"),
    Raw("1e999"), Raw("9" * 5000), Raw("[" * 2000 + "]" * 2000), Raw('{"a":' * 1500 + "1" + "}" * 1500),
)  # fmt: skip
"""What is put in the place of a value in JSON."""
NOTHING = object()
CELLS: Sequence[Any] = (
    None, -1, 0, 2**62, float("inf"), -1e300, "", "text", b"\x00\xff", "../../outside/precious.txt",
    "\x1b]0;owned\x07x", "=1+1", "{", '{"schema": 1}', "[" * 2000, "9" * 5000, "x" * 100_000,
)  # fmt: skip
"""What is put into a column of a store."""
STORED = ("manifest", "result", "step_times")
"""Columns of a run that hold JSON."""


@dataclass
class Mutation:
    """One change of a file, by its name, and what makes it."""

    file: str
    what: str
    make: Callable[[Path], None]
    weight: float = 1.0


def leaves(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places of all values in a document, containers too."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield (*above, key)
        yield from leaves(value, (*above, key))


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> str:
    """The JSON of a document with another value at a place."""
    changed = copy.deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = "@HERE@" if isinstance(value, Raw) else value
    text = json.dumps(changed)
    return text.replace('"@HERE@"', value) if isinstance(value, Raw) else text


def removed(document: Any, place: tuple[Any, ...]) -> str:
    """The JSON of a document without a place."""
    changed = copy.deepcopy(document)
    node = changed
    for key in place[:-1]:
        node = node[key]
    del node[place[-1]]
    return json.dumps(changed)


def of_json(path: Path, name: str) -> Iterator[Mutation]:
    """Mutations of a JSON file, by its fields."""
    document = json.loads(path.read_text())
    for place in leaves(document):
        where = ".".join(map(str, place))
        # A configuration has some hundred keys, which are all read alike.
        weight = 0.05 if {"config", "configs", "settings"} & set(place) else 1.0
        yield Mutation(name, f"{where} is missing", partial(write_removed, document=document, place=place), weight)
        for value in VALUES:
            said = f"{where}={str(value)[:30]!a}"
            yield Mutation(name, said, partial(write_replaced, document=document, place=place, value=value), weight)


def write_removed(path: Path, document: Any, place: tuple[Any, ...]) -> None:
    """Write a document without a place."""
    path.write_text(removed(document, place), encoding="utf-8", errors="surrogatepass")


def write_replaced(path: Path, document: Any, place: tuple[Any, ...], value: Any) -> None:
    """Write a document with another value at a place."""
    path.write_text(replaced(document, place, value), encoding="utf-8", errors="surrogatepass")


def write_bytes(path: Path, content: bytes) -> None:
    """Write other content."""
    path.write_bytes(content)


def of_file(path: Path, name: str) -> Iterator[Mutation]:
    """Mutations of any file as a whole."""

    def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
        def act(path: Path) -> None:
            path.unlink()
            make(path)

        return act

    size = path.stat().st_size
    yield Mutation(name, "missing", lambda path: path.unlink())
    yield Mutation(name, "a folder", instead(lambda path: path.mkdir()))
    yield Mutation(name, "a pipe", instead(lambda path: os.mkfifo(path)))
    yield Mutation(name, "a link outside", instead(lambda path: path.symlink_to("../../../../outside/precious.txt")))
    yield Mutation(name, "a broken link", instead(lambda path: path.symlink_to("nowhere")))
    yield Mutation(name, "a link to itself", instead(lambda path: path.symlink_to(path.name)))
    yield Mutation(name, "a link to /dev/zero", instead(lambda path: path.symlink_to("/dev/zero")))
    yield Mutation(name, "a device", instead(lambda path: path.symlink_to("/dev/full")))
    yield Mutation(name, "2 GB of nothing", lambda path: os.truncate(path, 2**31))
    for text in (b"", b"\0", b"null", b"[]", b"{", b"\xff\xfe", b'{"schema": 1}', b"\x89HDF\r\n\x1a\n", b"[" * 10**6):
        yield Mutation(name, f"holds {text[:12]!r}", partial(write_bytes, content=text))
    for share in (0.1, 0.5, 0.9):
        yield Mutation(name, f"cut at {share}", partial(os.truncate, length=int(size * share)))
    for number in range(12):
        yield Mutation(name, f"noise {number}", partial(add_noise, number=number))


def add_noise(path: Path, number: int) -> None:
    """Change some bytes."""
    content = bytearray(path.read_bytes())
    chosen = random.Random(number)
    for _ in range(1 + len(content) // 400):
        content[chosen.randrange(len(content))] = chosen.randrange(256)
    path.write_bytes(content)


def of_hdf5(path: Path, name: str) -> Iterator[Mutation]:
    """Mutations of an HDF5 file, by its datasets."""
    with h5py.File(path) as file:
        names: list[str] = []
        file.visititems(lambda found, node: names.append(found) if isinstance(node, h5py.Dataset) else None)
        shapes = {found: file[found].shape for found in names}
    changes: dict[str, Callable[[h5py.File, str, tuple[int, ...]], object]] = {
        "missing": lambda file, found, shape: None,
        "NaN": lambda file, found, shape: file.create_dataset(found, data=np.full(shape, np.nan)),
        "infinite": lambda file, found, shape: file.create_dataset(found, data=np.full(shape, np.inf)),
        "negative": lambda file, found, shape: file.create_dataset(found, data=np.full(shape, -5, np.int32)),
        "huge": lambda file, found, shape: file.create_dataset(found, data=np.full(shape, 1e300)),
        "texts": lambda file, found, shape: file.create_dataset(
            found, data=np.full(shape, "\x1b]0;owned\x07", object), dtype=h5py.string_dtype()
        ),
        "bytes": lambda file, found, shape: file.create_dataset(found, data=np.full(shape, b"\xff\xfe", "S2")),
        "structures": lambda file, found, shape: file.create_dataset(
            found, shape, np.dtype([("a", "i4"), ("b", "S3")])
        ),
        "references": lambda file, found, shape: file.create_dataset(found, shape, h5py.ref_dtype),
        "one number": lambda file, found, shape: file.create_dataset(found, data=3),
        "empty": lambda file, found, shape: file.create_dataset(found, data=h5py.Empty("f4")),
        "no rows": lambda file, found, shape: file.create_dataset(found, (0, *shape[1:]), "f4"),
        "more rows": lambda file, found, shape: file.create_dataset(found, (shape[0] + 1, *shape[1:]), "f4"),
        "more axes": lambda file, found, shape: file.create_dataset(found, (*shape, 2, 2), "f4"),
        "10^12 rows": lambda file, found, shape: file.create_dataset(
            found, (10**12, *shape[1:]), "f4", chunks=(1000, *shape[1:])
        ),
        "10^9 steps": lambda file, found, shape: file.create_dataset(
            found, (*shape[:1], 10**9), "f4", chunks=(1, 10**5)
        ),
        "a group": lambda file, found, shape: file.create_group(found),
        "an external link": lambda file, found, shape: link(file, found, h5py.ExternalLink("/dev/zero", "x")),
        "a soft link": lambda file, found, shape: link(file, found, h5py.SoftLink("/nowhere")),
        "kept outside": lambda file, found, shape: file.create_dataset(
            found, shape, "f4", external=[("../../../../../outside/precious.txt", 0, h5py.h5f.UNLIMITED)]
        ),
        "virtual": lambda file, found, shape: virtual(file, found, shape),
    }
    for found in names:
        for what, change in changes.items():

            def act(path: Path, found: str = found, change: Any = change) -> None:
                with h5py.File(path, "r+") as file:
                    del file[found]
                    with contextlib.suppress(TypeError, ValueError, IndexError):
                        change(file, found, shapes[found])

            yield Mutation(name, f"{found}: {what}", act)
    for attribute in ("schema", "unit", "first_step"):
        for value in ("\x1b]0;owned\x07", -1, 1e300, np.full(3, 2), h5py.Empty("f4")):

            def set_attribute(path: Path, attribute: str = attribute, value: Any = value) -> None:
                with h5py.File(path, "r+") as file:
                    file.attrs[attribute] = value

            yield Mutation(name, f"attribute {attribute}: {value!a}", set_attribute)


def link(file: h5py.File, name: str, target: Any) -> None:
    """Put a link in the place of a dataset."""
    file[name] = target


def virtual(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    """Put a dataset that is another file's in the place of one."""
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("/dev/zero", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def of_store(path: Path, name: str) -> Iterator[Mutation]:
    """Mutations of a store, by its columns, and other programs' databases in its place."""
    with sqlite3.connect(path) as store:
        found = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = {table: [row[1] for row in store.execute(f'PRAGMA table_info("{table}")')] for (table,) in found}
        (texts,) = store.execute(f"SELECT {', '.join(STORED)} FROM run WHERE id = 1").fetchall()
    documents = {name: json.loads(text) for name, text in zip(STORED, texts, strict=True)}
    store.close()
    for column, document in documents.items():
        for place in leaves(document):
            weight = 0.01 if "config" in place else 0.3
            for value in VALUES:
                said = f"run.{column}: {'.'.join(map(str, place))}={str(value)[:30]!a}"
                order = f"UPDATE run SET {column} = ? WHERE id = 1"
                text = replaced(document, place, value)
                yield Mutation(name, said, partial(sql, order=order, value=text), weight)
    for table, names in columns.items():
        for column in names:
            for value in CELLS:
                where = "WHERE run = (SELECT min(run) FROM run)" if table == "run" else ""
                order = f'UPDATE OR REPLACE "{table}" SET "{column}" = ? {where}'
                yield Mutation(name, f"{table}.{column}={str(value)[:20]!a}", partial(sql, order=order, value=value))
            yield Mutation(
                name,
                f"without {table}.{column}",
                partial(sql, order=f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO other'),
            )
        yield Mutation(name, f"without {table}", partial(sql, order=f'DROP TABLE "{table}"'))
    for order in ("CREATE TABLE theirs (id INTEGER)", "PRAGMA application_id=77", "DELETE FROM run",
                  "DELETE FROM schema_version", "INSERT INTO schema_version VALUES (3)"):  # fmt: skip
        yield Mutation(name, order, partial(sql, order=order))
    for version in (-1, 0, 1, 2, 8, 10**9):
        yield Mutation(
            name, f"version {version}", partial(sql, order="UPDATE schema_version SET version = ?", value=version)
        )
    for order in ("CREATE TABLE run (id INTEGER, title TEXT)", "CREATE TABLE theirs (id INTEGER)"):
        yield Mutation(name, f"another program's: {order}", partial(other_program, order=order))


def sql(path: Path, order: str, value: Any = NOTHING) -> None:
    """Change a store behind the program's back."""
    store = sqlite3.connect(path)
    with contextlib.suppress(sqlite3.Error, OverflowError), store:
        store.execute(order, () if value is NOTHING else (value,))
    store.close()


def other_program(path: Path, order: str) -> None:
    """Put another program's database in the place of a store."""
    path.unlink()
    sql(path, order)


def of_parquet(path: Path, name: str) -> Iterator[Mutation]:
    """Mutations of an export, by its columns."""
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(path)

    def without_column(path: Path, column: str) -> None:
        parquet.write_table(table.drop_columns([column]), path)

    fillings: dict[str, Callable[[], Any]] = {
        "nulls": lambda: pyarrow.nulls(len(table)),
        "negative": lambda: pyarrow.array([-1] * len(table)),
        "infinite": lambda: pyarrow.array([float("inf")] * len(table)),
        "texts": lambda: pyarrow.array(["\x1b]0;owned\x07"] * len(table)),
        "lists": lambda: pyarrow.array([[1]] * len(table)),
        "names outside": lambda: pyarrow.array(["../../outside/precious.txt"] * len(table)),
    }
    for place, column in enumerate(table.column_names):
        yield Mutation(name, f"without {column}", partial(without_column, column=column))
        for what, filling in fillings.items():

            def act(path: Path, place: int = place, column: str = column, filling: Any = filling) -> None:
                parquet.write_table(table.set_column(place, column, filling()), path)

            yield Mutation(name, f"{column}: {what}", act)
