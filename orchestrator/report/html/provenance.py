"""What identifies runs: their settings, data and processors, and the code that ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.records import Processors
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.tables.text import dataset_text, short

if TYPE_CHECKING:
    from orchestrator.store.entries import StoredManifest

COMMON = ("benchmark", "method", "cluster", "scale", "comm", "mode", "recipe")


def campaign_provenance(document: ReportDocument, manifests: Mapping[str, StoredManifest]) -> list[tuple[str, Any]]:
    """Return the settings that the runs share or differ in, then code and packages."""
    runs = document["runs"]
    pairs: list[tuple[str, Any]] = []
    for name in (*COMMON, "nodes", "ranks", "repeat", "seed", "config_hash"):
        values = list(dict.fromkeys(value for run in runs for value in values_of(run, [name])))
        words = [str(value)[:12] if name == "config_hash" else str(value) for value in values]
        pairs.append((name.replace("_", " "), ", ".join(words[:12]) + (" …" if len(words) > 12 else "")))
    sets = list(dict.fromkeys(dataset_text(run["dataset"]) for run in runs if run["dataset"]["source"]))
    pairs.append(("data", "; ".join(sets)))
    kinds = dict.fromkeys(processor_words(found) for run in runs for found in run["processors"])
    pairs += [("processors", words) for words in kinds]
    commands = dict.fromkeys(manifest.get("provenance", {}).get("command") for manifest in manifests.values())
    pairs += [("repeated by", command) for command in commands if command]
    seen: dict[str, None] = {}
    for manifest in manifests.values():
        seen |= dict.fromkeys(provenance_texts(manifest))
    return pairs + [("code and packages", text) for text in seen]


def run_provenance(run: RunEntry, manifest: StoredManifest) -> list[tuple[str, Any]]:
    """Return all that identifies a run."""
    names = (*COMMON, "nodes", "ranks", "repeat", "seed", "attempts")
    pairs: list[tuple[str, Any]] = list(zip(names, values_of(run, names), strict=True))
    pairs.append(("hosts", ", ".join(dict.fromkeys(run["hosts"]))))
    pairs += [("processors", processor_words(found)) for found in run["processors"]]
    pairs.append(("data", dataset_text(run["dataset"]) if run["dataset"]["source"] else None))
    pairs.append(
        (
            "training",
            ", ".join(f"{name.replace('_', ' ')} {plain_value(value)}" for name, value in run["training"].items()),
        )
    )
    pairs.append(("job", manifest.get("job_id")))
    pairs.append(("repeated by", manifest.get("provenance", {}).get("command")))
    pairs += [("code and packages", text) for text in provenance_texts(manifest)]
    return [*pairs, ("folder", run["directory"]), ("config hash", run["config_hash"])]


def plain_value(value: object) -> str:
    """Return a value of a result in words: numbers with four digits, a group in brackets."""
    if isinstance(value, Mapping):
        return f"({', '.join(f'{name} {plain_value(item)}' for name, item in value.items())})"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return short(value) if isinstance(value, (int, float)) else str(value)


def provenance_texts(manifest: StoredManifest) -> list[str]:
    """Return code, packages and machine of a run in one line, or nothing if they are not known."""
    found = manifest.get("provenance", {})
    packages = ", ".join(f"{name} {version}" for name, version in found.get("packages", {}).items() if version)
    words = [commit_text(manifest), f"Python {found['python']}" if "python" in found else "", packages]
    if "host" in found:
        machine = [str(found.get("machine")), f"Linux {found.get('kernel')}"]
        machine += [processor_words(found["processors"])] if "processors" in found else []
        words.append(f"planned on {found['host']} ({', '.join(machine)})")
    text = "; ".join(word for word in words if word)
    return [text] if text else []


def commit_text(manifest: StoredManifest) -> str:
    """Return the commit of the code that ran."""
    git = manifest.get("provenance", {}).get("git", {})
    commit = git.get("commit")
    if not commit:
        return ""
    return f"commit {commit[:12]}{' with uncommitted changes' if git.get('dirty') else ''}"


def processor_words(found: Processors) -> str:
    """ "Arm Neoverse-V2, 72 cores, microcode or revision r0p0"."""
    words = [found["name"]]
    words += [f"{found['cores']} cores a node"] if found.get("cores") else []
    words += [f"microcode or revision {found['microcode']}"] if found.get("microcode") else []
    return ", ".join(words)
