"""All pages, in a real Chromium: for a keyboard, a phone, a dark screen, a reader's ear, and without JavaScript; and
with no way out to any server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, DRIVER, MISSING, Browser, chromium
from made import made_campaign
from pages import all_pages
from quick import some_quick
from stored import failed_run, stored_run

from orchestrator.report.document import report_document
from orchestrator.report.formats import Report
from orchestrator.report.formats.html import write
from orchestrator.report.html.library import read_library

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)]

KINDS = ("campaign", "acceptance", "run", "history", "matrix", "start")
SCREENS = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844, "mobile": True}}
MOST_STOPS = 30


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return all_pages(tmp_path_factory.mktemp("pages"))


def axe_program() -> str:
    """axe-core: that of the package, or a newer one that the variable AXE names."""
    if "AXE" in os.environ:
        return Path(os.environ["AXE"]).read_text(encoding="utf-8")
    package = pytest.importorskip("axe_core_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(browser: Browser) -> list[str]:
    """What axe-core complains of, in words."""
    browser.script(axe_program())
    found: list[dict[str, Any]] = browser.driver.execute_async_script(
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations))"
    )
    # It looks at style sheets in ways that the page forbids.
    browser.complaints()
    return [f"{one['id']} ({one['impact']}): {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found]


def all_screens() -> list[Any]:
    """Kinds of page × screens × colours; those of a quick suite are a few."""
    quick = {("campaign", "desktop", "light"), ("acceptance", "phone", "dark")}
    return [
        pytest.param(kind, screen, colours, marks=[] if (kind, screen, colours) in quick else [pytest.mark.thorough])
        for kind in KINDS for screen in SCREENS for colours in ("light", "dark")
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "screen", "colours"), all_screens())
def test_axe_core_finds_no_violation(
    browser: Browser, pages: dict[str, Path], kind: str, screen: str, colours: str
) -> None:
    browser.device(**SCREENS[screen], prefers_color_scheme=colours)  # type: ignore[arg-type]
    browser.open(pages[kind])
    assert violations(browser) == []


@pytest.mark.parametrize("kind", some_quick(KINDS, "campaign", "acceptance"))
def test_a_page_complains_of_nothing_asks_no_server_and_fits_a_phone(
    browser: Browser, pages: dict[str, Path], kind: str
) -> None:
    browser.device(**SCREENS["phone"])  # type: ignore[arg-type]
    browser.open(pages[kind])
    assert browser.complaints() == []
    assert {url.partition(":")[0] for url in browser.requests()} <= {"file", "data", "blob"}
    assert browser.script("return document.documentElement.scrollWidth") <= 390
    beyond = browser.script(
        "return [...document.querySelectorAll('table.stack td')].filter(cell => cell.checkVisibility() && "
        "cell.getBoundingClientRect().right > 390).map(cell => cell.textContent)"
    )
    assert beyond == []
    bars = "[...document.querySelectorAll('.plot .scrollbar')].filter(bar => bar.getBoundingClientRect().height > 0)"
    assert browser.script(f"return {bars}.length") == 0, "a legend's names have to be scrolled to"


@pytest.mark.parametrize("kind", some_quick(("campaign", "matrix"), "campaign"))
def test_few_stops_of_the_tab_key_are_before_the_runs(browser: Browser, pages: dict[str, Path], kind: str) -> None:
    browser.device(**SCREENS["desktop"])  # type: ignore[arg-type]
    browser.open(pages[kind])
    before = browser.script(
        "const run = document.querySelector('#runs tbody a');"
        "return [...document.querySelectorAll('a[href], summary, button, input, select, [tabindex]')].filter(item => "
        "item.tabIndex >= 0 && item.checkVisibility() && "
        "item.compareDocumentPosition(run) & Node.DOCUMENT_POSITION_FOLLOWING).length"
    )
    assert before <= MOST_STOPS
    assert browser.script("return [...document.querySelectorAll('.plot *')].every(item => item.tabIndex < 0)")


@pytest.mark.parametrize("kind", some_quick(("campaign", "acceptance"), "campaign"))
def test_without_javascript_every_plots_table_is_in_sight_and_no_box_is_blank(
    browser: Browser, pages: dict[str, Path], kind: str
) -> None:
    browser.device(**SCREENS["desktop"])  # type: ignore[arg-type]
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages[kind], draw=False)
        shown = browser.command("Runtime.evaluate", returnByValue=True, expression=(
            "[...document.querySelectorAll('section.drawn')].map(section => [section.querySelector('table')"
            ".checkVisibility(), section.querySelector('.plot').checkVisibility()])"))  # fmt: skip
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)
    values = shown["result"]["value"]
    assert values and all(value == [True, False] for value in values)


def test_no_button_and_no_address_leads_out(browser: Browser, pages: dict[str, Path]) -> None:
    browser.device(**SCREENS["desktop"])  # type: ignore[arg-type]
    browser.open(pages["campaign"])
    titles = browser.script(
        "return [...document.querySelectorAll('.modebar-btn')].map(button => "
        "button.dataset.title || button.getAttribute('data-title') || button.textContent)"
    )
    assert titles and not [title for title in titles if re.search("share|cloud|edit", str(title), re.IGNORECASE)]
    outside = re.compile(rb"[\"'`(]https?://(?!www\.w3\.org/)[^\"'`\s]*")
    found = [
        (path.name, address)
        for path in pages["start"].parent.rglob("*") if path.suffix in (".html", ".js", ".css")
        for address in outside.findall(path.read_bytes())
    ]  # fmt: skip
    assert found == []
    assert len(list(pages["start"].parent.rglob("plotly*.js"))) == 1
    sent = browser.script(
        "const form = document.createElement('form'); form.action = 'https://example.org/'; form.method = 'post';"
        "document.body.append(form); form.submit(); return location.protocol"
    )
    assert sent == "file:"
    assert any("form-action" in complaint for complaint in browser.complaints())


def test_the_library_loses_addresses_and_keeps_its_licence() -> None:
    found = read_library()
    assert b"cloud.plotly.com" not in found["plotly.min.js"] and b"http://www.w3.org/2000/svg" in found["plotly.min.js"]
    assert b"MIT" in found["plotly-LICENSE.txt"]


HOSTILE = (
    "</script><script>window.broken=1</script>", "\x1b]0;owned\x07", "=cmd|' /C calc'!A0", "[x](javascript:alert(1))",
    "\u202egnp.exe", "'\"><img src=x onerror=window.broken=1>", "{{ 7*7 }}", "a" * 200,
)  # fmt: skip


def hostile_report(folder: Path, text: str) -> Report:
    """A campaign of that name whose benchmark's, machine's and hosts' names and causes are the same."""
    names: dict[str, Any] = {"recipe": text, "cluster": text, "metric": text, "dataset_name": text}
    records = [stored_run(folder, text, text, **names), failed_run(folder, campaign=text, name=f"{text}-", cause=text)]
    records[0].ranks = [{**rank, "host": text} for rank in records[0].ranks]
    return Report(text, report_document(text, records), records)


