"""What an acceptance's page says of the record itself: who ran it, when, by which code, on which machine and data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestrator.acceptance.entries import VerdictDocument
from orchestrator.acceptance.findings import UNMEASURABLE
from orchestrator.acceptance.record import Record, checksums_of
from orchestrator.launch.manifests import read_manifest
from orchestrator.records import Manifest, NodeInventory, Result, RunDirectory, read_record_if_whole
from orchestrator.report.html.folder import time_text
from orchestrator.report.html.provenance import commit_text
from orchestrator.store.entries import StoredManifest

PAGE_PARTS = ("index.html", "data/", "assets/")


def record_pairs(
    record: Record, document: VerdictDocument, inventory: Mapping[str, NodeInventory]
) -> list[tuple[str, str]]:
    """Return the facts by their names, for paper that two parties sign. Raises RecordError."""
    runs = [RunDirectory(record.path / entry.folder) for entry in record.session().entries]
    manifests = [read_manifest(directory) for directory in runs]
    found = [manifest.provenance for manifest in manifests]
    cluster = record.suite()["cluster"]
    model = str(cluster.get("accelerator", {}).get("model") or "")
    processors = [str(facts.get("processor", {}).get("model") or "") for facts in inventory.values()]
    packages = [
        ", ".join(f"{name} {version}" for name, version in one.get("packages", {}).items() if version) for one in found
    ]
    return [
        ("begun", time_text(document["started"])),
        ("ended", time_text(document["ended"])),
        ("run by", joined(f"{one['user']} on {one['host']}" for one in found if "user" in one and "host" in one)),
        ("machine", joined([*(str(cluster.get(name) or "") for name in ("name", "description")), model, *processors])),
        ("code", joined(commit_text(stored(manifest)) or "no commit is known" for manifest in manifests)),
        ("Python", joined(one["python"] for one in found if "python" in one)),
        ("packages", joined(packages)),
        ("data", joined(data_texts(runs, manifests)) or "none is known"),
        ("campaigns", ", ".join(document["campaigns"])),
        ("nodes", ", ".join(document["nodes"])),
        ("checksum of the record", contents_checksum(record.path)),
    ]  # fmt: skip


def stored(manifest: Manifest) -> StoredManifest:
    """Return the part of a manifest that names the code."""
    return {"provenance": manifest.provenance}


def joined(texts: Iterable[str]) -> str:
    """Return texts, each once, in one line."""
    return "; ".join(text for text in dict.fromkeys(texts) if text)


def data_texts(runs: Sequence[RunDirectory], manifests: Sequence[Manifest]) -> list[str]:
    """Return the data set of each run, and whether it is a stand-in."""
    texts = []
    for directory, manifest in zip(runs, manifests, strict=True):
        result = read_record_if_whole(directory.attempt(max(1, manifest.attempts)).result, Result)
        if result is not None:
            data = result["dataset"]
            kind = "stand-in data" if data["source"] == "stand-in" else "real data"
            texts.append(f"{data['name']}, {kind}, version {data['version']}, checksum {data['checksum'][:12]}")
    return texts


def contents_checksum(folder: Path) -> str:
    """Return the SHA-256 of all checksums of a record but those of its page, which states it."""
    sums = [f"{digest}  {name}\n" for name, digest in checksums_of(folder).items() if not name.startswith(PAGE_PARTS)]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def phase_remark(outcomes: Sequence[str]) -> str:
    """Return what a phase's verdict leaves out: how many of its checks were not measured; "" if all were."""
    missing = outcomes.count(UNMEASURABLE)
    return f"{missing} of {len(outcomes)} checks not measured" if missing else ""
