"""Whether an acceptance's record is what it was when it was sealed.

Three things are told apart: files that differ from their checksums, or that no record has; what follows from the runs
and is made again (the verdict, its forms, the inventory); and what nothing in the record can prove, which a signature
can. Whoever changes a record can seal it again, and cannot sign it.
"""

from __future__ import annotations

import html
import math
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator import __version__
from orchestrator.acceptance.entries import VerdictDocument
from orchestrator.acceptance.findings import FAIL
from orchestrator.acceptance.junit import render_junit
from orchestrator.acceptance.measurements import read_measurements
from orchestrator.acceptance.page import page_title, write_page
from orchestrator.acceptance.record import INVENTORY, KEPT, SUMS, Record, checksums_of, inventory_of
from orchestrator.acceptance.signatures import SIGNATURE, Signature, check_signature, signature_files
from orchestrator.acceptance.verdict import document_differences, verdict_document
from orchestrator.launch.manifests import read_manifest
from orchestrator.records import RecordError, RunDirectory, read_json, read_plain
from orchestrator.records.typed import NotRequired, TypedDict

VERDICT, JUNIT, PAGE = "verdict.json", "verdict.xml", "index.html"
LINE = re.compile(r"([0-9a-f]{64})  (\S(?:.*\S)?)")
"""A line of SHA256SUMS."""
PARTS = re.compile(
    rf"verdict\.json|verdict\.xml|suite\.json|runs\.json|inventory\.json|index\.html|(?:assets|data)/[\w.-]+|{SIGNATURE}"
    rf"|runs/[^/]{{1,255}}/[^/]{{1,255}}/(?:manifest\.json|attempt-\d+/(?:{'|'.join(map(re.escape, KEPT))}))"
)
"""The files of a record, but for its checksums."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
AS_THEY_ARE = (
    "suite.json (what was asked and the bounds), runs.json (which runs there were, and how the scheduler saw them "
    "end), manifests, logs"
)
"""What no other file of a record says again."""


class Part(TypedDict):
    """One thing that was checked. ``same`` is None where nothing differs, but not all of it could be made again.
    ``differences`` are lines that each name what differs, or was not made again; ``why`` it was not.
    """

    same: bool | None
    differences: list[str]
    why: NotRequired[str]


class Files(TypedDict):
    """The files against their checksums."""

    intact: bool
    differences: list[str]


class Verification(TypedDict):
    """What was found. ``taken_as_they_are``: what was not made again, since nothing else in the record says it."""

    files: Files
    verdict: Part
    forms: Part
    signatures: list[Signature]
    taken_as_they_are: str


def verify(record: Record, signers: Path | None) -> Verification:
    """Check a record, and its signatures against a file of those whose are accepted, as ssh-keygen has it."""
    broken = [*foreign_entries(record.path), *broken_seals(record.path)]
    try:
        document = verdict_document(record)
        changed = document_differences(read_json(record.path / VERDICT), document)
        verdict: Part = {"same": not changed, "differences": changed}
        forms = compare_forms(record, document)
    except (OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # A suite that was changed by hand may ask for what no check can be: RecordError says so, other errors just end.
        why = (
            str(error) if isinstance(error, RecordError | OSError) else f"the suite asks for what cannot be ({error!r})"
        )
        verdict = {"same": False, "differences": [f"not recomputed: {why}"], "why": why}
        forms = {"same": False, "differences": ["not made again, for want of the verdict"], "why": why}
    return {
        "files": {"intact": not broken, "differences": broken},
        "verdict": verdict,
        "forms": forms,
        "signatures": [check_signature(path, record.path / SUMS, signers) for path in signature_files(record.path)],
        "taken_as_they_are": AS_THEY_ARE,
    }


def is_sound(found: Verification, signers: Path | None, page_as_it_is: bool = False) -> bool:
    """Whether all was made again, but for a page of another version that is taken as it is, nothing differs and, where
    signers are given, one of them has signed and nobody else.
    """
    remade = found["forms"]["same"] or (page_as_it_is and found["forms"]["same"] is None)
    same = found["files"]["intact"] and found["verdict"]["same"] and remade
    signed = [one["valid"] for one in found["signatures"]]
    return bool(same) and (signers is None or (bool(signed) and all(signed)))


def foreign_entries(folder: Path) -> list[str]:
    """Return a line for each thing in a record that is no plain file of one: links, pipes, empty folders, others."""
    found = []
    for path in walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found.append(f"{name}: is a link, and a record holds plain files")
        elif path.is_dir():
            if not any(path.iterdir()):
                found.append(f"{name}: is an empty folder")
        elif not path.is_file():
            found.append(f"{name}: is not a plain file")
        elif path.stat().st_nlink > 1:
            found.append(f"{name}: is the same file as another one elsewhere")
        elif name != SUMS and not PARTS.fullmatch(name):
            found.append(f"{name}: is no file of a record")
    return found


def walk(folder: Path) -> Iterator[Path]:
    """Yield all that is in a folder, in order, without following links."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))


