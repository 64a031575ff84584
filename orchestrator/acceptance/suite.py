"""From an ``accept`` command line to a resolved suite: what is run, what is checked, against which bounds.

Everything that can be wrong is found here, before any job.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from orchestrator.acceptance import references
from orchestrator.acceptance.findings import Check
from orchestrator.acceptance.kinds import KINDS, Kind
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.config.compose import compose_all, explain, hydra_session, options_of
from orchestrator.config.validate import validate
from orchestrator.errors import UsageError, nearest
from orchestrator.launch.slurm.nodes import Nodes, nodes_of

PRIMARY = "accept"
SHARED = ("cluster", "results", "store", "watch")
"""Keys of an ``accept`` command that are a run's too."""
FEWEST_TIMES = 5
"""Runs of a time to accuracy (MLPerf's rule for vision and for HPC)."""


@dataclass(frozen=True)
class Suite:
    """A resolved suite. ``configs`` are the runs' configurations by workload, ``nodes`` the machine's and
    ``count`` how many of them "all" means.
    """

    name: str
    settings: dict[str, Any]
    cluster: dict[str, Any]
    configs: dict[str, dict[str, Any]]
    checks: list[Check]
    phases: list[dict[str, Any]]
    nodes: Nodes
    references: dict[str, references.Entry]
    exclude_faulty: bool
    record_name: str | None
    count: int


