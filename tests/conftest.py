"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest
from commands import Answer, Command, orchestrate
from verdicts import HEADINGS, VERDICTS, Verdict
from xdist.scheduler import LoadScopeScheduling

EVERY_BENCHMARK = "test_every_benchmark.py"
LEFT_OUT = "takes long for a rare case, or repeats with other parameters what was shown: THOROUGH=1"
NO_SLURM = "on Debian, as root, `slurm/testcluster up 4 --threaded 1` makes one; `.ci/run` does so by itself"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What compares times runs alone; the rest runs side by side. ``make test`` starts pytest once for each."""
    parser.addoption("--measures", choices=["only", "not"], help="only tests marked `measures`, or all others")
    parser.addoption("--quick", action="store_true", help="skip tests marked `thorough`, and of `quick(n)` all but n")


def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: many tests wait for a scheduler, a clock, a browser or a database."""
    from orchestrator.records.topology import read_topology

    return min(read_topology().usable_threads, 8) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Workers share the processors: one thread each, also in what they start, unless a test says otherwise; what tests
    start is ended by signals.
    """
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"
    # However the tests were started (nohup, a shell's background): what they start can be ended by any signal. Signals
    # that are handled are not ignored by children, and do nothing here.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """What must stay together: the tests of the one Slurm, and of one file, whose fixtures are shared.

    Of the file that tests every benchmark, the tests of one.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith("tests/slurm/") or "[slurm]" in nodeid:
            return "slurm"
        file, _, name = nodeid.partition("::")
        _, _, parameters = name.partition("[")
        return f"{file} {parameters.rstrip(']').partition('-')[0]}" if file.endswith(EVERY_BENCHMARK) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Hand out what is together to one worker."""
    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose what is asked for; what waits most begins first."""
    measures = config.getoption("--measures")
    if measures:
        kept: list[pytest.Item] = []
        dropped: list[pytest.Item] = []
        for item in items:
            measured = item.get_closest_marker("measures") is not None
            (kept if measured == (measures == "only") else dropped).append(item)
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
    if config.getoption("--quick"):
        leave_out(items)
    with_ranks = {item.path for item in items if item.get_closest_marker("ranks")}
    items.sort(key=lambda item: (item.get_closest_marker("slurm") is None, item.path not in with_ranks))


def leave_out(items: Iterable[pytest.Item]) -> None:
    """Skip what is thorough, and what comes after the first n sets of parameters of a test that is marked quick(n)."""
    sets = Counter[str]()
    for item in items:
        name = item.nodeid.partition("[")[0]
        sets[name] += 1
        enough = item.get_closest_marker("quick")
        if item.get_closest_marker("thorough") or (enough and sets[name] > enough.args[0]):
            item.add_marker(pytest.mark.skip(reason=LEFT_OUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the verdicts of a test to its report, which gets to the process that prints."""
    report = yield
    report.user_properties += [("verdict", astuple(verdict)) for verdict in VERDICTS]
    VERDICTS.clear()
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what became of faults, and how the tests that were skipped for want of a Slurm can be had."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    verdicts = [Verdict(*values) for report in reports for name, values in report.user_properties if name == "verdict"]
    if verdicts:
        terminalreporter.section("faults")
        terminalreporter.line(HEADINGS)
        for verdict in verdicts:
            terminalreporter.line(str(verdict))
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "slurm" in report.keywords]
    if skipped:
        terminalreporter.section("no Slurm")
        terminalreporter.line(f"{len(skipped)} tests were skipped that need a Slurm: {NO_SLURM}")


@pytest.fixture
def orchestrator(tmp_path: Path) -> Command:
    """Runs ``python -m orchestrator`` in an empty folder."""

    def run(*words: str, timeout: float = 300, cwd: Path = tmp_path) -> Answer:
        return orchestrate(*words, cwd=cwd, timeout=timeout)

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command line whose run takes seconds and learns: few classes, a small network. Its data are made once."""
    data = tmp_path_factory.mktemp("data")
    words = [
        "benchmark=stemdl",
        f"cluster.paths.data={data}",
        "benchmark.dataset.preset=tiny",
        "benchmark.dataset.space_groups=3",
        "benchmark.dataset.materials_per_space_group=16",
        "benchmark.dataset.samples_per_material=4",
        "benchmark.model.width=8",
        "benchmark.training.batch_size=16",
        "benchmark.training.epochs=30",
        "benchmark.quality.target=0.6",
        "benchmark.pictures=false",
        "benchmark.count_work=false",
        "cluster.threads_per_rank=1",
    ]
    made = orchestrate("data", "stemdl", "synthesise", *words[1:], cwd=data)
    assert made.code == 0, made.err
    return words
