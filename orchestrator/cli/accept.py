"""``python -m orchestrator accept suite=NAME cluster=NAME``: run an acceptance suite and give the verdict.

``accept verify FOLDER`` checks a record, and ``accept sign FOLDER`` signs it; ``accept propose suite=NAME
campaigns=A,B`` makes references from runs.
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
from orchestrator.records.files import make_private

if TYPE_CHECKING:
    from orchestrator.acceptance.entries import VerdictDocument
    from orchestrator.acceptance.record import Record
    from orchestrator.acceptance.verification import Verification


VERDICT = "verdict.json"
FORMS_TEXTS = {
    True: "{}, made again, are the same",
    None: "not all that follows from the verdict was made again:",
    False: "what follows from the verdict differs:",
}
"""How it is said whether all forms of a verdict follow from it, by ``Part.same``."""


def main(arguments: Sequence[str]) -> int:
    """Run a suite, or verify a record, or propose references; return the exit code."""
    words = list(arguments)
    if words[:1] == ["verify"]:
        return verify_record(words[1:])
    if words[:1] == ["sign"]:
        return sign_record(words[1:])
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
        make_private(record.path.parent)
        record.path.mkdir(mode=0o700)
    except FileExistsError as error:
        raise UsageError(f"{record.path} exists already; choose another name=NAME.") from error
    except OSError as error:
        raise UsageError(f"{record.path} cannot be made ({error.strerror}); set results=FOLDER elsewhere.") from error
    console = common.stderr_console()
    console.print(f"record: {record.path}", highlight=False, markup=False, soft_wrap=True)
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
    from orchestrator.acceptance.presentation import print_verdict

    document, page = write_forms(record)
    if as_json:
        common.print_json({**document, "record": str(record.path)})
    else:
        print_verdict(document, common.stdout_console())
        print(page)
    return document["exit_code"]


def write_forms(record: Record) -> tuple[VerdictDocument, Path]:
    """Write the verdict as document, JUnit XML and page, and seal the record; return the document and the page."""
    from orchestrator.acceptance.junit import render_junit
    from orchestrator.acceptance.page import write_page
    from orchestrator.acceptance.verdict import verdict_document
    from orchestrator.records import write_json, write_text

    document = verdict_document(record)
    write_json(record.path / VERDICT, document)
    write_text(record.path / "verdict.xml", render_junit(document))
    page = write_page(record, document)
    record.seal()
    return document, page


def verify_record(arguments: Sequence[str]) -> int:
    """Check that a record is as it was sealed, that all that follows from its runs does, and who has signed it: 0, or 1
    with the differences.
    """
    options = parse("accept verify", arguments)
    if len(options.words) != 1:
        raise UsageError("Give an acceptance record's folder: accept verify FOLDER.")
    from orchestrator.acceptance.record import SUMS, Record
    from orchestrator.acceptance.verification import is_sound, verify

    folder, signers = Path(options.words[0]), Path(options.signers) if options.signers else None
    record = Record(folder)
    if not any((record.path / name).is_file() for name in (VERDICT, SUMS)):
        raise UsageError(f"{folder} is no acceptance record: there is no {VERDICT} in it; give a record's folder.")
    if signers and not signers.is_file():
        raise UsageError(f"--signers {signers}: there is no such file; give one as ssh-keygen's ALLOWED SIGNERS.")
    found = verify(record, signers)
    if options.json:
        common.print_json({"schema": "orchestrator.verification/1", "record": str(record.path), **found})
    else:
        print_verification(record, found)
    return EXIT_OK if is_sound(found, signers, options.page_as_it_is) else EXIT_FAILED


def print_verification(record: Record, found: Verification) -> None:
    """Print what was found of a record."""
    from orchestrator.acceptance.record import SUMS

    console = common.stdout_console()

    def tell(line: str, style: str | None = None) -> None:
        console.print(line, style=style, markup=False, soft_wrap=True, highlight=False)

    verdict, forms = found["verdict"], found["forms"]
    recomputed = "recomputed from the telemetry is the same" if verdict["same"] else "is not confirmed:"
    remade = "inventory.json" if "why" in forms else "verdict.xml, inventory.json, index.html and its data"
    parts = (
        (f"{record.path}: files {'as sealed' if found['files']['intact'] else f'differ from {SUMS}:'}", found["files"]),
        (f"verdict {recomputed}", verdict),
        (FORMS_TEXTS[forms["same"]].format(remade), forms),
    )
    for line, part in parts:
        tell(line)
        for difference in part["differences"]:
            tell(f"  {difference}", "red")
    tell(f"taken as they are: {found['taken_as_they_are']}")
    for signature in found["signatures"]:
        words = f"signed by {signature['signer']}" if signature["valid"] else f"signature {signature['why']}"
        tell(f"{signature['file']}: {words}", "green" if signature["valid"] else "yellow")
    if not found["signatures"]:
        tell("not signed: one who changes a record can seal it again (accept sign FOLDER --key FILE)")


def sign_record(arguments: Sequence[str]) -> int:
    """Sign a record that is as it was sealed, with an SSH key; return the exit code."""
    options = parse("accept sign", arguments)
    if len(options.words) != 1 or not options.key:
        raise UsageError("Give an acceptance record's folder and a key: accept sign FOLDER --key ~/.ssh/id_ed25519.")
    from orchestrator.acceptance.record import SUMS, Record
    from orchestrator.acceptance.signatures import sign
    from orchestrator.acceptance.verification import verify

    record = Record(Path(options.words[0]))
    if not (record.path / SUMS).is_file():
        raise UsageError(f"{record.path} is no acceptance record: there is no {SUMS} in it; give a record's folder.")
    found = verify(record, None)
    if not (found["files"]["intact"] and found["verdict"]["same"] and found["forms"]["same"]):
        print(f"{record.path} is not as it was sealed, and is not signed: `accept verify` says what differs")
        return EXIT_FAILED
    path = sign(record.path / SUMS, Path(options.key).expanduser())
    if options.json:
        common.print_json({"schema": "orchestrator.signature/1", "record": str(record.path), "file": path.name})
    else:
        print(path)
    return EXIT_OK


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