def split(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """What concerns the suite, and what goes to every run."""
    ours: list[str] = []
    runs: list[str] = []
    for word in overrides:
        key = word.partition("=")[0].lstrip("+~")
        (runs if key.partition(".")[0] in SHARED else ours).append(word)
    return ours, runs


def compose_suite(words: Sequence[str], config_dir: str | None) -> dict[str, Any]:
    """The accept configuration, resolved. Raises UsageError."""
    named = [word for word in words if word.startswith("suite=")]
    ConfigStore.instance().store(name=PRIMARY, node=AcceptConfig)
    with hydra_session(config_dir):
        known = options_of("acceptance")
        if not named:
            raise UsageError(f"Say which suite: accept suite=NAME cluster=NAME.{nearest('', known)}")
        name = named[-1].partition("=")[2]
        if name not in known:
            raise UsageError(f"There is no acceptance suite '{name}'.{nearest(name, known)}")
        rest = [word for word in words if word not in named]
        try:
            config = compose(
                config_name=PRIMARY, overrides=[f"acceptance@suite={name}", f"suite.name={name}", *rest]
            )  # fmt: skip
            resolved = OmegaConf.to_container(config, resolve=True)
            OmegaConf.merge(OmegaConf.structured(AcceptConfig), resolved)
        except (HydraException, OmegaConfBaseException) as error:
            raise UsageError(f"suite {name}: {complaint(error)}") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def complaint(error: Exception) -> str:
    """The line of an exception, or of what caused it, that names the key; else what composing says of it."""
    chain = [error, error.__cause__, error.__context__]
    lines = [line.strip() for one in chain if one is not None for line in str(one).splitlines()]
    naming = [line for line in lines if "Key '" in line or "not in '" in line or "full_key" in line]
    return "; ".join(dict.fromkeys(naming)) or explain(error)


def resolve(overrides: Sequence[str], config_dir: str | None) -> Suite:
    """The suite of a command line, checked. Raises UsageError."""
    ours, shared = split(overrides)
    accept = compose_suite(ours, config_dir)
    settings = accept["suite"]
    where = f"suite {settings['name']}"
    cluster_name = next((word.partition("=")[2] for word in reversed(shared) if word.startswith("cluster=")), "local")
    if settings["clusters"] and cluster_name not in settings["clusters"]:
        raise UsageError(f"{where} is for cluster={' or '.join(settings['clusters'])}, not for cluster={cluster_name}.")
    if not settings["workloads"] or not settings["phases"]:
        raise UsageError(f"{where}: a suite has workloads and phases.")
    used(settings, where)
    configs = {
        name: workload_config(workload, f"{where}: workload {name}", shared, config_dir)
        for name, workload in settings["workloads"].items()
    }
    cluster: dict[str, Any] = next(iter(configs.values()))["cluster"]
    nodes = nodes_of(cluster)
    count = node_count(accept["nodes"], nodes, cluster)
    known = references.load(accept["references"], cluster)
    phases = [
        {"name": phase["name"], "stop_on_failure": phase["stop_on_failure"] or accept["stop_on_failure"]}
        for phase in settings["phases"]
    ]
    whole = Suite(
        settings["name"], settings, cluster, configs, [], phases, nodes, known, accept["exclude_faulty"],
        accept["name"], count,
    )  # fmt: skip
    return at_count(whole, count)


def at_count(suite: Suite, count: int) -> Suite:
    """The suite with "all" meaning so many nodes. Raises UsageError for checks that no run could satisfy."""
    where = f"suite {suite.name}"
    configs = {}
    for name, config in suite.configs.items():
        wanted = suite.settings["workloads"][name]["nodes"]
        configs[name] = {**config, "nodes": counts(wanted, count, f"{where}: workload {name}")}
        if configs[name]["nodes"]:
            validate(configs[name])
    checks = [
        resolve_check(check, phase["name"], configs, suite.references, count, suite.cluster["name"], where)
        for phase in suite.settings["phases"]
        for check in phase["checks"]
    ]
    return replace(suite, configs=configs, checks=checks)


def without(suite: Suite, faulty: Sequence[str]) -> Suite:
    """The suite on the machine without some nodes, which the scheduler is told to leave out."""
    left_out = sorted({*suite.nodes.left_out, *faulty})
    nodes = replace(suite.nodes, left_out=left_out)
    slurm = {**suite.cluster["slurm"], "exclude": ",".join(left_out)}
    cluster = {**suite.cluster, "slurm": slurm}
    configs = {name: {**config, "cluster": cluster} for name, config in suite.configs.items()}
    count = min(suite.count - len(faulty), len(nodes.usable))
    return at_count(replace(suite, nodes=nodes, cluster=cluster, configs=configs, count=count), count)


def used(settings: Mapping[str, Any], where: str) -> None:
    """Raise UsageError for kinds and workloads that do not exist, and for names given twice."""
    names = [phase["name"] for phase in settings["phases"]]
    if len(set(names)) != len(names):
        raise UsageError(f"{where}: two phases have the same name.")
    for phase in settings["phases"]:
        for number, check in enumerate(phase["checks"]):
            here = f"{where}: phase {phase['name']}, check {number + 1}"
            if check["check"] not in KINDS:
                raise UsageError(f"{here}: there is no check '{check['check']}'.{nearest(check['check'], list(KINDS))}")
            if check["check"] != "available" and check["workload"] not in settings["workloads"]:
                hint = nearest(str(check["workload"]), list(settings["workloads"]))
                raise UsageError(f"{here}: there is no workload '{check['workload']}'.{hint}")


def workload_config(
    workload: Mapping[str, Any], where: str, shared: Sequence[str], config_dir: str | None
) -> dict[str, Any]:
    """A run's configuration. Raises UsageError naming the workload."""
    words = [f"{key}={workload[key]}" for key in ("benchmark", "mode", "comm", "scale", "repeats", "seed")]
    words += [f"recipe={workload['recipe']}"] if workload["recipe"] else []
    try:
        return compose_all([*shared, *words, *workload["overrides"]], False, config_dir)[0]
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def node_count(asked: int | None, nodes: Nodes, cluster: Mapping[str, Any]) -> int:
    """What "all" means."""
    usable = len(nodes.usable) if nodes.states is not None else None
    if asked is None:
        if usable == 0:
            raise UsageError(f"cluster={cluster['name']}: no node is in service.")
        return usable or 1
    if asked < 1 or (usable is not None and asked > usable):
        raise UsageError(f"nodes={asked}: cluster={cluster['name']} has {usable} nodes in service.")
    return asked


def counts(value: Any, count: int, where: str) -> list[int]:
    """Node counts of a workload, those that the machine has, in order and none twice."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        if item != "all" and (isinstance(item, bool) or not isinstance(item, int) or item < 1):
            raise UsageError(f"{where}: nodes={value}: node counts are positive whole numbers or 'all'.")
        nodes = count if item == "all" else int(item)
        if nodes <= count and nodes not in found:
            found.append(nodes)
    return found


def resolve_check(
    check: Mapping[str, Any],
    phase: str,
    configs: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, references.Entry],
    count: int,
    cluster: str,
    where: str,
) -> Check:
    """A check with its bounds. Raises UsageError for what no run could satisfy."""
    kind = KINDS[check["check"]]
    here = f"{where}: phase {phase}, check {check['check']}"
    here += f" of {check['workload']}" if check["workload"] else ""
    config = configs.get(check["workload"] or "")
    sanity(check, kind, config, here)
    scales: list[int] = config["nodes"] if config else []
    if check["nodes"] is not None:
        # A count that the machine does not have stays, to be reported as not measurable.
        listed = check["nodes"] if isinstance(check["nodes"], list) else [check["nodes"]]
        scales = counts([count if item == "all" else item for item in listed], sys.maxsize, here)
    bounds: dict[str, dict[str, Any]] = {}
    problems: dict[str, str] = {}
    quantity = check["quantity"] or {"time_to_accuracy": "time_to_accuracy"}.get(check["check"])
    given = check["bound_on"].get(cluster) or check["bound"]
    if given is not None:
        unit = QUANTITIES[quantity].unit if kind.bound == "referenced" and quantity else None
        references.check_bound(given, here, unit)
        if kind.side and given[kind.side] is None:
            raise UsageError(f"{here}: its bound has no {kind.side}.")
        bounds["*"] = dict(given)
    elif kind.bound == "needed":
        raise UsageError(f"{here}: it needs a bound (value, lower or upper, unit, basis).")
    elif kind.bound == "referenced" and config and quantity:
        for nodes in scales:
            entry, problem = references.find(known, config, quantity, check["size"], nodes)
            if entry is None:
                problems[str(nodes)] = problem
            else:
                bounds[str(nodes)] = entry.bound()
    for bound in bounds.values():
        same_data(bound, config, here)
    return Check(
        phase, check["check"], check["workload"], check["quantity"], check["size"], scales, bounds, problems,
        check["first"], check["limit"], check["allowed"], check["hours"], check["required"],
    )  # fmt: skip


def sanity(check: Mapping[str, Any], kind: Kind, config: Mapping[str, Any] | None, here: str) -> None:
    """Raise UsageError for keys that do not go together."""
    quantity = check["quantity"]
    if kind.quantities and check["check"] != "variation" and quantity not in kind.quantities:
        raise UsageError(f"{here}: quantity={quantity}.{nearest(str(quantity), list(kind.quantities))}")
    if quantity is not None and quantity not in (kind.quantities or QUANTITIES):
        raise UsageError(f"{here}: quantity={quantity}.{nearest(quantity, list(kind.quantities))}")
    probe = config is not None and config["mode"] == "probe"
    if config is not None and probe != (kind.probes or (quantity in QUANTITIES and QUANTITIES[quantity].of_probe)):
        wants = "a probe (benchmark: probe, mode: probe)" if not probe else "a workload that is not a probe"
        if kind.quantities or kind.probes or check["check"] in ("efficiency", "quality", "time_to_accuracy"):
            raise UsageError(f"{here}: it needs {wants}.")
    if config is not None and (kind.sized or quantity in ("bus_bandwidth", "latency")):
        key = "pair_sizes" if kind.sized else "sizes"
        if check["size"] not in config["benchmark"]["probe"][key]:
            raise UsageError(
                f"{here}: size={check['size']} is none of benchmark.probe.{key}={config['benchmark']['probe'][key]}."
            )
    if not 2 <= check["first"] <= check["limit"]:
        raise UsageError(f"{here}: first={check['first']}, limit={check['limit']}: 2 ≤ first ≤ limit must hold.")
    if check["check"] == "time_to_accuracy" and check["first"] < FEWEST_TIMES:
        raise UsageError(f"{here}: first={check['first']}: a time to accuracy needs at least {FEWEST_TIMES} runs.")
    if check["check"] == "stability" and not check["hours"] > 0:
        raise UsageError(f"{here}: hours={check['hours']}: say for how long nothing may fail, as in hours: 24.")


def same_data(bound: Mapping[str, Any], config: Mapping[str, Any] | None, here: str) -> None:
    """A reference measured on stand-in data says nothing of real data, nor the other way round."""
    if config is None or bound["source"] is None:
        return
    source = config["benchmark"]["dataset"].get("source")
    if source != bound["source"]:
        raise UsageError(
            f"{here}: its reference {bound['value']} {bound['unit']} was measured on {bound['source']} data, "
            f"and the workload reads {source} data: give a reference for {source} data."
        )
