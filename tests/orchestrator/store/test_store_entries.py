"""The types of the store's rows name its columns, and say of each what it holds and whether it may be empty."""

from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from sqlalchemy import Table

from orchestrator.records.typed import get_type_hints
from orchestrator.store import entries, tables
from orchestrator.store.ranks import MEASURES, STORED_MEASURES


def kinds_of(hint: Any) -> set[type]:
    """Types that a value of that type may have."""
    if get_origin(hint) is Literal:
        return {type(value) for value in get_args(hint)}
    if get_origin(hint) in (Union, UnionType):
        return set().union(*map(kinds_of, get_args(hint)))
    return {hint}


def kinds_of_columns(table: Table) -> dict[str, set[type]]:
    """Types of a table's values by their columns, without the number of the run that a row belongs to."""
    return {
        column.name: {column.type.python_type, *([NoneType] if column.nullable else [])}
        for column in table.columns
        if column.name != "run_id"
    }


@pytest.mark.parametrize(
    ("row", "table"),
    [
        (entries.RunRow, tables.runs),
        (entries.HostRow, tables.hosts),
        (entries.EvaluationRow, tables.evaluations),
        (entries.PhaseRow, tables.phases),
    ],
)
def test_a_row_has_the_columns_of_its_table(row: type, table: Table) -> None:
    hints = {STORED_MEASURES.get(name, name): kinds_of(hint) for name, hint in get_type_hints(row).items()}
    assert hints == kinds_of_columns(table)


def test_a_rank_has_the_measures_that_are_packed() -> None:
    assert set(get_type_hints(entries.Measures)) == set(MEASURES)


def test_a_row_of_the_history_has_its_columns_and_the_week() -> None:
    assert {*tables.HISTORY, "week"} <= set(get_type_hints(entries.HistoryRow))
