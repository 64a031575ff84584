"""Values that a person, or somebody who means harm, may write at a key, and the count of what became of them."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from orchestrator.config.words import alternatives

CANARY = "CANARY"
HOSTILE = [
    f"$(touch {CANARY})", f"`touch {CANARY}`", f"; touch {CANARY};", f"\ntouch {CANARY}\n", f"&& touch {CANARY}",
    f"'; touch {CANARY} #", f'"; touch {CANARY} #', f"x\n* * * * * touch {CANARY}\n#", "%j", "%", "\\", "'", '"', "#",
    "$HOME", "${HOME}", "~", "*", "--export=NONE", "-n4", "\x00", "\x1b]0;owned\x07", "\x85", "\u2028", "\u202e",
    "\udcff", "\r", "\t", " ", "=", ",", "[", "]", "{", "}", "(", ")", ":", "&", "|", "!", "@", "/", "../",
    "a" * 300, "😀", "é",
]  # fmt: skip
NUMBERS = [
    "nan", "inf", "-inf", "1e308", "1e309", "-1", "0", "-0", "1", "007", "0x10", "1_000", "1e3", "1.", ".5", "+7",
    "٣", "²", "９", "1e-400", "99999999999999999999", "9" * 5000, "1:30", "true", "Yes", "null", "~", "2026_11_28",
    "1,2", "[1,2]",
]  # fmt: skip
PATHS = [
    "~/x",
    "$HOME/x",
    "/",
    "/dev/null",
    "/proc/self/environ",
    "..",
    "../../etc/passwd",
    "a/" * 3000,
    "/tmp/%j",
    "x//y",
]
SECRETS = ["http://u:pa55word@host/", "Bearer abcdefghi", "--token=abcdefg", "ghp_" + "a" * 30, "${oc.env:MY_TOKEN}"]
INTERPOLATED = ["${seed}", "${nowhere}", "${", "${oc.env:HOME}", "${oc.decode:1}", "${.name}", "\\${x}"]

WORDS = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(codec="ascii"), max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from([*NUMBERS, *PATHS, *SECRETS, *INTERPOLATED]),
    st.lists(st.sampled_from([*HOSTILE, "a", "x"]), min_size=1, max_size=4).map("".join),
    st.lists(st.sampled_from([*NUMBERS, *HOSTILE]), max_size=3).map(lambda words: f"[{','.join(words)}]"),
    st.tuples(st.sampled_from(HOSTILE), st.sampled_from(NUMBERS)).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}"),
)
"""What a person, or somebody who means harm, may type after KEY=."""

BARE_IN_YAML = ("profile", "site folder", "suite file", "references file")
"""Routes by which a word stands in YAML without quotes, which takes blanks around it away."""


def yaml_text(word: str) -> str:
    """Return a text as YAML quotes it, on one line."""
    return '"' + "".join(sign if sign.isalnum() and sign.isascii() else f"\\U{ord(sign):08x}" for sign in word) + '"'


def assert_as_typed(hint: Any, key: str, word: str, route: str, value: Any) -> None:
    """Hold an accepted value of a type to be what was typed."""
    kinds = alternatives(hint)
    plain = not set(word) & set("\\'\"#") and "${" not in word
    if value is None or not plain or (route in BARE_IN_YAML and word != word.strip()):
        return
    if (
        isinstance(value, str)
        and str in kinds
        and not word.startswith(("[", "{", "&", "!", "|", ">", "%", "@", "`", "*"))
    ):
        # Hydra's grammar drops blanks around most words, not after ":".
        expected = {word} if route.endswith("quoted") else {word, word.strip(" \t")}
        assert value in expected, f"{key}={word!r} by {route} became {value!r}"
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(word.strip().replace("_", "")) if number_like(word) else None
        assert number is None or math.isclose(value, number), f"{key}={word!r} by {route} became {value!r}"


def number_like(word: str) -> bool:
    """Whether Python reads a decimal number in a word."""
    try:
        float(word.strip().replace("_", ""))
    except ValueError:
        return False
    return not word.strip().lstrip("+-").startswith("0")


@dataclass
class Count:
    """How many inputs were tried, by what became of them."""

    routes: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        """Return the counts in words."""
        total = sum(self.outcomes.values())
        lines = [
            f"{total} inputs over {len(self.keys)} keys ({min(self.keys.values())} to {max(self.keys.values())} each)"
        ]
        lines += [f"  {name}: {number}" for name, number in [*self.routes.items(), *self.outcomes.items()]]
        return "\n".join(lines)
