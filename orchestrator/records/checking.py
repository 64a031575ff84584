"""Whether a JSON document is what a record's type says: the types are the only description of a record."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from orchestrator.errors import OrchestratorError
from orchestrator.records.typed import NotRequired, get_type_hints, is_typeddict

T = TypeVar("T")

AS_COMPOSED = "as composed"
"""Marks, in ``Annotated``, an object whose keys were checked when it was composed: each version has its own."""


@dataclass(frozen=True)
class Range:
    """Marks, in ``Annotated``, the numbers that a value may be, both ends included."""

    low: float
    high: float

    @property
    def words(self) -> str:
        """Return what a value should be."""
        return f"a number from {self.low:g} to {self.high:g}"

    def test(self) -> Callable[[Any], object]:
        """Return what is true of a value that is right."""
        low, high = self.low, self.high
        return lambda value: low <= value <= high


@dataclass(frozen=True)
class Matches:
    """Marks, in ``Annotated``, the texts that a value may be, and what they are called."""

    pattern: str
    words: str

    def test(self) -> Callable[[Any], object]:
        """Return what is true of a value that is right."""
        return re.compile(self.pattern).fullmatch


@dataclass(frozen=True)
class OneOf:
    """Marks, in ``Annotated``, the texts that a value may be, one by one: names of which something is looked up."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """Return what a value should be."""
        return " or ".join(map(repr, self.names))

    def test(self) -> Callable[[Any], object]:
        """Return what is true of a value that is right."""
        return self.names.__contains__


Count: TypeAlias = Annotated[int, Range(0, 2**31 - 1)]
Whole: TypeAlias = Annotated[int, Range(0, 2**63 - 1)]
Positive: TypeAlias = Annotated[int, Range(1, 2**31 - 1)]
Amount: TypeAlias = Annotated[float, Range(0, 1e18)]
"""What is measured and cannot be negative: seconds, joules, rates."""
Moment: TypeAlias = Annotated[float, Range(0, 253402300799)]
"""Seconds since the epoch, up to the year 9999, which is the last that calendars here know."""
PLAIN_NAME = r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}"
PlainName: TypeAlias = Annotated[str, Matches(PLAIN_NAME, "a plain name, which leads nowhere")]
"""A text that may become the name of a file or folder."""


class RecordError(OrchestratorError, ValueError):
    """A record could not be read; the message names the file and what is wrong with it."""


def check_record(document: object, kind: type[T], where: str, whole: bool = True) -> T:
    """The document, once it is known to be of ``kind``, a TypedDict. Keys that later versions add are left alone; any
    may be missing unless it is to be ``whole``.

    Raises RecordError naming ``where``, the key and what is there instead.
    """
    try:
        check_value(document, kind, "", whole)
    except ValueError as error:
        raise RecordError(f"{where}: {error}") from error
    return cast(T, document)


def check_value(value: object, hint: Any, key: str, whole: bool = True) -> None:
    """Raise ValueError, naming ``key``, unless the JSON value is of the type that ``hint`` stands for."""
    try:
        check_of(hint, whole)(value)
    except Mismatch as error:
        raise ValueError(error.told(key)) from None


class Mismatch(Exception):
    """A value that is not of its type. ``place``: the keys and numbers that lead to it, outermost first."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.place: list[str] = []

    def told(self, key: str) -> str:
        """Return it in words, below ``key``."""
        return f"{(key + ''.join(self.place)).removeprefix('.') or 'the document'} {self.words}"


Check: TypeAlias = Callable[[Any], None]
"""Raises Mismatch for a value that is not of a type. Thousands of records are read at a time: a type is looked at once,
and keys are told only of what is wrong.
"""


def check_anything(value: Any) -> None:
    """Raise nothing."""


def check_text(value: Any) -> None:
    """Raise Mismatch unless it is a text."""
    if not isinstance(value, str):
        raise other(value, "a text")


def check_whole_number(value: Any) -> None:
    """Raise Mismatch unless it is a whole number; truth is none."""
    if not isinstance(value, int) or type(value) is bool:
        raise other(value, "a whole number")


def check_number(value: Any) -> None:
    """Raise Mismatch unless it is a finite number that a float can be."""
    try:
        if type(value) in (float, int) and math.isfinite(value):
            return
    except OverflowError:
        pass
    raise other(value, "a number")


def check_truth(value: Any) -> None:
    """Raise Mismatch unless it is true or false."""
    if not isinstance(value, bool):
        raise other(value, "true or false")


