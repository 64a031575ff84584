"""Reference values with bounds, proposed from measured campaigns. A person reads and commits them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from orchestrator.acceptance.measurements import Entry, Measurement, of_the_same_epochs, read_measurement
from orchestrator.acceptance.quantities import QUANTITIES, why_unusable
from orchestrator.acceptance.references import check_bound, known_threads, scaling_of, settings_hash
from orchestrator.acceptance.suite import Suite
from orchestrator.acceptance.suite_entries import Bound
from orchestrator.analysis.statistics import robust_spread
from orchestrator.errors import UsageError
from orchestrator.launch.manifests import read_manifest
from orchestrator.plan import problem_name
from orchestrator.records import Manifest, RecordError, RunDirectory, read_json_if_whole
from orchestrator.records.settings import Configuration

LEAST_MARGIN = 0.05
"""Smallest distance of a bound from its value. CSCS's published tolerances are most often 5 % too."""
SPREADS = 3.0
"""Smallest distance of a bound from its value, in robust spreads of single runs."""


class ProposedReference(Bound):
    """A reference as ``references.Entry`` is written; ``settings`` is the hash of the settings that were measured."""

    benchmark: str
    recipe: str
    mode: str
    comm: str
    nodes: int
    quantity: str
    size: int | None
    settings: str
    scale: str
    ranks_per_node: int
    threads_per_rank: int


class Proposal(TypedDict):
    """A file of references, by name."""

    cluster: str
    references: dict[str, ProposedReference]


@dataclass(frozen=True)
class Choice:
    """What a person chose: value "median" or "worst", and relative bounds in place of those from the spread. ``lower``
    is for quantities of which higher is better, ``upper`` for the others.
    """

    basis: str
    lower: float | None
    upper: float | None


def propose_references(
    suite: Suite, folders: Sequence[Path], basis: str, lower: float | None, upper: float | None
) -> Proposal:
    """Return references for those checks of the suite that take one.

    ``basis``, ``lower`` and ``upper`` are those of Choice. Raises UsageError if a campaign ran on another cluster, or
    if no two runs have the settings of a check.
    """
    runs = [run for folder in folders for run in read_completed_runs(folder, suite.cluster["name"])]
    found: dict[str, ProposedReference] = {}
    chosen = Choice(basis, lower, upper)
    for check in suite.checks:
        quantity = "time_to_accuracy" if check.check == "time_to_accuracy" else check.quantity
        if check.check not in ("reference", "time_to_accuracy") or quantity is None or check.workload is None:
            continue
        config = suite.configs[check.workload]
        for nodes in check.nodes:
            by_threads: dict[int, list[Measurement]] = {}
            for run, manifest in runs:
                if run.nodes == nodes and has_settings_of(manifest, config):
                    by_threads.setdefault(manifest.spec.threads_per_rank, []).append(run)
            for threads, measured in sorted(by_threads.items()):
                members = of_the_same_epochs(measured)
                values = [value for run in members for value in QUANTITIES[quantity].values(run, check.size)]
                if len(values) < 2 or why_unusable(quantity, values):
                    continue
                entry: ProposedReference = {
                    "benchmark": config["benchmark"]["name"],
                    "recipe": config["recipe"],
                    "mode": config["mode"],
                    "comm": config["comm"],
                    "scale": scaling_of(config["scale"]["mode"]),
                    "nodes": nodes,
                    "ranks_per_node": config["cluster"]["ranks_per_node"],
                    "threads_per_rank": threads,
                    "quantity": quantity,
                    "size": check.size,
                    **propose_reference(values, quantity, chosen, members),
                    "settings": settings_hash(config),
                }
                found[reference_name(config, entry)] = entry
    if not found:
        raise UsageError(
            f"{', '.join(folder.name for folder in folders)}: no two completed runs with the settings of a check "
            f"of suite {suite.name} that takes a reference; give campaigns that `accept suite={suite.name}` left "
            "(`campaigns` in its verdict.json)."
        )
    return {"cluster": suite.cluster["name"], "references": found}


def reference_name(config: Configuration, entry: ProposedReference) -> str:
    """Return a name that no reference has for runs of other settings, ranks, threads or way of scaling."""
    place = f"n{entry['nodes']}x{entry['ranks_per_node']}"
    parts = [problem_name(config), entry["scale"], place, f"t{entry['threads_per_rank']}", entry["quantity"]]
    return "-".join([*parts, *([f"{entry['size']}B"] if entry["size"] else []), entry["settings"]])


def propose_reference(values: Sequence[float], quantity: str, chosen: Choice, runs: Sequence[Measurement]) -> Bound:
    """Return value, bound and basis from the values of one quantity. The bound is on the side on which a worse machine
    lies. Raises UsageError for one that no value can meet.
    """
    better = QUANTITIES[quantity].higher_is_better
    median, spread = float(np.median(values)), robust_spread(values)
    value = median if chosen.basis == "median" else float(min(values) if better else max(values))
    margin = round(max(LEAST_MARGIN, SPREADS * spread / median), 3)
    campaigns = ", ".join(dict.fromkeys(run.entry.campaign for run in runs))
    text = f"{chosen.basis} of {len(values)} values from {len(runs)} runs ({campaigns}), median {median:.5g}, "
    text += f"robust spread {100 * spread / median:.1f} %"
    given = chosen.lower if better else chosen.upper
    text += "; bound as given" if given is not None else f"; bound at the larger of 5 % and {SPREADS:g} spreads"
    share = given if given is not None else max(-0.99, -margin) if better else margin
    bound: Bound = {
        "value": float(f"{value:.5g}"),
        "lower": share if better else None,
        "upper": None if better else share,
        "unit": QUANTITIES[quantity].unit_in(runs[0]),
        "source": runs[0].source if runs[0].mode != "probe" else None,
        "basis": text,
    }
    check_bound(bound, f"{QUANTITIES[quantity].side}={share}", QUANTITIES[quantity])
    return bound


def has_settings_of(manifest: Manifest, config: Configuration) -> bool:
    """Whether a run was made with the settings of a workload, in as many ranks of as many threads, scaled as it is."""
    own, spec = manifest.config, manifest.spec
    same = (own["recipe"], own["mode"], own["comm"]) == (config["recipe"], config["mode"], config["comm"])
    placed = spec.ranks_per_node == config["cluster"]["ranks_per_node"]
    placed = placed and known_threads(config) in (None, spec.threads_per_rank)
    scaled = scaling_of(spec.scale) == scaling_of(config["scale"]["mode"])
    return same and placed and scaled and settings_hash(own) == settings_hash(config)


def read_completed_runs(folder: Path, cluster: str) -> list[tuple[Measurement, Manifest]]:
    """Return the completed runs of a campaign's folder, each with its manifest. Raises UsageError."""
    found = []
    for path in sorted(folder.glob("*/manifest.json")):
        if not read_json_if_whole(path):
            continue
        directory = RunDirectory(path.parent)
        try:
            manifest = read_manifest(directory)
            spec = manifest.spec
            if spec.cluster != cluster:
                raise UsageError(f"campaign {folder.name} was run on cluster={spec.cluster}, not on cluster={cluster}.")
            result = directory.attempt(max(1, manifest.attempts)).result
            entry = Entry("", "", spec.campaign, spec.run, "completed" if result.is_file() else "failed", None)
            run = read_measurement(folder.parent, entry, path.parent)
        except RecordError as error:
            raise UsageError(str(error)) from error
        if run.completed:
            found.append((run, manifest))
    return found
