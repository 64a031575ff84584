"""Whether a JSON document is what a record's type says: the types are the only description of a record."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
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

    def refuses(self, value: Any) -> str:
        """Return what would be right instead of a value; "" for one that is."""
        return "" if self.low <= value <= self.high else f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Matches:
    """Marks, in ``Annotated``, the texts that a value may be, and what they are called."""

    pattern: str
    words: str

    def refuses(self, value: Any) -> str:
        """Return what would be right instead of a value; "" for one that is."""
        return "" if re.fullmatch(self.pattern, value) else self.words


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
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint) or is_dataclass(hint):
        check_keys(value, hint, key, whole)
    elif origin is Annotated and AS_COMPOSED in arguments:
        require(isinstance(value, dict), value, "an object", key)
    elif origin is Annotated:
        check_value(value, arguments[0], key, whole)
        for limit in arguments[1:]:
            require(not (right := limit.refuses(value)), value, right, key)
    elif origin in (Union, UnionType):
        check_alternatives(value, arguments, key, whole)
    elif origin is Literal:
        require(value in arguments and type(value) is not bool, value, " or ".join(map(repr, arguments)), key)
    elif origin in (list, tuple):  # JSON has no tuples: an endless one of one type is a list
        require(isinstance(value, list), value, "a list", key)
        for number, item in enumerate(cast("list[object]", value)):
            check_value(item, arguments[0], f"{key}[{number}]", whole)
    elif origin in (dict, Mapping):
        require(isinstance(value, dict), value, "an object", key)
        for name, item in cast("dict[str, object]", value).items():
            check_value(item, arguments[1], f"{key}.{name}", whole)
    elif hint is float:
        known = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(known and math.isfinite(cast(float, value)), value, "a number", key)
    elif hint is int:
        require(isinstance(value, int) and not isinstance(value, bool), value, "a whole number", key)
    elif hint is not Any and hint is not object:
        require(isinstance(value, hint), value, WORDS[hint], key)


WORDS = {str: "a text", bool: "true or false", NoneType: "null"}


def check_keys(value: object, kind: Any, key: str, whole: bool) -> None:
    """Check an object by the keys of a TypedDict, or by the fields of a dataclass, which may have defaults."""
    require(isinstance(value, dict), value, "an object", key)
    document = cast("Mapping[str, object]", value)
    hints, required = keys_of(kind)
    for name in sorted(required - set(document)) if whole else ():
        raise ValueError(f"{name_of(key, name)} is missing")
    for name, hint in hints.items():
        if name in document:
            check_value(document[name], hint, name_of(key, name), whole)


def check_alternatives(value: object, kinds: tuple[Any, ...], key: str, whole: bool) -> None:
    """Check a value that may be of several types; of null or one other, the other one's complaint is the useful one."""
    if value is None and NoneType in kinds:
        return
    others = [kind for kind in kinds if kind is not NoneType]
    complaint = None
    for kind in others:
        try:
            return check_value(value, kind, key, whole)
        except ValueError as error:
            complaint = complaint or error
    raise complaint or ValueError(f"{key} is {quote_value(value)}")


def require(holds: bool, value: object, expected: str, key: str) -> None:
    """Raise ValueError unless it holds."""
    if not holds:
        raise ValueError(f"{key or 'the document'} is {quote_value(value)}, not {expected}")


def quote_value(value: object) -> str:
    """A value in an error: short values as they are, others by their kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    try:
        text = ascii(value) if isinstance(value, str) else repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}…"


def name_of(key: str, name: str) -> str:
    """The full name of a key within another."""
    return f"{key}.{name}" if key else name


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
