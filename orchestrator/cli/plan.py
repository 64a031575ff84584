"""``python -m orchestrator plan KEY=VALUE…``: print the runs and the scripts that would start them; submit nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.output import counted
from orchestrator.cli.run import compose_configurations
from orchestrator.errors import EXIT_OK
from orchestrator.plan import PlannedRun, plan_warnings
from orchestrator.records import Compared, Manifest, global_batch, sentence
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import ClusterSettings

if TYPE_CHECKING:
    from orchestrator.launch.dealing import Machine
    from orchestrator.report.entries.runs import PlacementEntry


def main(arguments: Sequence[str]) -> int:
    """Print the plan."""
    options = common.parse_options(arguments, "plan")
    from orchestrator.campaign.conduct import prepare
    from orchestrator.launch.dealing import read_machine
    from orchestrator.launch.machine import compare_this_machine
    from orchestrator.launch.schedulers import scheduler

    configs, campaign = prepare(compose_configurations(options))

    chosen = scheduler(configs[0]["cluster"]["scheduler"])
    limit = configs[0]["cluster"]["limits"]["max_jobs"]
    scripts = chosen.scripts(campaign.runs, campaign.folder, limit)
    cluster = configs[0]["cluster"]
    missing = chosen.missing(cluster)
    warnings = [*plan_warnings(campaign), *([f"cluster={cluster['name']} {missing}"] if missing else [])]
    compared = compare_this_machine(cluster)
    machine = read_machine()
    if options.json:
        runs = [
            {
                **asdict(run.spec),
                "ranks": run.spec.ranks,
                "config_hash": run.config_hash,
                "placement": placement_of(run, machine),
                "script": scripts[run.spec.run],
            }
            for run in campaign.runs
        ]
        common.print_json(
            {
                "schema": "orchestrator.plan/1",
                "campaign": campaign.name,
                "folder": str(campaign.folder),
                "runs": runs,
                "warnings": warnings,
                "promise": compared,
            }
        )
        return EXIT_OK
    count = counted(len(campaign.runs), "run")
    print(f"campaign {campaign.name}: {count} into {campaign.folder}, in the order of their start")
    printed: dict[str, str] = {}
    drawn: dict[str, str] = {}
    for run in campaign.runs:
        spec = run.spec
        batch = global_batch(spec.settings["training"], spec.ranks)
        print(
            f"\n{spec.run}: {spec.nodes} × {spec.ranks_per_node} = {counted(spec.ranks, 'rank')}, "
            f"{counted(spec.threads_per_rank, 'thread')} each, comm={spec.comm}, seed {spec.seed}, global batch {batch}"
        )
        print_placement(run, machine, drawn)
        if scripts[spec.run] in printed:
            print(f"  as a task of the same array as {printed[scripts[spec.run]]}")
            continue
        printed[scripts[spec.run]] = spec.run
        print("  " + scripts[spec.run].replace("\n", "\n  "))
    for warning in warnings:
        print(f"\nwarning: {warning}")
    if compared:
        print(f"\nthis machine, beside what cluster={cluster['name']} promises:")
    for one in compared:
        print(f"  {compared_text(cluster, one)}")
    return EXIT_OK


def compared_text(cluster: ClusterSettings, one: Compared) -> str:
    """Return one line on what was found here: "cores: 64, as promised (64 cores a node)"."""
    if one["state"] == "ok":
        return f"{one['what']}: {one['found']}" + (f", as promised ({one['promised']})" if one["promised"] else "")
    refused = " (a run is refused)" if one["state"] == "error" else ""
    return f"{one['state']}: {sentence(cluster, 'this machine', one)}{refused}"


def placement_of(planned: PlannedRun, machine: Machine) -> PlacementEntry:
    """Return where the ranks will sit if no other run is on this machine."""
    from orchestrator.launch.job import planned_binding
    from orchestrator.report.placement import planned_placement

    binding = planned_binding(Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0), machine)
    return planned_placement(planned.spec, planned.config["cluster"], machine.topology, binding)


def print_placement(planned: PlannedRun, machine: Machine, drawn: dict[str, str]) -> None:
    """Print the picture of a run's placement, once for all runs that have the same; ``drawn`` remembers them."""
    from orchestrator.report.tables.placement import placement_lines

    here = SCHEDULERS[planned.config["cluster"]["scheduler"]].here
    text = "\n".join(f"    {line}" for line in placement_lines(placement_of(planned, machine)))
    same = drawn.setdefault(text, planned.spec.run)
    if same != planned.spec.run:
        print(f"  placed as {same}")
    else:
        print(f"  placement, {'if no other run holds cores' if here else 'as the scheduler is asked for it'}:\n{text}")
