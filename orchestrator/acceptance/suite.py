"""From an ``accept`` command line to a resolved suite: workloads, checks and bounds.

Every mistake in a suite is found here, before any job is submitted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from orchestrator.acceptance import references
from orchestrator.acceptance.findings import Check
from orchestrator.acceptance.kinds import KINDS
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.acceptance.suite_entries import (
    AcceptSettings,
    Bound,
    CheckSettings,
    SuitePhase,
    SuiteSettings,
    WorkloadSettings,
)
from orchestrator.acceptance.suite_rules import check_consistency, check_data_source, check_names, check_suite_values
from orchestrator.config.compose import SCHEMAS, compose_all, explain, hydra_session, options_of, refuse_missing
from orchestrator.config.merging import merge_groups
from orchestrator.config.overrides import quote_text, read_overrides
from orchestrator.config.safety import texts
from orchestrator.config.validate import validate
from orchestrator.errors import UsageError, nearest
from orchestrator.launch.base import Nodes
from orchestrator.launch.schedulers import scheduler
from orchestrator.records.settings import ClusterSettings, Configuration

PRIMARY = "accept"
SCHEMAS[PRIMARY] = AcceptConfig
SHARED = ("cluster", "results", "store", "watch")
"""Keys of an ``accept`` command that every run takes too."""


@dataclass(frozen=True)
class Suite:
    """A resolved suite. ``configs`` are the runs' configurations by workload, ``nodes`` those of the machine. ``count``
    is the node count that "all" means.
    """

    name: str
    settings: SuiteSettings
    cluster: ClusterSettings
    configs: dict[str, Configuration]
    checks: list[Check]
    phases: list[SuitePhase]
    nodes: Nodes
    references: dict[str, references.Entry]
    exclude_faulty: bool
    record_name: str | None
    count: int


def split_overrides(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides that concern the suite, and those that go to every run."""
    ours: list[str] = []
    runs: list[str] = []
    for word in overrides:
        key = word.partition("=")[0].lstrip("+~")
        (runs if key.partition(".")[0] in SHARED else ours).append(word)
    return ours, runs


def compose_suite(words: Sequence[str], config_dir: str | None) -> AcceptSettings:
    """Return the resolved ``accept`` configuration. Raises UsageError."""
    named = [word for word in words if word.startswith("suite=")]
    with hydra_session(config_dir, PRIMARY):
        known = options_of("acceptance")
        if not named:
            raise UsageError(f"Say which suite: accept suite=NAME cluster=NAME.{nearest('', known)}")
        name = named[-1].partition("=")[2]
        if name not in known:
            raise UsageError(f"There is no acceptance suite '{name}'.{nearest(name, known)}")
        rest = read_overrides([word for word in words if word not in named], AcceptConfig)
        try:
            config = merge_groups(PRIMARY, [f"acceptance@suite={name}", *rest])
            if OmegaConf.is_missing(config.suite, "name"):
                config.suite.name = name
            refuse_missing(list(texts(OmegaConf.to_container(config, resolve=False))))
            resolved = OmegaConf.to_container(config, resolve=True)
            OmegaConf.merge(OmegaConf.structured(AcceptConfig), resolved)
        except (HydraException, OmegaConfBaseException) as error:
            raise UsageError(f"suite {name}: {key_complaint(error)}") from error
    accept = cast("AcceptSettings", resolved)
    if accept["suite"]["name"] != name:
        raise UsageError(
            f"suite.name={accept['suite']['name']!r}: a suite is named as its file, '{name}'; leave it out."
        )
    check_suite_values(accept)
    return accept


def key_complaint(error: Exception) -> str:
    """Return the line of an exception or its cause that names the key; otherwise what ``explain`` makes of it."""
    chain = [error, error.__cause__, error.__context__]
    lines = [line.strip() for one in chain if one is not None for line in str(one).splitlines()]
    naming = [line for line in lines if "Key '" in line or "not in '" in line or "full_key" in line]
    return "; ".join(dict.fromkeys(naming)) or explain(error)


def resolve_suite(overrides: Sequence[str], config_dir: str | None) -> Suite:
    """Return the checked suite of a command line. Raises UsageError."""
    ours, shared = split_overrides(overrides)
    accept = compose_suite(ours, config_dir)
    settings = accept["suite"]
    where = f"suite {settings['name']}"
    cluster_name = next((word.partition("=")[2] for word in reversed(shared) if word.startswith("cluster=")), "local")
    if settings["clusters"] and cluster_name not in settings["clusters"]:
        raise UsageError(f"{where} is for cluster={' or '.join(settings['clusters'])}, not for cluster={cluster_name}.")
    if not settings["workloads"] or not settings["phases"]:
        raise UsageError(f"{where}: a suite has workloads and phases.")
    check_names(settings, where)
    configs = {
        name: workload_config(workload, f"{where}: workload {name}", shared, config_dir)
        for name, workload in settings["workloads"].items()
    }
    cluster = next(iter(configs.values()))["cluster"]
    nodes = scheduler(cluster["scheduler"]).nodes(cluster)
    count = resolve_node_count(accept["nodes"], nodes, cluster)
    known = references.load_references(accept["references"], cluster)
    phases: list[SuitePhase] = [
        {"name": phase["name"], "stop_on_failure": phase["stop_on_failure"] or accept["stop_on_failure"]}
        for phase in settings["phases"]
    ]
    whole = Suite(
        settings["name"], settings, cluster, configs, [], phases, nodes, known, accept["exclude_faulty"],
        accept["name"], count,
    )  # fmt: skip
    return with_node_count(whole, count)


