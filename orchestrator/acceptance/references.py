"""Reference values of a machine: from its profile and a file of a person's choice, never from runs by themselves.

cluster: testcluster
references:
  stemdl-small-mpi-weak-n2x4-t8-throughput-3c4628c2c409:
    {benchmark: stemdl, recipe: small, mode: training, comm: mpi, scale: weak, nodes: 2, ranks_per_node: 4,
     threads_per_rank: 8, quantity: throughput, size: null, value: 1052.1, lower: -0.05, upper: null, unit: samples/s,
     source: stand-in, settings: 3c4628c2c409, basis: "median of 8 runs, …"}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from orchestrator.acceptance.findings import reference_of
from orchestrator.acceptance.quantities import QUANTITIES, Quantity
from orchestrator.acceptance.suite_entries import Bound
from orchestrator.config.safety import refuse_unsafe_texts
from orchestrator.config.words import settle_mapping
from orchestrator.config.yaml_words import read_tree
from orchestrator.errors import UsageError, nearest
from orchestrator.plan import Extent, science_of, threads_per_rank
from orchestrator.records import document_hash
from orchestrator.records.checking import Positive, check_value
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import ClusterSettings, Configuration, ScaleName


@dataclass(frozen=True)
class Entry:
    """One reference. ``settings`` is the hash of the benchmark settings that it was measured with. These, ``scale``,
    ``ranks_per_node`` and ``threads_per_rank`` fit any run where they are None, as in references of earlier versions.
    """

    benchmark: str
    recipe: str
    mode: str
    comm: str
    nodes: int
    quantity: str
    value: float
    unit: str
    basis: str
    lower: float | None = None
    upper: float | None = None
    size: int | None = None
    source: str | None = None
    settings: str | None = None
    scale: ScaleName | None = None
    ranks_per_node: Positive | None = None
    threads_per_rank: Positive | None = None

    def bound(self) -> Bound:
        """Return the reference in the form of a check's bound."""
        return {
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "unit": self.unit,
            "basis": self.basis,
            "source": self.source,
        }


def settings_hash(config: Configuration) -> str:
    """Return the hash of a benchmark's settings, twelve hexadecimal digits."""
    settings = science_of(config)["benchmark"]
    return document_hash({**settings, "download": config["benchmark"]["download"]})[:12]


def scaling_of(mode: str) -> str:
    """Return the way of scaling of a scale mode: a single node count keeps the batch of each rank, as weak scaling."""
    return "weak" if mode == "single" else mode


def known_threads(config: Configuration) -> int | None:
    """Return the threads of each rank of a configuration; None where they depend on what else runs on this machine, or
    on how many cores it has.
    """
    cluster = config["cluster"]
    stated = cluster["cores_per_node"] and not SCHEDULERS[cluster["scheduler"]].here
    return threads_per_rank(config, 0, Extent(1, 1)) if cluster["threads_per_rank"] or stated else None


def load_references(path: str | None, cluster: ClusterSettings) -> dict[str, Entry]:
    """Return the references of the cluster profile, replaced by those of the file ``path`` where both have one. Raises
    UsageError.
    """
    found = parse_entries(cluster["references"], f"cluster={cluster['name']}: references")
    if path is None:
        return found
    try:
        document = settle_mapping(read_tree(Path(path)), {"cluster": str, "references": dict[str, Entry]}, "")
    except UsageError as error:
        raise UsageError(f"references={path}: {error}") from error
    refuse_unsafe_texts(document)
    if set(document) - {"cluster", "references"} or "references" not in document:
        raise UsageError(f"references={path}: must hold `cluster` and `references`, as `accept propose` writes them.")
    if document.get("cluster") != cluster["name"]:
        raise UsageError(
            f"references={path} is for cluster={document.get('cluster')}, not for cluster={cluster['name']}."
        )
    return found | parse_entries(document["references"] or {}, f"references={path}")


