"""Damaged and hostile files before every verb that reads them, and what is promised of each:

no trace, no hang (10 s), at most 500 MB, nothing written outside, no control character on the terminal, an exit code of
README's table, and of the runs that are whole everything as before.

Each file that a campaign, its store, an export, a data set and an acceptance's record consist of is walked by its own
fields. A verb is called in a forked child, which costs milliseconds where a process costs half a second. ``make fuzz``
runs this file for long and prints how much was tried; tests/orchestrator/test_mutations.py runs it shortly.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from made import made_campaign, made_record

from orchestrator import __main__ as program
from orchestrator.errors import EXIT_CODES, EXIT_DEFECT
from workloads import data as data_program
from workloads.em_denoise.dataset import EmDenoiseDataset

SECONDS, MEGABYTES = 10.0, 500
PRECIOUS = "precious, and somebody else's"
DATASET = {
    "source": "stand-in", "version": "1", "split": "test", "preset": "tiny", "seed": 3, "pixels": 16,
    "training_images": 6, "evaluation_images": 2, "inference_images": 2,
}  # fmt: skip
CONTROL = ("\x1b", "\x07", "\x9b", "\u202e")


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


@dataclass
class Place:
    """A working copy of what is mutated, with somebody else's files beside it."""

    folder: Path
    kept: Path

    @property
    def results(self) -> Path:
        """The results folder."""
        return self.folder / "results"

    @property
    def outside(self) -> Path:
        """A folder that nothing may write to."""
        return self.folder / "outside"

    def restore(self, part: str) -> None:
        """Have a folder as it was, and all that is beside; what is in the others no verb writes to."""
        for path in self.folder.iterdir():
            if path.name in {one.name for one in self.kept.iterdir()} - {part, "outside"}:
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in (part, "outside"):
            shutil.copytree(self.kept / name, self.folder / name, symlinks=True)

    def untouched(self) -> bool:
        """Whether nothing was written outside of what a verb may write to."""
        found = {path.name: path.read_text() for path in self.outside.iterdir()}
        there = {path.name for path in self.folder.iterdir()}
        return found == {"precious.txt": PRECIOUS} and there <= {
            "results",
            "outside",
            "accept",
            "data",
            "out",
            "out.parquet",
            "scratch",
        }


@dataclass
class Mutation:
    """One change of a file, by its name, and what makes it."""

    file: str
    what: str
    make: Callable[[Path], None]
    weight: float = 1.0


@dataclass
class Counts:
    """How much was tried, of which files, and what was broken."""

    files: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: float = 0.0

    def text(self) -> str:
        """The counts in words."""
        kinds = Counter(entry.partition(": ")[0] for entry in self.broken)
        lines = [f"{self.files.total()} mutations, {self.verbs.total()} calls; {len(self.broken)} promises broken"]
        lines += [f"  {count:6} {name}" for name, count in sorted(self.files.items())]
        lines += [f"  {count:6} calls of {name}" for name, count in sorted(self.verbs.items())]
        lines += [f"  {count:6} exit code {code}" for code, count in sorted(self.codes.items())]
        lines += [f"  broken: {count} {kind}" for kind, count in kinds.most_common()]
        lines += [f"  slowest {self.slowest:.1f} s, largest {self.largest:.0f} MB more than before"]
        return "\n".join(lines)


# --- what is mutated


def make_kept(folder: Path) -> Path:
    """Make what is mutated, once."""
    kept = folder / "work"
    results = kept / "results"
    results.mkdir(parents=True)
    campaign = made_campaign(results)
    (kept / "outside").mkdir()
    (kept / "outside" / "precious.txt").write_text(PRECIOUS)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        inside(kept),
    ):
        assert program.main(["collect", "c", f"results={results}"]) == 0
        assert program.main(["store", "export", str(kept / "results" / "all.parquet"), f"results={results}"]) == 0
        made_record(kept / "accept", campaign)
    EmDenoiseDataset(DATASET).synthesise(kept / "data" / EmDenoiseDataset(DATASET).folder_name, lambda a, b: None, 1)
    return Path(shutil.copytree(kept, folder / "kept", symlinks=True))


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Be in a folder within the context."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


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
    store.close()
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


# --- the verbs


@dataclass
class Verb:
    """A call, and what it must still tell of what is whole: its output, as it was before, given."""

    name: str
    words: Callable[[Place], list[str]]
    holds: Callable[[Place, int, str], bool] = lambda place, code, out: True
    main: Callable[[list[str]], int] = program.main


def others_shown(place: Place, code: int, out: str) -> bool:
    """Whether the second run, which nobody touched, is shown completed."""
    return '"stemdl-small-mpi-n1-r1"' in out and "completed" in out


