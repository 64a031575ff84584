"""The HTML report in a real Chromium, opened from disk."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from sampled import sampled
from stored import STEPS, failed_run, placed_run, scaling_campaign, stored_run

from orchestrator.report.document import report_document
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.projection import CheckEntry, PointEntry, ProjectionEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.campaign import write_campaign
from orchestrator.report.html.plots.scaling import KEY

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)]

EVIL = "\"><script>window.broken=1</script><img src=x onerror='window.broken=1'>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(autouse=True)
def a_desktop_screen(browser: Browser) -> None:
    browser.device()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReportDocument]:
    """The pages of three repeats on 1, 2 and 4 nodes and a run that failed; and the document behind them."""
    folder = tmp_path_factory.mktemp("report")
    records = [*scaling_campaign(folder / "runs"), failed_run(folder / "runs", name="broken")]
    document = report_document("weekly", records)
    write_campaign(document, records, folder / "html")
    return folder / "html", document


def traces(browser: Browser, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.script(
        "return document.querySelector(`[data-figure='${arguments[0]}-figure']`)._fullData.map("
        "trace => ({name: trace.name, type: trace.type, x: Array.from(trace.x), y: Array.from(trace.y ?? [])}))",
        key,
    )
    return found


def test_pages_open_from_disk_without_complaint_or_any_request_beyond_their_folder(
    browser: Browser, report: tuple[Path, ReportDocument]
) -> None:
    folder, _ = report
    for page in folder.glob("*.html"):
        browser.open(page)
        assert browser.complaints() == []
        requests = browser.requests()
        assert len(requests) >= 4
        local = ("file://" + str(folder.resolve()), "data:")
        assert [address for address in requests if not address.startswith(local)] == []


def test_a_runs_page_draws_which_rank_sits_on_which_core_and_device(browser: Browser, tmp_path: Path) -> None:
    records = [placed_run(tmp_path / "runs")]
    write_campaign(report_document("weekly", records), records, tmp_path / "html")
    browser.open(tmp_path / "html" / "run-placed.html")
    cells = "return [...document.querySelectorAll('#placement .core')].map(core => core.textContent).join(',')"
    assert browser.script(cells) == ",".join([*"0" * 6, "", "", *"1" * 6, "", ""])
    rows = "return [...document.querySelectorAll('#placement tbody tr')].map(row => row.innerText.trim())"
    assert browser.script(rows)[1].split("\t") == ["1", "6 cores (8-13), 2 threads each", "NVIDIA A100-SXM4-80GB #1"]
    assert browser.script("return document.querySelector('#placement figcaption').textContent") == (
        "node0, node1: 2 ranks each"
    )
    browser.device(width=360, height=740, mobile=True)
    assert browser.script("return document.documentElement.scrollWidth <= innerWidth")


def test_every_question_has_its_plot_with_a_trace_for_what_was_measured(
    browser: Browser, report: tuple[Path, ReportDocument]
) -> None:
    folder, document = report
    browser.open(folder / "index.html")
    ideal, measured, *laws = traces(browser, "scaling-weak")
    assert ideal["y"] == [1, 1]
    assert measured["x"] == [1, 2, 4]
    assert measured["y"] == pytest.approx([entry["efficiency"] for entry in document["scaling"]])
    assert {trace["name"].partition(" (")[0] for trace in laws} == {"stemdl: Gustafson"}
    ideal, measured = traces(browser, "throughput")
    mean = (0.99 * 1 * 1.01) ** (1 / 3)  # geometric, of repeats that differ by a hundredth
    assert ideal["y"] == pytest.approx([200 * mean, 400 * mean, 800 * mean])
    assert measured["y"] == pytest.approx([200 * mean, 372 * mean, 680 * mean])
    names = [trace["name"] for trace in traces(browser, "accuracy-0")]
    assert names.count("1 node, repeats") == names.count("4 nodes, repeats") == 3
    assert "2 nodes, median of 3" in names
    assert "target 0.7" in names
    parts = {trace["name"]: trace["x"] for trace in traces(browser, "time")}
    assert [sum(shares) for shares in zip(*parts.values(), strict=True)] == pytest.approx([1, 1, 1])
    assert set(parts) >= {"compute", "waiting for data", "waiting for slower ranks", "communication", "evaluation"}
    lost = traces(browser, "lost")
    sums = [sum(trace["x"][place] for trace in lost) for place in (0, 1)]
    assert sums == pytest.approx([1 / 0.93 - 1, 1 / 0.85 - 1])
    assert {trace["name"] for trace in traces(browser, "phases")} == {"import", "rendezvous", "train", "evaluate"}
    heat = traces(browser, "heat-0")[0]
    assert heat["type"] == "heatmap"
    assert len(heat["x"]) == STEPS
    assert len(heat["y"]) == 8
    times = {trace["name"]: trace["y"] for trace in traces(browser, "tta-0")}
    assert times["stemdl, olympic mean"] == [24.0, 12.0, 6.0]
    assert times["ideal"] == [24.0, 12.0, 6.0]


def test_a_plots_numbers_download_from_disk_as_csv(browser: Browser, report: tuple[Path, ReportDocument]) -> None:
    folder, document = report
    browser.open(folder / "index.html")
    browser.script("document.querySelector('#scaling-weak .under a').click()")
    rows = list(csv.DictReader(io.StringIO(browser.downloaded("index-scaling-weak.csv"))))
    assert [float(row["efficiency"]) for row in rows] == [entry["efficiency"] for entry in document["scaling"]]
    assert [[float(row["low"]), float(row["high"])] for row in rows] == [
        entry["interval"] for entry in document["scaling"]
    ]
    assert {row["dataset"] for row in rows} == {"stemdl, stand-in"}


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(
    browser: Browser, report: tuple[Path, ReportDocument]
) -> None:
    from selenium.webdriver.common.keys import Keys

    folder, _ = report
    browser.open(folder / "index.html")
    browser.press(Keys.TAB)
    assert browser.script("return document.activeElement.textContent") == "Skip to the content"
    assert browser.script("return document.activeElement.getBoundingClientRect().left") >= 0
    places = []
    expected = browser.script("return document.querySelectorAll('a, summary, .wide').length")
    for _ in range(expected + 20):
        places.append(browser.script("return [...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert browser.script("return getComputedStyle(document.activeElement).outlineStyle") != "none"
        browser.press(Keys.TAB)
        if browser.script("return document.activeElement === document.body"):
            break
    assert places == sorted(places)
    visible = browser.script(
        "return [...document.querySelectorAll('a, summary')].filter(item => item.checkVisibility()).length"
    )
    assert len(set(places)) >= visible
    browser.script("document.querySelector('#scaling-weak summary').focus()")
    browser.press(Keys.ENTER)
    assert browser.script("return document.querySelector('#scaling-weak table').checkVisibility()")


def test_headings_name_every_section_and_plots_have_a_text_for_those_who_cannot_see_them(
    browser: Browser, report: tuple[Path, ReportDocument]
) -> None:
    folder, _ = report
    browser.open(folder / "index.html")
    levels = browser.script("return [...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert browser.script(
        "return [...document.querySelectorAll('section')].every(section => "
        "document.getElementById(section.getAttribute('aria-labelledby'))?.textContent)"
    )
    assert browser.script(
        "return [...document.querySelectorAll('.plot')].every(plot => plot.getAttribute('aria-label') && "
        "plot.closest('section').querySelector('table'))"
    )


def lightness(colour: str) -> float:
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3 / 255


def test_dark_mode_colours_page_and_plots_alike(browser: Browser, report: tuple[Path, ReportDocument]) -> None:
    folder, _ = report
    paper = "return getComputedStyle(document.body).backgroundColor"
    ink = "return getComputedStyle(document.querySelector('.plot .xtitle')).fill"
    line = "return document.querySelector('[data-figure=scaling-weak-figure]')._fullData[1].line.color"
    browser.open(folder / "index.html")
    assert lightness(browser.script(paper)) > 0.9
    assert lightness(browser.script(ink)) < 0.3
    on_light = browser.script(line)
    browser.device(prefers_color_scheme="dark")
    browser.wait(f"(() => {{{ink}}})() !== '' && document.querySelector('.plot')._fullLayout.font.color === '#e6e8eb'")
    assert lightness(browser.script(paper)) < 0.15
    assert lightness(browser.script(ink)) > 0.7
    assert browser.script(line) != on_light


def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, report: tuple[Path, ReportDocument]) -> None:
    folder, _ = report
    browser.device(width=360, height=740, mobile=True)
    for page in ("index.html", "run-stemdl-small-n4-r0.html"):
        browser.open(folder / page)
        assert browser.script("return document.documentElement.scrollWidth") <= 360
        widths = "return [...document.querySelectorAll('.main-svg')].map(plot => plot.getBoundingClientRect().width)"
        assert max(browser.script(widths)) <= 360
    assert browser.script("return document.querySelector('.plot')._fullLayout.dragmode") is False


def test_print_is_dark_on_white_even_from_a_dark_screen(browser: Browser, report: tuple[Path, ReportDocument]) -> None:
    folder, _ = report
    browser.device(prefers_color_scheme="dark")
    browser.open(folder / "index.html")
    browser.device(prefers_color_scheme="dark", medium="print")
    browser.wait("document.querySelector('.plot')._fullLayout.font.color === '#000'")
    assert lightness(browser.script("return getComputedStyle(document.body).color")) < 0.1
    assert not browser.script("return document.querySelector('nav').checkVisibility()")
    assert browser.pdf().startswith(b"%PDF")


def test_texts_from_outside_are_shown_and_never_run(browser: Browser, tmp_path: Path) -> None:
    records = [
        stored_run(tmp_path, name=EVIL, recipe=EVIL, dataset_name=EVIL, metric=EVIL, benchmark=EVIL, cluster=EVIL),
        stored_run(tmp_path, name="ok", nodes=2, recipe=EVIL, dataset_name=EVIL, metric=EVIL, benchmark=EVIL),
        failed_run(tmp_path, name="=1+1", cause=EVIL),
    ]
    for record in records:
        if len(record.ranks):
            record.ranks = [{**rank, "host": EVIL} for rank in record.ranks]
    index = write_campaign(report_document(EVIL, records), records, tmp_path / "html")
    for page in index.parent.glob("*.html"):
        browser.open(page)
        assert browser.complaints() == []
        assert not browser.script("return window.broken")
        assert not browser.script("return document.querySelector('img[onerror]')")
    browser.open(index)
    assert EVIL in browser.script("return document.querySelector('h1').textContent")
    assert EVIL in browser.script("return document.querySelector('#runs').textContent")
    assert EVIL in browser.script("return document.querySelector('#accuracy-0 .ytitle').textContent")


def test_stand_in_and_real_data_never_share_a_line(browser: Browser, tmp_path: Path) -> None:
    records = [
        stored_run(
            tmp_path, name=f"{source}-{nodes}", nodes=nodes, dataset_source=source, dataset_checksum=source, rate=rate
        )
        for source, rate in (("stand-in", 100.0), ("real", 40.0))
        for nodes in (1, 2)
    ]
    browser.open(write_campaign(report_document("both", records), records, tmp_path / "html"))
    lines = traces(browser, "scaling-weak")[1:]
    assert sorted(trace["name"] for trace in lines) == ["stemdl, real", "stemdl, stand-in"]
    assert browser.script("return document.querySelectorAll('[data-figure^=accuracy]').length") == 2


def test_what_is_projected_is_a_dashed_plot_of_its_own_and_says_so(browser: Browser, tmp_path: Path) -> None:
    records = [stored_run(tmp_path, name=f"n{nodes}", nodes=nodes) for nodes in (1, 2)]
    document = report_document("c", records)
    point = sampled(PointEntry, ranks=64, nodes=32, efficiency=0.8, band=[0.7, 0.9])
    points = [point, sampled(PointEntry, **{**point, "ranks": 128})]
    check = [sampled(CheckEntry, error=-0.03)]
    common = dict(zip(KEY, values_of(document["scaling"][0], KEY), strict=True))
    document["projection"] = [sampled(ProjectionEntry, **common, base_ranks=2, check=check, points=points)]
    browser.open(write_campaign(document, records, tmp_path / "html"))
    assert [trace["name"] for trace in traces(browser, "projection")] == ["stemdl, projected"]
    place = "document.querySelector('[data-figure=projection-figure]')"
    assert browser.script(f"return {place}._fullData[0].line.dash") == "dash"
    note = browser.script("return document.querySelector('#projection .note').textContent")
    assert "Not measured" in note
    assert "off by at most 3.0 points" in note
    assert not any("projected" in trace["name"] for trace in traces(browser, "scaling-weak"))


def test_the_libraries_licence_goes_with_it(report: tuple[Path, ReportDocument]) -> None:
    folder, _ = report
    assert "MIT" in (folder / "assets" / "plotly-LICENSE.txt").read_text()
    assert len(list(folder.rglob("plotly*.js"))) == 1
