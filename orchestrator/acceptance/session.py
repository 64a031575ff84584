"""Runs a suite phase by phase, adds the repeats that checks ask for, and writes everything into the record at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.acceptance.findings import FAIL, MORE, Check, Finding
from orchestrator.acceptance.measurements import Entry, Measurement, read_measurement
from orchestrator.acceptance.record import Record, Session, inventory_of
from orchestrator.acceptance.references import known_threads
from orchestrator.acceptance.suite import Suite, without_nodes
from orchestrator.acceptance.suite_entries import MachineFacts
from orchestrator.acceptance.verdict import all_findings, facts_of, faulty_names, overall_outcome
from orchestrator.campaign.trained import with_weights
from orchestrator.plan import science_of
from orchestrator.records import RunDirectory, document_hash, now, write_json
from orchestrator.records.settings import Configuration, TrainingSettings

if TYPE_CHECKING:
    from rich.console import Console

MOST_AT_ONCE = 5
"""Most further repeats before the next look. The error is shared out over all of them, looked at or not."""
LOOP_SECONDS = 600
"""Intended length of one campaign of a stability check."""


class Acceptance:
    """One execution of a suite."""

    def __init__(self, suite: Suite, record: Record, console: Console) -> None:
        self.suite, self.record, self.console = suite, record, console
        self.session = Session(started=now())
        self.runs: list[Measurement] = []
        self.checks = list(suite.checks)
        self.number = 0

    def run_suite(self) -> Session:
        """Run all phases and return the session."""
        self.record.write_suite(self.suite, self.checks)
        self.record.write_session(self.session)
        for phase in self.suite.phases:
            self.console.print(f"[bold]phase {phase['name']}[/bold]", highlight=False)
            self.session.ran.append(phase["name"])
            found = self.run_phase(phase["name"])
            self.print_findings(found)
            if self.session.interrupted:
                break
            if overall_outcome(found) == FAIL and phase["stop_on_failure"]:
                self.session.stopped_after = phase["name"]
                break
            self.leave_out_faulty(found, phase["name"])
        self.session.ended = now()
        self.write_index()
        write_json(
            self.record.path / "inventory.json",
            inventory_of([(run.node_hosts, run.inventory) for run in self.runs if run.inventory]),
        )
        return self.session

    def run_phase(self, phase: str) -> list[Finding]:
        """Run a phase's workloads until its checks are decided or at their limit; return its findings."""
        checks = [check for check in self.checks if check.phase == phase]
        loops = [check for check in checks if check.check == "stability"]
        once = dict.fromkeys(
            check.workload for check in checks if check.workload and check.workload not in {c.workload for c in loops}
        )
        self.run_campaign(phase, {name: self.suite.configs[name] for name in once})
        for check in loops:
            self.repeat_for_hours(check)
        seen: dict[str, int] = {}
        while not self.session.interrupted:
            found = all_findings(checks, self.runs, self.facts(), self.session, final=False)
            # A campaign that gave a check no value was of runs that fail: no more of them are asked for.
            needed = self.further_runs([finding for finding in found if finding.n != seen.get(finding.identity)])
            if not needed:
                break
            seen = {finding.identity: finding.n for finding in found}
            self.run_campaign(phase, needed)
        return all_findings(checks, self.runs, self.facts(), self.session, final=True)

    def facts(self) -> MachineFacts:
        """Return the facts about the machine that checks use."""
        return facts_of(self.record.suite())

    def further_runs(self, found: Sequence[Finding]) -> dict[str, Configuration]:
        """Return configurations, by workload, of the repeats that undecided checks ask for.

        At a node count where so many runs were made, failed ones too, as give a check its limit of values, none is
        added for it.
        """
        asked: dict[str, dict[int, int]] = {}
        for finding in found:
            if finding.outcome != MORE or finding.workload is None:
                continue
            config = self.suite.configs[finding.workload]
            per_run = values_per_run(finding, config)
            count = math.ceil(max(1, min(MOST_AT_ONCE, finding.needed)) / per_run)
            most = math.ceil(finding.limit / per_run)
            scales = config["nodes"] if finding.nodes is None else [finding.nodes]
            if finding.check == "efficiency":
                scales = [min(config["nodes"]), *scales]
            for nodes in scales:
                left = most - self.runs_made(finding, nodes)
                if left > 0:
                    by_scale = asked.setdefault(finding.workload, {})
                    by_scale[nodes] = max(by_scale.get(nodes, 0), min(count, left))
        return {
            name: {**self.like_earlier_runs(name), "nodes": sorted(scales), "repeats": max(scales.values())}
            for name, scales in asked.items()
        }

    def like_earlier_runs(self, workload: str) -> Configuration:
        """Return a workload's configuration with the threads and the global batch that its runs so far had: a plan
        works both out of its own node counts and repeats, and those of further runs are fewer.
        """
        config = self.suite.configs[workload]
        first = next((run for run in self.runs if run.entry.workload == workload), None)
        if first is None:
            return config
        if known_threads(config) is None:
            config = {**config, "cluster": {**config["cluster"], "threads_per_rank": first.threads_per_rank}}
        if config["scale"]["mode"] == "strong":
            batch = first.settings["training"]["global_batch_size"]
            benchmark = config["benchmark"]
            training: TrainingSettings = {**benchmark["training"], "global_batch_size": batch}
            config = {**config, "benchmark": {**benchmark, "training": training}}
        return config

    def runs_made(self, finding: Finding, nodes: int) -> int:
        """Return how many runs a finding has at a node count, whether they completed or not."""
        mine = (finding.workload, finding.phase)
        return sum((run.entry.workload, run.entry.phase) == mine and run.nodes == nodes for run in self.runs)

    def run_campaign(self, phase: str, configs: Mapping[str, Configuration]) -> None:
        """Run configurations, keyed by workload, as one campaign, and copy its runs into the record."""
        from orchestrator.campaign.conduct import conduct
        from orchestrator.report.tables.live import LiveView

        chosen = {name: config for name, config in configs.items() if config["nodes"]}
        if not chosen:
            return
        self.number += 1
        # Other seeds than before: repeats are of the whole training, its initialisation included.
        done = len(self.runs)
        planned: list[Configuration] = [{**config, "seed": config["seed"] + done} for config in chosen.values()]
        hashes = (document_hash(science_of(with_weights(one, Path.cwd()))) for one in planned)
        names = dict(zip(hashes, chosen, strict=True))
        outcome = conduct(
            planned, LiveView(self.console), name=f"{self.record.path.name}-{self.number:02d}-{phase}"[:100]
        )
        for stored in outcome.records:
            run = stored.run
            entry = Entry(names[run["config_hash"]], phase, run["campaign"], run["run"], run["state"], run["cause"])
            self.record.copy_run(RunDirectory(outcome.folder / run["run"]), entry)
            self.session.entries.append(entry)
            self.runs.append(read_measurement(self.record.path, entry))
        self.session.interrupted = outcome.interrupted
        self.write_index()

    def repeat_for_hours(self, check: Check) -> None:
        """Repeat a stability check's workload for the check's hours. A failed run does not end it."""
        assert check.workload is not None
        deadline = time.monotonic() + 3600 * check.hours
        repeats, begin = 1, time.monotonic()
        while time.monotonic() < deadline and not self.session.interrupted:
            began = time.monotonic()
            config = self.suite.configs[check.workload]
            self.run_campaign(check.phase, {check.workload: {**config, "repeats": repeats}})
            if not config["nodes"]:
                return
            each = max(0.1, (time.monotonic() - began) / repeats)
            left = min(LOOP_SECONDS, deadline - time.monotonic())
            repeats = max(1, math.ceil(left / each))
            self.console.print(
                f"stability: {(time.monotonic() - begin) / 3600:.2f} of {check.hours:g} h", highlight=False
            )  # fmt: skip

    def leave_out_faulty(self, found: Sequence[Finding], phase: str) -> None:
        """With ``exclude_faulty``, continue without the nodes that the phase found faulty."""
        names = faulty_names(found, "node")
        if not names or not self.suite.exclude_faulty:
            return
        if self.suite.nodes.states is None:
            self.console.print("[yellow]exclude_faulty: this scheduler cannot leave out nodes[/yellow]")
            return
        if self.suite.count - len(names) < 1:
            self.console.print("[yellow]exclude_faulty: no node would be left; going on with all[/yellow]")
            return
        self.suite = without_nodes(self.suite, names)
        later = [check for check in self.suite.checks if check.phase not in self.session.ran]
        self.checks = [check for check in self.checks if check.phase in self.session.ran] + later
        self.session.left_out += [{"node": name, "after": phase, "by": "exclude_faulty"} for name in names]
        self.record.write_suite(self.suite, self.checks)
        self.console.print(f"[yellow]left out from here on: {', '.join(names)}[/yellow]", highlight=False)

    def write_index(self) -> None:
        """Write the index of runs as it is now."""
        self.record.write_session(self.session)

    def print_findings(self, found: Sequence[Finding]) -> None:
        """Print one line for each finding."""
        from orchestrator.acceptance.presentation import check_line

        for finding in found:
            self.console.print(check_line(finding.to_entry()), highlight=False, soft_wrap=True)


def values_per_run(finding: Finding, config: Configuration) -> int:
    """Return how many values of a check one run gives: a probe gives one each round, but one in all to a variation."""
    if config["mode"] != "probe" or finding.check == "variation":
        return 1
    probe = config["benchmark"]["probe"]
    return int(probe["pair_repeats"] if finding.check == "links" else probe["rounds"])
