"""The history page in a real Chromium: verdicts, courses, the filter."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from commands import Command
from stored import stored_run

from orchestrator.analysis.courses import COLUMNS, judge_courses, set_column
from orchestrator.store.store import RunRecord, Store

WEEK = 7 * 86400.0
EVIL = "<script>window.broken=1</script>\"'"


def weekly_runs(folder: Path, weeks: int = 12) -> list[RunRecord]:
    """Five repeats a week on two clusters and of two sources: one series slows by 8 % in the last week, another long
    ago by 6 %.
    """
    random = np.random.default_rng(0)
    records = []
    for cluster, source in (("fast", "real"), ("fast", "stand-in"), (EVIL, "real")):
        for week in range(weeks):
            factor = 1.0
            if (cluster, source) == ("fast", "real") and week == weeks - 1:
                factor = 0.92
            if cluster == EVIL and week >= weeks // 2:
                factor = 0.94
            for repeat in range(5):
                rate = 100 * factor * (1 + 0.003 * random.standard_normal())
                created = 1.79e9 + week * WEEK + 60 * repeat
                changes: dict[str, Any] = {"cluster": cluster, "dataset_source": source, "dataset_checksum": source}
                changes |= {"time_to_accuracy_s": None}
                name = f"{source}-r{repeat}"
                run = stored_run(folder, f"week-{week}", name, 2, repeat, rate, created, **changes)
                records.append(run)
    return records


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    Store(f"sqlite:///{folder / 'store.sqlite'}").put_all(weekly_runs(folder / "runs"))
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip(MISSING)
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


def test_each_series_is_judged_by_its_own_newest_set(results: Path) -> None:
    rows = Store(f"sqlite:///{results / 'store.sqlite'}").history(columns=COLUMNS)
    assert set_column(rows) == "week"
    found = {(item.key["cluster"], item.key["dataset_source"]): item for item in judge_courses(rows, "week")}
    verdicts = {place: str(item.judged[0].comparison.verdict) for place, item in found.items()}
    assert (verdicts["fast", "real"], verdicts["fast", "stand-in"]) == ("slower", "no change")
    # A step that nobody accepted stays open for as long as it lasts.
    assert verdicts[EVIL, "real"] == "slower"
    assert found[EVIL, "real"].judged[0].since == found[EVIL, "real"].levels[6].name
    (change,) = found[(EVIL, "real")].changes
    assert change.index == 6
    assert change.change == pytest.approx(-0.06, abs=0.01)
    assert [level.n for level in found[("fast", "real")].levels] == [5] * 12


def test_a_young_store_is_shown_by_campaign(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store.put_all([stored_run(tmp_path, f"c{number}", created=1.79e9 + number) for number in range(3)])
    rows = store.history(columns=COLUMNS)
    assert set_column(rows) == "campaign"
    (course,) = judge_courses(rows, "campaign")
    assert [level.name for level in course.levels] == ["c0", "c1", "c2"]


@pytest.mark.browser
def test_the_page_names_what_is_slower_and_draws_every_series_apart(
    orchestrator: Command, browser: Browser, results: Path, tmp_path: Path
) -> None:
    answer = orchestrator("report", "--history", "-o", str(tmp_path / "html"), f"results={results}")
    assert answer.code == 0, answer.err
    browser.device()
    browser.open(tmp_path / "html" / "index.html")
    assert browser.complaints() == []
    assert [address for address in browser.requests() if not address.startswith(("file:", "data:"))] == []
    assert not browser.script("return window.broken")
    text = browser.script("return document.querySelector('.answer').textContent")
    assert text.startswith("2 of 3 series are slower than before: ")
    assert "stemdl on fast, 2 nodes (slower by 8 % [" in text and "slower by 6 % [" in text
    shown = browser.script("return document.querySelector('#verdicts tbody').textContent")
    assert "slower by 8 %" in shown
    assert EVIL in browser.script("return document.querySelector('#verdicts').textContent")
    names = browser.script(
        "return [...document.querySelectorAll('.plot')].map(plot => plot._fullData.map(trace => trace.name))"
    )
    lines = [[name for name in trace if "change" not in name] for trace in names]
    assert sorted(map(len, lines)) == [1, 2]
    assert any("change of level" in name for trace in names for name in trace)
    rows = [row for file in (tmp_path / "html" / "data").glob("*.csv") for row in csv.DictReader(file.open())]
    assert len(rows) == 3 * 12
    assert [row["week"] for row in rows if row["cluster"] == EVIL and row["change"]] == [row_week(rows, 6)]


def row_week(rows: list[dict[str, str]], place: int) -> str:
    return sorted({row["week"] for row in rows})[place]


@pytest.mark.browser
def test_series_can_be_chosen_by_benchmark_cluster_verdict_and_words(
    orchestrator: Command, browser: Browser, results: Path, tmp_path: Path
) -> None:
    orchestrator("report", "--history", "-o", str(tmp_path / "html"), f"results={results}")
    browser.device(width=360, height=740, mobile=True)
    browser.open(tmp_path / "html" / "index.html")
    assert browser.script("return document.documentElement.scrollWidth") <= 360

    def choose(name: str, value: str) -> tuple[int, int, str]:
        browser.script(
            "const filter = document.querySelector(`[data-filter=${arguments[0]}]`);"
            "filter.value = arguments[1]; filter.dispatchEvent(new Event('input', {bubbles: true}))",
            name, value,
        )  # fmt: skip
        return tuple(
            browser.script(
                "return [[...document.querySelectorAll('#verdicts tbody tr')].filter(r => r.checkVisibility()).length,"
                "[...document.querySelectorAll('.plot')].filter(p => p.checkVisibility()).length,"
                "document.querySelector('#chosen').textContent]"
            )
        )

    assert choose("cluster", "fast") == (2, 1, "2 series")
    assert choose("verdict", "slower") == (1, 1, "1 series")
    assert choose("cluster", EVIL) == (1, 1, "1 series")
    assert choose("verdict", "no change") == (0, 0, "0 series")
    assert choose("verdict", "") == (1, 1, "1 series")
    assert choose("cluster", "") == (3, 2, "3 series")
    assert choose("text", "stand-in small") == (1, 1, "1 series")
