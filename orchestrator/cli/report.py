"""``python -m orchestrator report [CAMPAIGN…] [--format NAME] [-o PLACE]``: the stored campaigns in any format."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.config.paths import store_file
from orchestrator.errors import OrchestratorError, UsageError, nearest
from orchestrator.records.files import write_output
from orchestrator.report.formats import FORMATS, Format, Report
from orchestrator.report.kept import Kept, program_state
from orchestrator.report.tables.rows import rows_text

if TYPE_CHECKING:
    from orchestrator.report.projections import Question
    from orchestrator.store.entries import HostHistoryRow
    from orchestrator.store.store import RunRecord, Store


PROJECTION_KEYS = ("algorithm", "cores")
WIDTH = 120
"""Columns of a list in an error, which may go to a file."""
FLEET_WEEKS = 8
"""How many weeks back hosts are searched for repeated slowness."""


def fleet_of(store: Store, records: Sequence[RunRecord]) -> list[HostHistoryRow]:
    """Return the stored rows by host of the campaign's clusters, over FLEET_WEEKS up to the campaign's end."""
    newest = max((record.run["created"] for record in records), default=0.0)
    rows: list[HostHistoryRow] = []
    for cluster in sorted({record.run["cluster"] for record in records}):
        since = newest - FLEET_WEEKS * 7 * 86400
        rows += store.host_history(cluster=cluster, since=since, until=newest + 1)
    return rows


def show_report(name: str, records: Sequence[RunRecord], as_json: bool, fleet: Sequence[HostHistoryRow] = ()) -> int:
    """Print one campaign's report; return the exit code of its runs."""
    from orchestrator.report.document import report_document
    from orchestrator.report.tables.runs import print_report

    document = report_document(name, records, fleet)
    if as_json:
        common.print_json(document)
    else:
        print_report(document, common.stdout_console())
    return common.worst_exit_code(document["runs"])


def parse_format(ours: argparse.Namespace) -> Format:
    """Return the format that the options name, which is put into them. Raises UsageError."""
    if ours.json:
        if ours.format not in (None, "json"):
            raise UsageError(f"--json is --format json, not {ours.format}; give one of both.")
        ours.format = "json"
    ours.format = ours.format or ("html" if ours.history and ours.output else "terminal")
    if ours.format not in FORMATS:
        known = rows_text([(name, form.summary) for name, form in FORMATS.items()], WIDTH, indent="  ")
        raise UsageError(f"There is no format '{ours.format}'.{nearest(ours.format, list(FORMATS))}\n{known}")
    if ours.history and ours.format not in ("terminal", "json", "markdown", "html"):
        raise UsageError(f"--history is written as terminal, json, markdown or html, not {ours.format}.")
    form = FORMATS[ours.format]
    if ours.output is None and not form.renders:
        place = "to a server: give its URL, -o URL" if form.place == "address" else "a folder: say which, -o DIR"
        raise UsageError(f"--format {ours.format} writes {place}.")
    return form


def write_reports(form: Format, reports: Sequence[Report], output: str | None) -> None:
    """Print, write or send the reports. Raises UsageError if the place cannot be written."""
    try:
        if form.place == "address":
            print(form.function("write")(reports, output))
        elif output is None or (output == "-" and form.renders):
            print(form.function("render")(reports), end="")
        elif form.place == "text":
            Path(output).resolve().parent.mkdir(parents=True, exist_ok=True)
            write_output(Path(output), form.function("render")(reports))
            print(output)
        else:
            print(form.function("write")(reports, Path(output)))
    except OSError as error:
        raise UsageError(
            f"-o {output}: cannot be written ({error.strerror or error}); name a place that can"
        ) from error


def parse_question(ranks: str | None, settings: Mapping[str, str]) -> Question | None:
    """Return the question of ``--project 8,64,512 [algorithm=NAME] [cores=N]``. Raises UsageError."""
    if ranks is None:
        if settings:
            raise UsageError(f"{next(iter(settings))}= goes with --project RANKS.")
        return None
    from orchestrator.analysis.projection import ALGORITHMS
    from orchestrator.config.validate import MOST_RANKS
    from orchestrator.report.projections import Question

    what = "numbers of ranks with commas between them, as in --project 8,64,512"
    counts = [common.parse_whole("--project ", word, MOST_RANKS, what) for word in ranks.split(",")]
    algorithm, cores = settings.get("algorithm"), settings.get("cores")
    if algorithm is not None and algorithm not in ALGORITHMS:
        raise UsageError(f"algorithm={algorithm} is not known.{nearest(algorithm, ALGORITHMS)}")
    shared = None
    if cores is not None:
        shared = common.parse_whole("cores=", cores, MOST_RANKS, "the number of cores that all ranks share")
    return Question(counts, algorithm, shared)