def check_null(value: Any) -> None:
    """Raise Mismatch unless it is null."""
    if value is not None:
        raise other(value, "null")


SIMPLE: Mapping[Any, Check] = {
    Any: check_anything, object: check_anything, str: check_text, int: check_whole_number, float: check_number,
    bool: check_truth, NoneType: check_null,
}  # fmt: skip


def other(value: object, expected: str) -> Mismatch:
    """Return the error for a value where something else was expected."""
    return Mismatch(f"is {quote_value(value)}, not {expected}")


@cache
def check_of(hint: Any, whole: bool) -> Check:
    """Return the check of a type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint) or is_dataclass(hint):
        return check_of_keys(hint, whole)
    if origin is Annotated:
        within = check_of(dict[str, object] if AS_COMPOSED in arguments else arguments[0], whole)
        return check_of_limits(within, [limit for limit in arguments[1:] if limit != AS_COMPOSED])
    if origin in (Union, UnionType):
        return check_of_alternatives(arguments, whole)
    if origin is Literal:
        return check_of_choices(arguments)
    if origin in (list, tuple):  # JSON has no tuples: an endless one of one type is a list
        return check_of_items(list, "a list", check_of(arguments[0], whole))
    if origin in (dict, Mapping):
        return check_of_items(dict, "an object", check_of(arguments[1], whole))
    return SIMPLE[hint]


def check_of_choices(choices: Sequence[Any]) -> Check:
    """Return a check of a value that is one of some."""

    def check(value: Any) -> None:
        if value not in choices or type(value) is bool:
            raise other(value, " or ".join(map(repr, choices)))

    return check


def check_of_limits(within: Check, limits: Sequence[Any]) -> Check:
    """Return a check of a type whose values are limited."""
    tests = [(limit.test(), limit.words) for limit in limits]
    if not tests:
        return within

    def check(value: Any) -> None:
        within(value)
        for holds, words in tests:
            if not holds(value):
                raise other(value, words)

    return check


def check_of_items(kind: type, words: str, each: Check) -> Check:
    """Return a check of a list or an object whose values are of one type."""

    def check(value: Any) -> None:
        if not isinstance(value, kind):
            raise other(value, words)
        if each is check_anything:
            return
        items: Iterable[tuple[object, Any]] = (
            value.items() if isinstance(value, dict) else enumerate(cast("list[Any]", value))
        )
        for place, item in items:
            try:
                each(item)
            except Mismatch as error:
                error.place.insert(0, f".{place}" if kind is dict else f"[{place}]")
                raise

    return check


def check_of_keys(kind: Any, whole: bool) -> Check:
    """Return a check of an object by the keys of a TypedDict or the fields of a dataclass, which may have defaults."""
    hints, required = keys_of(kind)
    checks = [(name, check_of(hint, whole)) for name, hint in hints.items()]
    needed = required if whole else frozenset()

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise other(value, "an object")
        if not needed <= value.keys():
            missing = Mismatch("is missing")
            missing.place.append(f".{min(needed - value.keys())}")
            raise missing
        for name, each in checks:
            if name in value:
                try:
                    each(value[name])
                except Mismatch as error:
                    error.place.insert(0, f".{name}")
                    raise

    return check


def check_of_alternatives(kinds: Sequence[Any], whole: bool) -> Check:
    """Return a check of several types; of null or one other, the other one's complaint is the useful one."""
    nullable = NoneType in kinds
    others = [check_of(kind, whole) for kind in kinds if kind is not NoneType]

    def check(value: Any) -> None:
        if value is None and nullable:
            return
        complaint: Mismatch | None = None
        for each in others:
            try:
                return each(value)
            except Mismatch as error:
                complaint = complaint or error
        raise complaint or other(value, "any of its types")

    return check


def quote_value(value: object) -> str:
    """A value in an error: short values as they are, others by their kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    try:
        text = ascii(value) if isinstance(value, str) else repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}…"


@cache
def keys_of(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Types by key, and the keys that must be there."""
    if is_dataclass(kind):
        return get_type_hints(kind, include_extras=True), frozenset(
            item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING
        )
    hints: dict[str, Any] = get_type_hints(kind, include_extras=True)
    for name, hint in hints.items():
        origin: Any = get_origin(hint)
        hints[name] = get_args(hint)[0] if origin is NotRequired else hint
    return hints, frozenset(kind.__required_keys__)
