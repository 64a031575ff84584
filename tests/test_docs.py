"""The documentation's site: it builds, has everything, asks no other host, and the walk and the programs in it work."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from browser import CHROMIUM, DRIVER, MISSING, chromium
from commands import PROJECT
from test_readme import TAUGHT, TRIES, run_report

from orchestrator.__main__ import main
from orchestrator.cli.verbs import VERBS
from orchestrator.config.explanations import explain_keys
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.errors import EXIT_CODES

DOCS = PROJECT / "docs"
WALK = (DOCS / "first-hour.md").read_text(encoding="utf-8")
STEPS = [
    shlex.split(line, comments=True)[3:] for line in WALK.splitlines() if line.startswith("    python -m orchestrator ")
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the site is built by mkdocs (pip install '.[docs]')")
    folder = tmp_path_factory.mktemp("site")
    # --strict: a link that leads nowhere is an error.
    done = subprocess.run([sys.executable, str(DOCS / "build.py"), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_has_every_page_key_verb_and_exit_code(site: Path) -> None:
    pages = [path.relative_to(PROJECT) for path in PROJECT.glob("workloads/*/README.md")]
    assert all((site / page.parent / "index.html").exists() for page in pages)
    keys, verbs = ((site / "reference" / f"{name}.html").read_text() for name in ("keys", "verbs"))
    assert all(f"<code>{item.key}</code>" in keys for item in explain_keys(ScheduleVerbConfig) if item.type != "group")
    assert all(f'id="{verb}"' in verbs for verb in VERBS) and all(f"<td>{code}</td>" in verbs for code in EXIT_CODES)
    assert "orchestrator.report/1" in (site / "reference" / "documents.html").read_text()
    assert "class" not in (site / "reference" / "contracts.html").name
    assert "Dataset" in (site / "reference" / "contracts.html").read_text()


def test_nobody_who_reads_it_asks_another_host(site: Path) -> None:
    wanted = re.compile(r"""<(?:script|img|link|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//(?!www\.mkdocs)""")
    asked = {str(page.relative_to(site)): found for page in site.rglob("*.html")
             if (found := wanted.findall(page.read_text(encoding="utf-8")))}  # fmt: skip
    assert asked == {}
    styles = [
        path for path in site.rglob("*.css") if re.search(r"url\((?:https?:)?//", path.read_text(errors="replace"))
    ]
    assert styles == []


@pytest.mark.browser
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)
def test_search_finds_pages_where_the_site_opens_from_disk(site: Path, tmp_path: Path) -> None:
    with chromium(tmp_path) as browser:
        browser.driver.get(f"{(site / 'search.html').as_uri()}?q=horovod")
        browser.wait("document.querySelector('#mkdocs-search-results article')")
        found = browser.script(
            "return [...document.querySelectorAll('#mkdocs-search-results a')].map(link => link.href)"
        )
    pages = [Path(link.removeprefix("file://").partition("#")[0]) for link in found]
    assert site / "reference" / "verbs.html" in pages and all(page.is_file() for page in pages)


def test_the_walk_goes_from_profile_to_schedule() -> None:
    verbs = [words[0] if words[0] in VERBS else "run" for words in STEPS]
    order = ["list", "doctor", "plan", "run", "logs", "report", "accept", "schedule"]
    assert [verbs.index(verb) for verb in order] == sorted(verbs.index(verb) for verb in order)


def test_the_errors_that_are_quoted_are_printed_by_the_program() -> None:
    files = [path for side in ("orchestrator", "workloads") for path in (PROJECT / side).rglob("*.py")]
    # A text that goes on in the next line is one.
    source = re.sub(r'"\s+f?"', "", "\n".join(path.read_text(encoding="utf-8") for path in files))
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    # Capital letters stand for what differs.
    parts = {part.strip() for text in quoted for part in re.split(r"\b[A-Z]+\b|…|(?<=\.) ", text)}
    assert len(quoted) > 15 and {part for part in parts if len(part) > 3 and part not in source} == set()


OF_RUNS = ("logs", "doctor", "completion")
"""Steps that other tests take: they need a run, this machine's nodes, a home."""


@pytest.mark.parametrize(
    "words", [words for words in STEPS if words[0] not in OF_RUNS and words not in TAUGHT], ids=" ".join
)
def test_every_step_of_the_walk_works(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.replace("cluster=NAME", "cluster=local").replace("scaling", "weekly") for word in words]
    (tmp_path / "references.yaml").write_text("{cluster: local, references: {}}")
    if words[:2] == ["accept", "propose"]:
        # The campaigns are not there: it is read down to their names, with a suite of fewer workloads.
        words[2] = "suite=ci"
        assert main(words[: words.index(">")]) == 64 and "no campaign 'A'" in capsys.readouterr().err
        return
    verb = words[0] if words[0] in VERBS else "run"
    tries = {**TRIES, "report": run_report, "list": main}
    assert tries[verb](words) == 0
    assert "Traceback" not in capsys.readouterr().err


def test_the_programs_from_python_name_what_there_is() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    imported = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.ImportFrom)]
    assert len(blocks) == 2 and imported
    for node in imported:
        module = importlib.import_module(node.module or "")
        assert all(hasattr(module, alias.name) for alias in node.names)


def test_results_are_read_from_python_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_report(["report"])
    capsys.readouterr()
    block = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)[1]
    exec(compile(block, "python.md", "exec"), {})
    assert "stemdl-small-n" in capsys.readouterr().out
