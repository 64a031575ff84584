"""Named lists of data sets with methods, where a table has some of all combinations: ``pairs=NAME``.

A benchmark's file lists them, each as DATASET/METHOD:

    pairs:
      NAME: [apples/plain, pears/clever]
"""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.config import families
from orchestrator.errors import UsageError, nearest

WORD = "pairs="


def expand_pairs(overrides: Sequence[str]) -> list[list[str]]:
    """Return the command lines that one with ``pairs=NAME`` stands for, one for each pair of that list; any other is
    returned alone.

    Raises UsageError if there is no such list, or if ``dataset=`` or ``method=`` is given beside it.
    """
    names = [word.removeprefix(WORD) for word in overrides if word.startswith(WORD)]
    if not names:
        return [list(overrides)]
    name, others = names[-1], [word for word in overrides if not word.startswith(WORD)]
    for word in others:
        if word.startswith(("dataset=", "method=")):
            raise UsageError(f"{WORD}{name} chooses data sets and methods: leave out {word}.")
    benchmark = next((word.partition("=")[2] for word in others if word.startswith("benchmark=")), "")
    lists = families.read_benchmark(benchmark).get("pairs") or {} if benchmark in families.benchmarks() else {}
    if name not in lists:
        raise UsageError(f"benchmark {benchmark} has no list of pairs '{name}'.{nearest(name, sorted(lists))}")
    pairs = [str(pair).partition("/") for pair in lists[name]]
    return [[*others, f"dataset={dataset}", f"method={method}"] for dataset, _, method in pairs]