def campaign_verbs(place: Place) -> list[Verb]:
    """What reads the folder of a campaign."""
    results = f"results={place.results}"
    return [
        Verb("status", lambda place: ["status", "c", results, "--json"], others_shown),
        Verb("collect", lambda place: ["collect", "c", results, "--json"], others_shown),
        Verb("report", lambda place: ["report", "c", results], lambda place, code, out: "n1-r1" in out),
        Verb("report html", lambda place: ["report", "c", results, "--format", "html", "-o", "out"]),
        Verb("report mllog", lambda place: ["report", "c", results, "--format", "mllog", "-o", "out"]),
        Verb("logs", lambda place: ["logs", "c", results]),
        Verb("resume", lambda place: ["resume", "c", results]),
    ]


def store_verbs(place: Place) -> list[Verb]:
    """What reads a store."""
    results = f"results={place.results}"
    return [
        Verb("store info", lambda place: ["store", "info", results]),
        Verb("report", lambda place: ["report", "c", results]),
        Verb("report html", lambda place: ["report", "c", results, "--format", "html", "-o", "out"]),
        Verb("report csv", lambda place: ["report", "c", results, "--format", "csv"]),
        Verb("report markdown", lambda place: ["report", "c", results, "--format", "markdown"]),
        Verb("report history", lambda place: ["report", "--history", results]),
        Verb("compare", lambda place: ["compare", "c", "c", results]),
        Verb("store export", lambda place: ["store", "export", "out.parquet", results]),
        Verb("store import", lambda place: ["store", "import", str(place.results / "store.sqlite"), "results=out"]),
    ]


def request(place: Place) -> str:
    """What the verb ``data`` asks the other side."""
    return json.dumps({
        "benchmark": "em_denoise", "class": "workloads.em_denoise.dataset:EmDenoiseDataset", "dataset": DATASET,
        "download": {"endpoints": [], "prefix": None, "connections": 1, "folder": None},
        "root": str(place.folder / "data"), "scratch": str(place.folder / "scratch"),
    })  # fmt: skip


def data_words(place: Place, verb: str) -> list[str]:
    """The arguments of the program that works on data sets."""
    return [verb, request(place)]


def data_verbs(place: Place) -> list[Verb]:
    """What reads a data set."""
    return [
        Verb(f"data {verb}", partial(data_words, verb=verb), main=data_program.main)
        for verb in ("verify", "stage", "info")
    ]


def accept_verbs(place: Place) -> list[Verb]:
    """What reads an acceptance's record."""
    return [Verb("accept verify", lambda place: ["accept", "verify", str(place.folder / "accept" / "record")],
                 lambda place, code, out: code != 0)]  # fmt: skip


def import_verbs(place: Place) -> list[Verb]:
    """What reads an export."""
    return [Verb("store import", lambda place: ["store", "import", str(place.results / "all.parquet"), "results=out"])]