def with_node_count(suite: Suite, count: int) -> Suite:
    """Return the suite with "all" meaning ``count`` nodes. Raises UsageError for checks that no run could satisfy."""
    where = f"suite {suite.name}"
    configs: dict[str, Configuration] = {}
    for name, config in suite.configs.items():
        wanted = suite.settings["workloads"][name]["nodes"]
        configs[name] = {**config, "nodes": resolve_node_counts(wanted, count, f"{where}: workload {name}")}
        if configs[name]["nodes"]:
            validate(configs[name])
    checks = [
        resolve_check(check, phase["name"], configs, suite.references, count, suite.cluster["name"], where)
        for phase in suite.settings["phases"]
        for check in phase["checks"]
    ]
    return replace(suite, configs=configs, checks=checks)


def without_nodes(suite: Suite, faulty: Sequence[str]) -> Suite:
    """Return the suite for the machine without the ``faulty`` nodes, which the scheduler is told to exclude."""
    left_out = sorted({*suite.nodes.left_out, *faulty})
    nodes = replace(suite.nodes, left_out=left_out)
    cluster = scheduler(suite.cluster["scheduler"]).excluding(suite.cluster, left_out)
    configs: dict[str, Configuration] = {name: {**config, "cluster": cluster} for name, config in suite.configs.items()}
    count = min(suite.count - len(faulty), len(nodes.usable))
    return with_node_count(replace(suite, nodes=nodes, cluster=cluster, configs=configs, count=count), count)


def workload_config(
    workload: WorkloadSettings, where: str, shared: Sequence[str], config_dir: str | None
) -> Configuration:
    """Return a run's configuration. Raises UsageError that names the workload."""
    values: Mapping[str, object] = workload
    words = [f"{key}={quote_text(str(values[key]))}" for key in ("benchmark", "mode", "comm", "scale")]
    words += [f"{key}={values[key]}" for key in ("repeats", "seed")]
    words += [f"recipe={quote_text(workload['recipe'])}"] if workload["recipe"] else []
    try:
        return compose_all([*shared, *words, *workload["overrides"]], False, config_dir)[0]
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def resolve_node_count(asked: int | None, nodes: Nodes, cluster: ClusterSettings) -> int:
    """Return the node count that "all" means. Raises UsageError if the machine has fewer."""
    usable = len(nodes.usable) if nodes.states is not None else None
    if asked is None:
        if usable == 0:
            raise UsageError(f"cluster={cluster['name']}: no node is in service.")
        return usable or 1
    if asked < 1 or (usable is not None and asked > usable):
        raise UsageError(f"nodes={asked}: cluster={cluster['name']} has {usable} nodes in service.")
    return asked


def resolve_node_counts(value: object, count: int, where: str) -> list[int]:
    """Return the workload's node counts that the machine has, in order, each once."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        if item != "all" and (isinstance(item, bool) or not isinstance(item, int) or item < 1):
            raise UsageError(f"{where}: nodes={value}: node counts are positive whole numbers or 'all'.")
        nodes = count if item == "all" else int(item)
        if nodes <= count and nodes not in found:
            found.append(nodes)
    return found


def resolve_check(
    check: CheckSettings,
    phase: str,
    configs: Mapping[str, Configuration],
    known: Mapping[str, references.Entry],
    count: int,
    cluster: str,
    where: str,
) -> Check:
    """Return a check with its bounds. Raises UsageError for a check that no run could satisfy."""
    kind = KINDS[check["check"]]
    here = f"{where}: phase {phase}, check {check['check']}"
    here += f" of {check['workload']}" if check["workload"] else ""
    config = configs.get(check["workload"] or "")
    check_consistency(check, kind, config, here)
    scales: list[int] = config["nodes"] if config else []
    if check["nodes"] is not None:
        # A count that the machine does not have stays, to be reported as not measurable.
        listed = check["nodes"] if isinstance(check["nodes"], list) else [check["nodes"]]
        scales = resolve_node_counts([count if item == "all" else item for item in listed], sys.maxsize, here)
    bounds: dict[str, Bound] = {}
    problems: dict[str, str] = {}
    quantity = check["quantity"] or {"time_to_accuracy": "time_to_accuracy"}.get(check["check"])
    given = check["bound_on"].get(cluster) or check["bound"]
    if given is not None:
        measured = QUANTITIES[quantity] if kind.bound == "referenced" and quantity else None
        references.check_bound(given, here, measured)
        if kind.side and given[kind.side] is None:
            raise UsageError(f"{here}: its bound has no {kind.side}.")
        bounds["*"] = {**given}
    elif kind.bound == "needed":
        raise UsageError(f"{here}: it needs a bound (value, lower or upper, unit, basis).")
    elif kind.bound == "referenced" and config and quantity:
        for nodes in scales:
            entry, problem = references.find_reference(known, config, quantity, check["size"], nodes)
            if entry is None:
                problems[str(nodes)] = problem
            else:
                bounds[str(nodes)] = entry.bound()
    for bound in bounds.values():
        check_data_source(bound, config, here)
    return Check(
        phase, check["check"], check["workload"], check["quantity"], check["size"], scales, bounds, problems,
        check["first"], check["limit"], check["allowed"], check["hours"], check["required"],
    )  # fmt: skip
