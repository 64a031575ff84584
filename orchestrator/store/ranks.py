"""The measurements of every rank, in columns: 75,000 ranks are a few arrays and one value in the store."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt

from orchestrator.records import STEP_TIMES, stored_name
from orchestrator.records.control import spell_control
from orchestrator.store.entries import HostRow, RankRow

TEXTS = ("host", "device")
WHOLE_NUMBERS = ("node", "local_rank")
MEASURES = ("throughput", *(f"{part}_s" for part in STEP_TIMES))
STORED_MEASURES = {"throughput": "throughput", **{f"{part}_s": f"{stored_name(part)}_s" for part in STEP_TIMES}}
"""The same by the names of the store's columns."""


@dataclass(frozen=True)
class RankTable(Sequence[RankRow]):
    """Ranks 0 … R-1 of a run. As a sequence it yields one row per rank; ``column`` returns an array over the ranks.

    ``throughput`` is in the run's unit; the times are sums over its steps, s. Measures are float32, as in telemetry. A
    missing value is NaN in a column and None in a row.
    """

    texts: dict[str, tuple[list[str], npt.NDArray[np.int32]]]
    numbers: dict[str, npt.NDArray[np.int32]]
    measures: dict[str, npt.NDArray[np.float32]]

    @classmethod
    def of(
        cls,
        texts: Mapping[str, Sequence[str | bytes] | npt.NDArray[Any]],
        numbers: Mapping[str, npt.ArrayLike],
        measures: Mapping[str, npt.ArrayLike],
    ) -> RankTable:
        """Return the table of one array or list per column. Repeated texts are stored once."""
        return cls(
            {name: factorize(texts[name]) for name in TEXTS},
            {name: np.asarray(numbers[name], np.int32) for name in WHOLE_NUMBERS},
            {name: np.asarray(measures[name], np.float32) for name in MEASURES},
        )

    @classmethod
    def of_rows(cls, rows: Iterable[RankRow]) -> RankTable:
        """Return the table of one row per rank, in any order; the key ``rank`` orders them. Measures may be
        missing.
        """
        ordered: list[Mapping[str, Any]] = sorted(rows, key=lambda row: int(row["rank"]))
        return cls.of(
            {name: [row[name] for row in ordered] for name in TEXTS},
            {name: [row[name] for row in ordered] for name in WHOLE_NUMBERS},
            {name: [np.nan if row.get(name) is None else row[name] for row in ordered] for name in MEASURES},
        )

    def __len__(self) -> int:
        return len(self.numbers["node"])

    @overload
    def __getitem__(self, index: int) -> RankRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[RankRow]: ...
    def __getitem__(self, index: int | slice) -> RankRow | list[RankRow]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"rank {index} of {len(self)}")
        row: dict[str, object] = {"rank": index % len(self)}
        row |= {name: values[codes[index]] for name, (values, codes) in self.texts.items()}
        row |= {name: int(values[index]) for name, values in self.numbers.items()}
        row |= {name: none_if_nan(float(values[index])) for name, values in self.measures.items()}
        return cast(RankRow, row)

    def __iter__(self) -> Iterator[RankRow]:
        for index in range(len(self)):
            yield self[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankTable) and self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column over the ranks, (R,): texts as str, places as int32, measures as float32."""
        if name in self.texts:
            values, codes = self.texts[name]
            return np.array(values, np.str_)[codes] if values else np.array([], np.str_)
        return self.numbers[name] if name in self.numbers else self.measures[name]

    def step_seconds(self) -> dict[str, npt.NDArray[np.float64]] | None:
        """Seconds over the run's steps by their part, (R,) each; None where any rank has not measured them."""
        seconds = {part: self.column(f"{part}_s").astype(np.float64) for part in STEP_TIMES}
        return seconds if all(np.all(np.isfinite(values)) for values in seconds.values()) else None

    def untimed(self) -> RankTable:
        """Return the same ranks in the same places, with all measures missing."""
        return replace(self, measures={name: np.full(len(self), np.nan, np.float32) for name in MEASURES})

    def by_host(self) -> list[HostRow]:
        """Return one row per host, in order of its first rank: number of ranks, sum of their throughputs, means of
        their times.
        """
        names, codes = self.texts["host"]
        counts = np.bincount(codes, minlength=len(names))
        sums = {name: np.bincount(codes, values, minlength=len(names)) for name, values in self.measures.items()}
        means = {name: (values if name == "throughput" else values / counts).tolist() for name, values in sums.items()}
        rows = [
            {"host": host, "ranks": count, **{name: none_if_nan(means[name][number]) for name in MEASURES}}
            for number, (host, count) in enumerate(zip(names, counts.tolist(), strict=True))
        ]
        return cast(list[HostRow], rows)

    def pack(self) -> bytes:
        """Return the table as the store keeps it: a line of JSON and the columns' bytes, little-endian.

        Texts and places repeat and are deflated; measures are not.
        """
        places = [codes for _, codes in self.texts.values()] + list(self.numbers.values())
        repeating = zlib.compress(b"".join(np.ascontiguousarray(column, "<i4").tobytes() for column in places), 1)
        texts = {name: values for name, (values, _) in self.texts.items()}
        head = {"ranks": len(self), "texts": texts, "deflated": len(repeating)}
        line = json.dumps(head, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
        return line + repeating + b"".join(np.asarray(self.measures[name], "<f4").tobytes() for name in MEASURES)

    @classmethod
    def unpack(cls, packed: bytes) -> RankTable:
        """Return the table that ``pack`` packed. Raises ValueError for anything else."""
        if not isinstance(packed, bytes | bytearray | memoryview):
            raise ValueError(f"packed ranks are damaged: they are {type(packed).__name__}, not bytes")
        line, _, rest = bytes(packed).partition(b"\n")
        try:
            head = json.loads(line)
            ranks, deflated = int(head["ranks"]), int(head["deflated"])
            columns = len(TEXTS + WHOLE_NUMBERS)
            if len(rest) - deflated != 4 * len(MEASURES) * ranks:
                raise ValueError(f"they are not of {ranks} ranks")
            # As much as there should be and a byte more: what is longer is refused without being unpacked.
            unpacked = zlib.decompressobj().decompress(rest[:deflated], 4 * columns * ranks + 1)
            places = np.frombuffer(unpacked, "<i4").reshape(columns, ranks)
            values = np.frombuffer(rest, "<f4", offset=deflated).reshape(len(MEASURES), ranks)
            texts = {name: [str(text) for text in head["texts"][name]] for name in TEXTS}
            for number, name in enumerate(TEXTS):
                if ranks and not 0 <= int(places[number].min()) <= int(places[number].max()) < len(texts[name]):
                    raise ValueError(f"a {name} has no name")
        except (zlib.error, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"packed ranks are damaged: {error}") from error
        return cls(
            {name: (texts[name], places[number]) for number, name in enumerate(TEXTS)},
            {name: places[len(TEXTS) + number] for number, name in enumerate(WHOLE_NUMBERS)},
            dict(zip(MEASURES, values, strict=True)),
        )


def factorize(texts: Sequence[str | bytes] | npt.NDArray[Any]) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the distinct texts in order of appearance, and each text's number among them, (R,). Bytes are UTF-8."""
    values = np.asarray(texts, object)
    # Neighbours mostly share their host and device: only where the text changes is it looked up.
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1]) if len(values) else np.zeros(0, int)
    numbers: dict[str | bytes, int] = {}
    codes = np.fromiter((numbers.setdefault(text, len(numbers)) for text in values[starts]), np.int32, len(starts))
    lengths = np.diff(np.concatenate([starts, [len(values)]]))
    names = [spell_control(text.decode() if isinstance(text, bytes) else str(text)) for text in numbers]
    return names, np.repeat(codes, lengths)


def stored_row(row: Mapping[str, object]) -> dict[str, object]:
    """A row of ranks or hosts with its measures by the names of the store's columns."""
    return {STORED_MEASURES.get(name, name): value for name, value in row.items()}


def row_of_stored(row: Mapping[str, object]) -> dict[str, object]:
    """The inverse of ``stored_row``."""
    names = {stored: name for name, stored in STORED_MEASURES.items()}
    return {names.get(name, name): value for name, value in row.items()}


def none_if_nan(value: float) -> float | None:
    """Return the value, or None for NaN."""
    return None if value != value else value