def parse_entries(document: Any, where: str) -> dict[str, Entry]:
    """Return checked references by name. Raises UsageError that names the entry and the key."""
    if not isinstance(document, Mapping):
        raise UsageError(f"{where}: must be a mapping of names to references.")
    names = {field.name for field in fields(Entry)}
    needed = {field.name for field in fields(Entry) if field.default is MISSING}
    found = {}
    for name, values in document.items():
        here = f"{where}: {name}"
        if not isinstance(values, Mapping):
            raise UsageError(f"{here}: must be a mapping.")
        if unknown := sorted(set(values) - names):
            raise UsageError(f"{here}: there is no key '{unknown[0]}'.{nearest(unknown[0], sorted(names))}")
        if missing := sorted(name for name in needed if values.get(name) in (None, "")):
            raise UsageError(f"{here}: {missing[0]} is missing.")
        try:
            check_value(dict(values), Entry, "")
        except ValueError as error:
            raise UsageError(f"{here}: {error}. A text that reads like a number stands in quotes.") from error
        if values["quantity"] not in QUANTITIES:
            raise UsageError(f"{here}: quantity={values['quantity']}.{nearest(values['quantity'], list(QUANTITIES))}")
        entry = Entry(**values)
        check_bound(entry.bound(), here, QUANTITIES[entry.quantity])
        found[str(name)] = entry
    return found


def check_bound(bound: Bound, where: str, quantity: Quantity | None = None) -> None:
    """Raise UsageError for a bound that no value can meet, that states no basis, whose unit is missing or wrong, or
    that lacks the side on which its quantity is judged.
    """
    lower, upper = bound["lower"], bound["upper"]
    if not bound["unit"]:
        raise UsageError(f"{where}: the bound has no unit{f'; it is in {quantity.unit}' if quantity else ''}.")
    if quantity and not quantity.can_be_in(bound["unit"]):
        raise UsageError(f"{where}: unit={bound['unit']}, but the quantity is in {quantity.unit}.")
    if lower is not None and upper is not None and lower > upper:
        raise UsageError(f"{where}: lower={lower} is above upper={upper}.")
    if quantity and bound[quantity.side] is None:
        better = "higher" if quantity.higher_is_better else "lower"
        raise UsageError(
            f"{where}: the bound has no {quantity.side}, and of this quantity {better} is better; give it one."
        )
    if not bound["basis"]:
        raise UsageError(f"{where}: the bound states no basis: say where it comes from.")
    try:
        reference_of(bound)
    except ValueError as error:
        raise UsageError(f"{where}: {error}.") from error


def find_reference(
    known: Mapping[str, Entry], config: Configuration, quantity: str, size: int | None, nodes: int
) -> tuple[Entry | None, str]:
    """Return the reference for a quantity of a configuration at a node count, or None with the reason."""
    wanted = {
        "benchmark": config["benchmark"]["name"],
        "recipe": config["recipe"],
        "mode": config["mode"],
        "comm": config["comm"],
        "nodes": nodes,
        "quantity": quantity,
        "size": size,
    }
    fitting = [entry for entry in known.values() if all(getattr(entry, key) == value for key, value in wanted.items())]
    what = f"{wanted['benchmark']} {wanted['recipe']} {wanted['comm']} on {nodes} nodes of {config['cluster']['name']}"
    if not fitting:
        return None, f"no reference for {quantity} of {what}; `accept propose` makes one from measured runs"
    exact = [entry for entry in fitting if entry.settings in (None, settings_hash(config))]
    if not exact:
        return None, (
            f"the reference for {quantity} of {what} was measured with other settings "
            f"({fitting[-1].settings}, these are {settings_hash(config)})"
        )
    alike = [entry for entry in exact if not differences(entry, config)]
    if not alike:
        return None, f"the reference for {quantity} of {what} was measured with {differences(exact[-1], config)}"
    threads = sorted({entry.threads_per_rank for entry in alike if entry.threads_per_rank is not None})
    if len(threads) > 1:
        return None, (
            f"there are references for {quantity} of {what} with threads_per_rank={', '.join(map(str, threads))}, and "
            "how many these runs will have is not known; set cluster.threads_per_rank"
        )
    return alike[-1], ""


def differences(entry: Entry, config: Configuration) -> str:
    """Return how a reference was measured and the configuration differs: "scale=weak, these runs have scale=strong".
    What either does not say differs in nothing.
    """
    pairs = {
        "scale": (entry.scale and scaling_of(entry.scale), scaling_of(config["scale"]["mode"])),
        "ranks_per_node": (entry.ranks_per_node, config["cluster"]["ranks_per_node"]),
        "threads_per_rank": (entry.threads_per_rank, known_threads(config)),
    }
    found = {key: pair for key, pair in pairs.items() if None not in pair and pair[0] != pair[1]}
    stated, own = (", ".join(f"{key}={pair[side]}" for key, pair in found.items()) for side in (0, 1))
    return f"{stated}, these runs have {own}" if found else ""
