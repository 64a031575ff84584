"""``python -m orchestrator accept suite=NAME cluster=NAME``: run an acceptance suite and give the verdict.

``accept verify FOLDER`` checks a record; ``accept propose suite=NAME campaigns=A,B`` makes references from runs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.output import stdout_is_unicode
from orchestrator.cli.parsers import parse
from orchestrator.config.validate import NAME
from orchestrator.errors import EXIT_FAILED, EXIT_OK, UsageError, nearest

if TYPE_CHECKING:
    from orchestrator.acceptance.record import Record


VERDICT = "verdict.json"


def main(arguments: Sequence[str]) -> int:
    """Run a suite, or verify a record, or propose references; return the exit code."""
    words = list(arguments)
    if words[:1] == ["verify"]:
        return verify_record(words[1:])
    if words[:1] == ["propose"]:
        return print_proposal(words[1:])
    return run_acceptance(words)


def run_acceptance(arguments: Sequence[str]) -> int:
    """Run a suite to its verdict; return the exit code."""
    options = common.parse_options(arguments, "accept")
    from orchestrator.acceptance.record import Record
    from orchestrator.acceptance.session import Acceptance
    from orchestrator.acceptance.suite import resolve_suite

    suite = resolve_suite(options.overrides, options.config_dir)
    results = Path.cwd() / next(iter(suite.configs.values()))["results"]
    name = suite.record_name or f"{time.strftime('%Y%m%d-%H%M%S')}-{suite.name}-{suite.cluster['name']}"
    if not NAME.fullmatch(name):
        raise UsageError(f"name={name!r}: names are up to 100 letters, digits, '.', '_' and '-'.")
    record = Record(results / "acceptance" / name)
    try:
        record.path.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise UsageError(f"{record.path} exists already; choose another name=NAME.") from error
    except OSError as error:
        raise UsageError(f"{record.path} cannot be made ({error.strerror}); set results=FOLDER elsewhere.") from error
    console = common.stderr_console()
    console.print(f"record: {record.path}", highlight=False, soft_wrap=True)
    try:
        Acceptance(suite, record, console).run_suite()
    except UsageError:
        if not any(record.path.glob("runs/*")):
            # Nothing was submitted, so there is nothing to keep.
            for path in record.path.iterdir():
                path.unlink()
            record.path.rmdir()
        raise
    return write_verdict(record, options.json)


def write_verdict(record: Record, as_json: bool) -> int:
    """Write the verdict in all its forms, seal the record and print the verdict; return its exit code."""
    from orchestrator.acceptance.junit import render_junit
    from orchestrator.acceptance.page import write_page
    from orchestrator.acceptance.presentation import print_verdict
    from orchestrator.acceptance.verdict import verdict_document
    from orchestrator.records import write_json, write_text

    document = verdict_document(record)
    write_json(record.path / VERDICT, document)
    write_text(record.path / "verdict.xml", render_junit(document))
    page = write_page(record, document)
    record.seal()
    if as_json:
        common.print_json({**document, "record": str(record.path)})
    else:
        print_verdict(document, common.stdout_console())
        print(page)
    return document["exit_code"]


def verify_record(arguments: Sequence[str]) -> int:
    """Check that a record is as it was sealed and that its runs give the stored verdict: 0, or 1 with the
    differences.
    """
    options = parse("accept verify", arguments)
    if len(options.words) != 1:
        raise UsageError("Give an acceptance record's folder: accept verify FOLDER.")
    from orchestrator.acceptance.record import SUMS, Record
    from orchestrator.acceptance.verdict import document_differences, verdict_document
    from orchestrator.records import RecordError, read_json

    folder = Path(options.words[0])
    record = Record(folder)
    if not any((record.path / name).is_file() for name in (VERDICT, SUMS)):
        raise UsageError(f"{folder} is no acceptance record: there is no {VERDICT} in it; give a record's folder.")
    try:
        broken = record.broken_seals()
        changed = document_differences(read_json(record.path / VERDICT), verdict_document(record))
    except RecordError as error:
        broken, changed = [str(error)], []
    document = {
        "schema": "orchestrator.verification/1",
        "record": str(record.path),
        "files": {"intact": not broken, "differences": broken},
        "verdict": {"same": not changed, "differences": changed},
    }
    if options.json:
        common.print_json(document)
    else:
        console = common.stdout_console()
        console.print(f"{record.path}: files {'as sealed' if not broken else f'differ from {SUMS}:'}", soft_wrap=True)
        for line in broken:
            console.print(f"  {line}", style="red", markup=False, soft_wrap=True, highlight=False)
        same = "recomputed from the telemetry is the same" if not changed else "recomputed from the telemetry differs:"
        console.print(f"verdict {same}", highlight=False)
        for line in changed:
            console.print(f"  {line}", style="red", markup=False, soft_wrap=True, highlight=False)
    return EXIT_FAILED if broken or changed else EXIT_OK


def print_proposal(arguments: Sequence[str]) -> int:
    """Print references with bounds, made from measured campaigns, as YAML for a person to review."""
    options = common.parse_options(arguments, "accept propose")
    from orchestrator.acceptance.propose import propose_references
    from orchestrator.acceptance.suite import resolve_suite

    ours = {word.partition("=")[0]: word.partition("=")[2] for word in options.overrides}
    known = ("campaigns", "basis", "lower", "upper")
    if "campaigns" not in ours:
        raise UsageError("Say which measured campaigns: accept propose suite=NAME campaigns=A,B cluster=NAME.")
    suite = resolve_suite(
        [word for word in options.overrides if word.partition("=")[0] not in known], options.config_dir
    )
    if ours.get("basis", "median") not in ("median", "worst"):
        raise UsageError(f"basis={ours['basis']} is not known.{nearest(ours['basis'], ['median', 'worst'])}")
    results = Path.cwd() / next(iter(suite.configs.values()))["results"]
    folders = common.campaign_folders(ours["campaigns"].strip("[]").split(","), results)
    document = propose_references(
        suite, folders, ours.get("basis", "median"), parse_bound(ours, "lower"), parse_bound(ours, "upper")
    )
    if options.json:
        common.print_json({"schema": "orchestrator.references/1", **document})
    else:
        import yaml

        print("# Measured, not agreed: read it, change what you must, then give it as references=FILE.")
        print(yaml.safe_dump(document, sort_keys=False, allow_unicode=stdout_is_unicode(), width=118), end="")
    return EXIT_OK


def parse_bound(given: dict[str, str], key: str) -> float | None:
    """Return a bound given by hand, or None. Raises UsageError."""
    if key not in given:
        return None
    try:
        share = float(given[key])
    except ValueError:
        share = math.nan
    if not -1 <= share <= 1:
        raise UsageError(f"{key}={given[key]}: a share of the value from -1 to 1, as in lower=-0.05 or upper=0.05.")
    return share
