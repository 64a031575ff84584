"""The report's document as a whole."""

from __future__ import annotations

from typing import Literal, TypedDict

from orchestrator.report.entries.matrix import MatrixEntry
from orchestrator.report.entries.projection import ProjectionEntry
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.series import LawEntry, RecipeEntry, ScaleEntry, ScalingEntry
from orchestrator.report.entries.slow import RankSpreadEntry, SlowHostEntry, StragglerEntry


class ReportFacts(TypedDict):
    """The keys of every report."""

    schema: Literal["orchestrator.report/1"]
    campaign: str
    planned: int
    runs: list[RunEntry]
    comparison: list[RecipeEntry]
    matrix: list[MatrixEntry]
    scales: list[ScaleEntry]
    scaling: list[ScalingEntry]
    laws: list[LawEntry]
    stragglers: list[StragglerEntry]
    rank_spread: list[RankSpreadEntry]
    slow_hosts: list[SlowHostEntry]


class ReportDocument(ReportFacts, total=False):
    """The report of a campaign; with a projection where one was asked for. Its JSON says in ``not_numbers`` what stood
    in the place of numbers that are null, by their places.
    """

    projection: list[ProjectionEntry]
    not_numbers: dict[str, str]
