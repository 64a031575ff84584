"""What a plot is, before any page shows it: words of its axes, and marks that stay apart without their colours."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from stored import scaling_campaign

from orchestrator.report.document import report_document
from orchestrator.report.html.campaign import campaign_plots
from orchestrator.report.html.plots.acceptance import plot_messages
from orchestrator.report.html.plots.figure import decade_axis, style
from orchestrator.report.html.plots.times import BarAxis, plot_bars


def test_every_logarithmic_axis_says_so_and_has_two_labels_at_least(tmp_path: Path) -> None:
    plots = campaign_plots(report_document("c", scaling_campaign(tmp_path)), {})
    messages = plot_messages([(8.0, 9.0, 0.1, 0.1), (2.0**30, 9e5, 9.0, 9.0)], ranks=2)
    assert messages is not None
    found = [
        axis
        for plot in [*plots, messages] for name, axis in plot.layout.items() if name.startswith(("xaxis", "yaxis"))
        if axis.get("type") == "log"
    ]  # fmt: skip
    assert len(found) >= 4
    for axis in found:
        assert axis["title"]["text"].endswith(", log")
        assert len(axis["ticktext"]) == len(set(axis["ticktext"])) >= 2


@pytest.mark.parametrize(
    ("low", "high"), [(60.0, 75.0), (100.0, 100.0), (99.0, 390.0), (1e-7, 3e-7), (8.0, 2.0**30), (1083.2, 1083.3)]
)
def test_values_stand_between_labels_however_close_or_far_they_are(low: float, high: float) -> None:
    axis = decade_axis("samples/s", [low, high])
    assert axis["tickvals"][0] < low <= high < axis["tickvals"][-1]
    assert axis["range"] == [math.log10(axis["tickvals"][0]), math.log10(axis["tickvals"][-1])]
    assert [float(text) for text in axis["ticktext"]] == pytest.approx(axis["tickvals"])
    assert 2 <= len(axis["tickvals"]) <= 14


def test_parts_of_a_bar_stay_apart_beyond_the_colours_that_there_are() -> None:
    parts = {f"phase {number}": [1.0] for number in range(24)}
    plot = plot_bars("phases", "Phases", "", BarAxis("seconds", ":.2f"), ["a run"], parts)
    marks = [(trace["marker"]["color"], trace["marker"]["pattern"]["shape"]) for trace in plot.traces]
    assert len(set(marks)) == len(parts)
    assert {shape for _, shape in marks[:6]} == {""}


def test_lines_stay_apart_beyond_the_colours_that_there_are_and_without_any() -> None:
    drawn = [style(number) for number in range(24)]
    assert len({(one["line"]["color"], one["line"]["dash"]) for one in drawn}) == len(drawn)
    assert len({(one["line"]["dash"], one["marker"]["symbol"]) for one in drawn}) == len(drawn)


def test_methods_share_a_plot_of_quality_whatever_target_each_has(tmp_path: Path) -> None:
    document = report_document("c", scaling_campaign(tmp_path))
    for run, target in zip(document["runs"], [None, 0.6, 0.7], strict=False):
        run["quality"]["target"] = target
    plots = [plot for plot in campaign_plots(document, {}) if plot.key.startswith("accuracy-")]
    assert len(plots) == 1
    names = [trace["name"] for trace in plots[0].traces]
    assert {"target 0.6", "target 0.7"} <= set(names)
