"""Hosts that are slower than their fleet over the newest sweep and the earlier ones that a judgement needs."""

from __future__ import annotations

from typing import cast

from orchestrator.schedule.observation import Observation, observe_hosts
from orchestrator.store.entries import HostHistoryRow

SWEEPS = [f"x-2026060{day}-020000" for day in range(1, 5)]
FLEET = [f"node{number}" for number in range(8)]


def sweep_rows(sweep: str, slow: str | None = None, unmeasured: frozenset[str] = frozenset()) -> list[HostHistoryRow]:
    """A run on the whole fleet, one host of which is a quarter slower."""
    return [
        cast(HostHistoryRow, {
            "campaign": sweep, "run": "r", "created": float(SWEEPS.index(sweep)), "host": host,
            "data_s": None if host in unmeasured else 1.0, "compute_s": 14.0 if host == slow else 11.0,
        })
        for host in FLEET
    ]  # fmt: skip


def observed(rows: list[HostHistoryRow]) -> Observation:
    """What is said of the hosts of the newest sweep."""
    seen = Observation()
    observe_hosts(seen, rows, SWEEPS[-1])
    return seen


def test_a_host_that_is_slow_sweep_after_sweep_is_named_and_the_others_are_well() -> None:
    seen = observed([row for sweep in SWEEPS for row in sweep_rows(sweep, slow="node3")])
    assert [(finding.key, finding.state, finding.size) for finding in seen.findings] == [
        ("host/node3", "bad host", 0.25)
    ]
    assert set(seen.well) == {f"host/{host}" for host in FLEET if host != "node3"}


def test_hosts_that_were_not_measured_are_neither_well_nor_what_others_are_compared_with() -> None:
    unmeasured = frozenset(FLEET[:5])
    seen = observed([row for sweep in SWEEPS for row in sweep_rows(sweep, None, unmeasured)])
    assert not seen.findings
    assert set(seen.well) == {f"host/{host}" for host in FLEET[5:]}