@pytest.mark.thorough
def test_a_campaign_of_hostile_names_hosts_and_causes_is_shown_and_nothing_of_it_runs(
    browser: Browser, tmp_path: Path
) -> None:
    write([hostile_report(tmp_path / "runs", text) for text in HOSTILE], tmp_path / "html")
    browser.device(**SCREENS["desktop"])  # type: ignore[arg-type]
    for page in tmp_path.glob("html/*.html"):
        browser.open(page)
        assert browser.complaints() == [] and not browser.script("return window.broken")
        assert browser.script("return document.querySelectorAll('tbody tr').length") == len(HOSTILE)
        links = browser.script("return [...document.querySelectorAll('#campaigns a')].map(link => link.href)")
    for link in links:
        browser.open(Path(link.removeprefix("file://")))
        assert browser.complaints() == [] and not browser.script("return window.broken")


def test_pages_of_an_earlier_report_go_and_other_files_stay(tmp_path: Path) -> None:
    def report(*names: str) -> None:
        records = [stored_run(tmp_path / "runs", name=name, repeat=number) for number, name in enumerate(names)]
        write([Report("weekly", report_document("weekly", records), records)], tmp_path / "html")

    report("one", "two")
    (tmp_path / "html" / "notes.html").write_text("mine")
    report("two")
    names = {path.name for path in tmp_path.glob("html/*.html")}
    assert names == {"index.html", "run-two.html", "notes.html"}
    assert not list(tmp_path.glob("html/data/run-one*"))


def test_only_a_runs_own_plain_files_get_into_a_report(tmp_path: Path) -> None:
    folder = made_campaign(tmp_path, runs=2)
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"\x89PNG\r\n\x1a\nsecret")
    attempt = folder / "stemdl-small-mpi-n1-r0" / "attempt-1"
    (attempt / "samples.png").unlink()
    (attempt / "samples.png").symlink_to(secret)
    elsewhere = tmp_path / "elsewhere" / "attempt-1"
    elsewhere.mkdir(parents=True)
    (elsewhere / "samples.png").write_bytes(secret.read_bytes())
    records = [stored_run(tmp_path / "runs", "c", f"r{number}", repeat=number) for number in range(3)]
    for record, directory in zip(records, (attempt.parent, elsewhere.parent, records[2].run["directory"]), strict=True):
        record.run["directory"] = str(directory)
    own = Path(records[2].run["directory"], "attempt-1", "samples.png")
    own.write_bytes(b"\x89PNG\r\n\x1a\nown")
    records[0].run["run"] = "stemdl-small-mpi-n1-r0"
    write([Report("c", report_document("c", records), records)], tmp_path / "html")
    pictures = [path.read_bytes() for path in tmp_path.glob("html/data/*.png")]
    assert pictures == [b"\x89PNG\r\n\x1a\nown"]
