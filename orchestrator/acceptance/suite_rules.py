"""What a suite may hold beyond its types. Every error names the place in the suite, the value and the correct form."""

from __future__ import annotations

from orchestrator.acceptance.kinds import KINDS, Kind
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.acceptance.suite_entries import AcceptSettings, Bound, CheckSettings, SuiteSettings
from orchestrator.config.compose import check_values
from orchestrator.config.safety import refuse_unsafe_texts
from orchestrator.config.validate import NAME, is_name, node_counts
from orchestrator.errors import UsageError, nearest
from orchestrator.records.settings import Configuration

FEWEST_TIMES = 5
"""Fewest runs of a time to accuracy (MLPerf's rule for vision and for HPC)."""


def check_suite_values(accept: AcceptSettings) -> None:
    """Raise UsageError, naming the key, for a number that can mean nothing, a text that cannot stand in a record, and a
    name that cannot be part of a campaign's.
    """
    check_values(accept, AcceptConfig)
    refuse_unsafe_texts(accept)
    if accept["nodes"] is not None:
        node_counts(accept["nodes"])
    for name in accept["suite"]["workloads"]:
        is_name("suite.workloads", name, NAME)
    for number, phase in enumerate(accept["suite"]["phases"]):
        is_name(f"suite.phases[{number}].name", phase["name"], NAME)


def check_names(settings: SuiteSettings, where: str) -> None:
    """Raise UsageError for unknown kinds and workloads, and for phases of one name."""
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


def check_consistency(check: CheckSettings, kind: Kind, config: Configuration | None, here: str) -> None:
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
        probed = config["benchmark"]["probe"]
        key, sizes = ("pair_sizes", probed["pair_sizes"]) if kind.sized else ("sizes", probed["sizes"])
        if check["size"] not in sizes:
            raise UsageError(f"{here}: size={check['size']} is none of benchmark.probe.{key}={sizes}.")
    if not 2 <= check["first"] <= check["limit"]:
        raise UsageError(f"{here}: first={check['first']}, limit={check['limit']}: 2 ≤ first ≤ limit must hold.")
    if check["check"] == "time_to_accuracy" and check["first"] < FEWEST_TIMES:
        raise UsageError(f"{here}: first={check['first']}: a time to accuracy needs at least {FEWEST_TIMES} runs.")
    if check["check"] == "stability" and not check["hours"] > 0:
        raise UsageError(f"{here}: hours={check['hours']}: say for how long nothing may fail, as in hours: 24.")


def check_data_source(bound: Bound, config: Configuration | None, here: str) -> None:
    """Raise UsageError if the bound was measured on stand-in data and the workload reads real data, or the reverse."""
    if config is None or bound["source"] is None:
        return
    source = config["benchmark"]["dataset"].get("source")
    if source != bound["source"]:
        raise UsageError(
            f"{here}: its reference {bound['value']} {bound['unit']} was measured on {bound['source']} data, "
            f"and the workload reads {source} data: give a reference for {source} data."
        )