def broken_seals(folder: Path) -> list[str]:
    """Return one line for each file that differs from its checksum, and for each line that is none."""
    try:
        text = read_plain(folder / SUMS).decode("utf-8")
    except (RecordError, UnicodeDecodeError) as error:
        return [f"{SUMS} cannot be read: {error}"]
    stated: dict[str, str] = {}
    broken = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        match = LINE.fullmatch(line)
        if match is None or match[2] == SUMS:
            broken.append(f"{SUMS}, line {number}: is no checksum of a file: {line[:80]!a}")
        elif match[2] in stated:
            broken.append(f"{SUMS}, line {number}: has {match[2]} once more")
        else:
            stated[match[2]] = match[1]
    found = checksums_of(folder)
    broken += [f"{name}: changed" for name in stated if name in found and found[name] != stated[name]]
    broken += [f"{name}: missing" for name in stated if name not in found]
    return broken + [f"{name}: not in {SUMS}" for name in found if name not in stated]


def compare_forms(record: Record, document: VerdictDocument) -> Part:
    """Make JUnit XML, page and inventory again of the verdict and the runs, and compare them. Of a record of another
    version, which writes JUnit XML and page otherwise, what both state of the outcome. Raises RecordError.
    """
    written_by = str(read_json(record.path / "suite.json").get("version"))
    changed = stated_otherwise(record, document)
    if written_by == __version__:
        changed = differing(record.path / JUNIT, render_junit(document))
    session = record.session()
    runs = read_measurements(record.path, session.entries)
    made = inventory_of([(run.node_hosts, run.inventory) for run in runs if run.inventory])
    changed += document_differences(read_json(record.path / INVENTORY), made, INVENTORY)
    listed = {entry.folder for entry in session.entries}
    there = {path.relative_to(record.path).as_posix() for path in record.path.glob("runs/*/*")}
    changed += [f"{name}: is no run of runs.json" for name in sorted(there - listed)]
    for entry in session.entries:
        spec = read_manifest(RunDirectory(record.path / entry.folder)).spec
        if (spec.campaign, spec.run) != (entry.campaign, entry.run):
            changed.append(f"{entry.folder}: its manifest is that of {spec.campaign}/{spec.run}")
    if written_by != __version__:
        why = (
            f"{JUNIT}, {PAGE} and its data were not made again: version {written_by} wrote them, and this is "
            f"{__version__}; verify the record with version {written_by}"
        )
        return {"same": False if changed else None, "differences": [*changed, why], "why": why}
    with tempfile.TemporaryDirectory() as name:
        made_again = Path(name)
        write_page(record, document, made_again)
        for path in sorted(path for path in made_again.rglob("*") if path.is_file()):
            place = record.path / path.relative_to(made_again)
            text = path.read_bytes().decode("utf-8", "replace")
            changed += differing(place, text, path.relative_to(made_again).as_posix())
        pages = {path.relative_to(record.path).as_posix() for path in record.path.glob("*/*") if path.is_file()}
        pages -= {path.relative_to(made_again).as_posix() for path in made_again.rglob("*")}
        changed += [f"{name}: does not belong to the page" for name in sorted(pages)]
    return {"same": not changed, "differences": changed}


def stated_otherwise(record: Record, document: VerdictDocument) -> list[str]:
    """Return a line for each of JUnit XML and page that does not state the verdict's outcome. Raises RecordError."""
    junit, page = (read_plain(record.path / name).decode("utf-8", "replace") for name in (JUNIT, PAGE))
    failed, title = document["counts"][FAIL], page_title(document)
    changed = []
    if re.findall(r'<testsuites [^>]*failures="(\d+)"', junit) != [str(failed)]:
        changed.append(f"{JUNIT}: does not state the number of failed checks, {failed}")
    headings = re.findall(r"<(title|h1)\b[^>]*>([^<]*)</", page)
    if [(kind, html.unescape(text)) for kind, text in headings] != [("title", title), ("h1", title)]:
        changed.append(f"{PAGE}: is not headed {title!r}")
    return changed


def differing(path: Path, made: str, name: str = "") -> list[str]:
    """Return a line if a file is not the text that was made again. Raises RecordError."""
    same = same_text(read_plain(path).decode("utf-8", "replace"), made)
    return [] if same else [f"{name or path.name}: is not what follows from the verdict"]


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for the last digits of numbers, which another machine rounds otherwise."""
    if one == other:
        return True
    if NUMBER.split(one) != NUMBER.split(other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(a == b or ("." in a and math.isclose(float(a), float(b), rel_tol=1e-4)) for a, b in pairs)