def call(verb: Verb, place: Place, counts: Counts) -> str:
    """Call a verb in a forked child; return what promise it broke, "" if none."""
    out, err = place.folder / "out.txt", place.folder / "err.txt"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(in_child(verb, place, out, err))
    status, usage = None, None
    while status is None:
        found, code, usage = os.wait4(child, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > began + SECONDS:
            os.kill(child, signal.SIGKILL)
            os.wait4(child, 0)
            return "hang: more than 10 s"
        else:
            time.sleep(0.002)
    seconds, more = time.monotonic() - began, (usage.ru_maxrss - before_kb()) / 1024 if usage else 0.0
    counts.slowest, counts.largest = max(counts.slowest, seconds), max(counts.largest, more)
    counts.codes[status] += 1
    counts.verbs[verb.name] += 1
    told, said = out.read_text(errors="surrogateescape"), err.read_text(errors="surrogateescape")
    out.unlink()
    err.unlink()
    if "Traceback" in said or status == EXIT_DEFECT:
        return f"trace: {said.strip().splitlines()[-1][:160] if said.strip() else ''}"
    if status not in EXIT_CODES:
        return f"exit code {status}: {said[-160:]}"
    if more > MEGABYTES:
        return f"memory: {more:.0f} MB"
    if any(sign in told + said for sign in CONTROL):
        return f"control character: {(told + said)[:160]!a}"
    if not place.untouched():
        return "outside: something was written there"
    if not verb.holds(place, status, told):
        return f"others: exit code {status}, {told[:100]!a} {said[-100:]!a}"
    return ""


def before_kb() -> int:
    """The most memory that this process ever had, which its children begin with, KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_child(verb: Verb, place: Place, out: Path, err: Path) -> int:
    """Call a verb with its output in files; return its exit code."""
    try:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BufferedWriter(io.FileIO(n, "w", closefd=False)), "utf-8") for n in (1, 2)
        )
        most = 4 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        os.chdir(place.folder)
        code = verb.main(verb.words(place))
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode(errors="replace"))
        return 1


# --- all of it


@dataclass(frozen=True)
class Group:
    """Files of one kind, what reads them, and how they are mutated."""

    pattern: str
    verbs: Callable[[Place], list[Verb]]
    kinds: Sequence[Callable[[Path, str], Iterator[Mutation]]]


RUN = "results/c/stemdl-small-mpi-n1-r0"
GROUPS = (
    Group(f"{RUN}/manifest.json", campaign_verbs, (of_json, of_file)),
    Group(f"{RUN}/attempt-1/result.json", campaign_verbs, (of_json, of_file)),
    *(
        Group(f"{RUN}/attempt-1/{name}.json", campaign_verbs, (of_json, of_file))
        for name in ("job", "heartbeat", "ended", "account")
    ),
    Group("results/c/stemdl-small-mpi-n1-r2/attempt-1/failure.json", campaign_verbs, (of_json, of_file)),
    Group("results/c/stemdl-small-mpi-n1-r2/attempt-1/errors/rank-1.json", campaign_verbs, (of_json, of_file)),
    *(
        Group(f"{RUN}/attempt-1/{name}", campaign_verbs, (of_file,))
        for name in ("alive", "stdout.txt", "stderr.txt", "mllog.txt", "samples.png")
    ),
    Group(f"{RUN}/attempt-1/telemetry.h5", campaign_verbs, (of_hdf5, of_file)),
    Group("results/store.sqlite", store_verbs, (of_store, of_file)),
    Group("results/all.parquet", import_verbs, (of_parquet, of_file)),
    Group("data/**/dataset.json", data_verbs, (of_json, of_file)),
    Group("data/**/training-00000*.h5", data_verbs, (of_hdf5, of_file)),
    *(
        Group(f"accept/record/{name}.json", accept_verbs, (of_json, of_file))
        for name in ("suite", "runs", "inventory", "verdict")
    ),
    *(Group(f"accept/record/{name}", accept_verbs, (of_file,)) for name in ("SHA256SUMS", "index.html", "verdict.xml")),
    Group("accept/record/runs/c/stemdl-small-mpi-n1-r0/attempt-1/telemetry.h5", accept_verbs, (of_file, of_hdf5)),
    Group("accept/record/runs/c/stemdl-small-mpi-n1-r0/manifest.json", accept_verbs, (of_json, of_file)),
)


def hold_promises(share: float, seed: int = 0, progress: bool = False, every_verb: bool = True) -> Counts:
    """Try a share of all mutations, each with every verb or with one that is drawn; return the counts."""
    counts, drawn = Counts(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        kept = make_kept(top)
        place = Place(top / "work", kept)
        warm_up(place)
        for group in GROUPS:
            (original,) = kept.glob(group.pattern)
            file = original.relative_to(kept)
            called = Path(file.name) if "data/" not in group.pattern else Path("data", file.name.split("-")[0])
            label = f"record: {called}" if "accept/" in group.pattern else str(called)
            mutations = [one for kind in group.kinds for one in kind(original, label)]
            chosen = [one for one in mutations if drawn.random() < share * one.weight] or mutations[:1]
            for mutation in chosen:
                verbs = group.verbs(place)
                for verb in verbs if every_verb else [drawn.choice(verbs)]:
                    place.restore(file.parts[0])
                    with contextlib.suppress(OSError):
                        mutation.make(place.folder / file)
                    if broken := call(verb, place, counts):
                        counts.broken.append(f"{broken} | {verb.name}, {mutation.file}: {mutation.what}")
                counts.files[mutation.file] += 1
            if progress:
                print(f"{label}: {len(chosen)} of {len(mutations)}, {len(counts.broken)} broken", flush=True)
    return counts


def warm_up(place: Place) -> None:
    """Call each verb once here, so that its children need not import what it needs."""
    with inside(place.folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for group in GROUPS:
            for verb in group.verbs(place):
                verb.main(verb.words(place))


def main() -> int:
    """Run for long, and print the counts; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of all mutations")
    parser.add_argument("--one-verb", action="store_true", help="each mutation before one verb that is drawn")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    counts = hold_promises(options.share, options.seed, progress=True, every_verb=not options.one_verb)
    print("\n".join([*counts.broken, counts.text()]))
    return int(bool(counts.broken))


if __name__ == "__main__":
    sys.exit(main())