def make_reports(store: Store, campaigns: Sequence[str], question: Question | None) -> list[Report]:
    """Return reports of the named campaigns, or of the newest one. Raises UsageError."""
    from orchestrator.report.document import report_document

    known = store.campaigns()
    names = [name.rstrip("/").rpartition("/")[2] for name in campaigns] or known[:1]
    for name in names:
        if name not in known:
            raise UsageError(f"The store has no campaign '{name}'.{nearest(name, known)}")
    records = {name: store.campaign(name) for name in sorted(set(names), key=known.index)}
    return [
        Report(name, report_document(name, found, fleet_of(store, found), question), found)
        for name, found in records.items()
    ]


SMALL_BYTES = 8 * 2**20
"""Size of a store of which a report is made unasked, at a run's end."""
KEPT_FORMATS = ("terminal", "json")
"""Those that are made of nothing but documents."""


def main(arguments: Sequence[str]) -> int:
    """Write the reports; return the gravest exit code of the campaigns."""
    program = program_state()
    ours = parse("report", arguments)
    form = parse_format(ours)
    if ours.history:
        from orchestrator.cli import history

        options = common.campaign_options(ours, "report", history.KEYS)
        return history.print_history(common.existing_store(options), ours.format, ours.output, options)
    options = common.campaign_options(ours, "report", PROJECTION_KEYS)
    reports = kept_reports(options, ours.project, program) if ours.format in KEPT_FORMATS else None
    # Seconds for thousands of runs.
    if reports is None:
        with common.stderr_console().status("Reading what was measured …"):
            reports = make_and_keep(options, ours.project, program)
    if ours.format == "terminal" and ours.output is None:
        from orchestrator.report.tables.runs import print_report

        console = common.stdout_console()
        for report in reports:
            print_report(report.document, console)
    else:
        runs = sum(len(report.document["runs"]) for report in reports)
        # What is printed would be drawn over.
        shown = (
            nullcontext() if ours.output in (None, "-") else common.stderr_console().status(f"Writing {runs} runs …")
        )
        with shown:
            write_reports(form, reports, ours.output)
    return max(common.worst_exit_code(report.document["runs"]) for report in reports)


def kept_reports(options: common.CampaignOptions, project: str | None, program: str | None) -> list[Report] | None:
    """Return the reports that were made before of the same store, by the same program; None if there are none."""
    file = store_file(options.store_url)
    found = Kept(file, program).find(asked(options.campaigns, project, options.settings)) if file else None
    return [Report(document["campaign"], document, []) for document in found] if found else None


def make_and_keep(options: common.CampaignOptions, project: str | None, program: str | None) -> list[Report]:
    """Return the reports, and keep their documents for who asks next. Raises UsageError.

    ``program`` is its state when this process began (kept.program_state).
    """
    store = common.existing_store(options)
    kept = kept_beside(store, program)
    before = kept.state() if kept else None
    reports = make_reports(store, options.campaigns, parse_question(project, options.settings))
    if kept:
        question = asked(options.campaigns, project, options.settings)
        kept.keep(question, before, [report.document for report in reports])
    return reports


def keep_for_later(store: Store, campaign: str, program: str | None) -> None:
    """Keep the report of a campaign that has just ended, which may be asked for next; not where making it takes long,
    and never with an error. ``program`` is its state when this process began (kept.program_state).
    """
    kept = kept_beside(store, program)
    with suppress(OrchestratorError, OSError):
        if kept is None or kept.store.stat().st_size > SMALL_BYTES:
            return
        before = kept.state()
        documents = [report.document for report in make_reports(store, [campaign], None)]
        for campaigns in ([campaign], []) if store.campaigns()[:1] == [campaign] else ([campaign],):
            kept.keep(asked(campaigns), before, documents)


def kept_beside(store: Store, program: str | None) -> Kept | None:
    """Return what is kept beside an open store; None of a store that is no file."""
    from orchestrator.store.engine import file_of

    file = file_of(store.engine)
    return Kept(file.resolve(), program) if file and file.resolve() == store_file(store.url) else None


def asked(
    campaigns: Sequence[str], project: str | None = None, settings: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return what is asked of a store, as documents are kept under it."""
    return {"campaigns": list(campaigns), "project": project, "settings": dict(settings or {})}
