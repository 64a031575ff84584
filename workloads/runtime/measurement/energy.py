"""Energy of a run: of its own accelerators, by their UUIDs, and of its nodes' processors, each joule counted once.

Every rank reads the meter of its own accelerator, and the first rank of a node those of the node, in a thread. A node
without a readable meter has no energy, which is not an energy of zero: then the run's is unknown too. Where a meter
also counts what other users of the node do, the result says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from orchestrator.records import Energy, Slowed
from orchestrator.records.placement import DEVICES_VARIABLE, SHARED
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.meters import (
    DEVICE,
    MEMORY,
    MODULES,
    NODE,
    PACKAGE,
    POWER_LIMIT,
    Accelerator,
    Meter,
    accelerator_meter,
    node_meters,
)
from workloads.runtime.measurement.sampling import PERIOD_SECONDS, Sampler
from workloads.runtime.measurement.throttling import count_throttling

if TYPE_CHECKING:
    import torch

MOST_POINTS = 20_000_000
"""Of the power curves of all ranks together; longer curves get coarser."""
COUNTED_WITHIN_SECONDS = 2.0
"""Whatever a meter counts draws enough in this time to be counted, however idle it is."""
COUNTS_NOTHING = "{0.source}'s counter of {0.identity} stands still, as a hypervisor's may: that is no energy of zero"
NOTICED = 0.02
"""Share of the readings that must find a device slowed before a warning says so."""


def accelerator_of(device: torch.device | str) -> Accelerator | None:
    """Return what identifies a torch device, or that of such a name, to the meters; None for processors."""
    if not str(device).startswith("cuda"):
        return None
    import torch

    facts: Any = torch.cuda.get_device_properties(device)
    bus = ""
    if hasattr(facts, "pci_bus_id"):
        bus = f"{facts.pci_domain_id:04x}:{facts.pci_bus_id:02x}:{facts.pci_device_id:02x}.0"
    return Accelerator(str(facts.uuid), bus)


class MeterReading(TypedDict):
    """What one meter counted over the measured time and until the target, J; null, with the ``failure``, if unknown.

    ``users`` are the ids of the processes that computed on what it counts, as far as it tells.
    """

    source: str
    scope: str
    identity: str
    covers_more: str
    j: float | None
    to_accuracy_j: float | None
    failure: str
    users: list[int]


class RankReadings(TypedDict):
    """What one rank read; ``reasons`` says by scope why it read none.

    ``whole_node``: its node is the run's alone, which Slurm may say of some nodes of a job and not of others.
    ``shares_devices``: other runs were on this machine's accelerators when its ranks were placed.
    ``stood_still_s``: how long it was suspended within the measured time.
    """

    host: str
    process: int
    accelerated: bool
    whole_node: bool
    shares_devices: bool
    stood_still_s: float
    reasons: dict[str, str]
    meters: list[MeterReading]
    slowed: list[Slowed]


class Metering:
    """The meters that this rank reads, running. ``reasons`` says by scope why it reads none."""

    def __init__(self, accelerator: Accelerator | None, leads_node: bool, whole_node: bool) -> None:
        self.accelerated, self.leads_node, self.whole_node = accelerator is not None, leads_node, whole_node
        self.reasons: dict[str, str] = {}
        meters: list[Meter] = []
        if accelerator is not None:
            try:
                meters.append(accelerator_meter(accelerator))
            except OSError as error:
                self.reasons[DEVICE] = str(error)
        if leads_node:
            found, self.reasons[NODE] = node_meters()
            meters += found
        self.sampler = Sampler(meters)
        self.throttled = count_throttling() if leads_node else 0
        if meters:
            self.sampler.start()

    def conclude(
        self,
        communicator: Communicator,
        host: str,
        span: tuple[float, float],
        target_after: float | None,
        stood_still: float = 0.0,
    ) -> tuple[Energy | None, dict[str, npt.NDArray[np.floating]]]:
        """The result's entry on rank 0 (None elsewhere), and power curves for telemetry on every rank. Collective.

        ``span`` is the measured time on this rank's clock; ``target_after`` how long after its start the target was
        reached, None if it was not, or if earlier attempts, whose energy is unknown, had their part in it. Within the
        span this rank ``stood_still`` for so many seconds.
        """
        if self.sampler.meters:
            self.sampler.stop()
        start, stop = span
        texts = communicator.gather_text(json.dumps(self.readings(host, start, stop, target_after, stood_still)))
        metered = int(communicator.sum(np.array([len(self.sampler.meters)], np.int64))[0])
        curves = self.power_curves(communicator, start, stop) if metered else {}
        if texts is None:
            return None, curves
        return account_energy([json.loads(text) for text in texts], stop - start), curves

    def readings(
        self, host: str, start: float, stop: float, target_after: float | None, stood_still: float
    ) -> RankReadings:
        """What this rank read, as JSON: null stands for a number that is not known."""
        whole = self.sampler.between(start, stop)
        standing = (whole == 0) & (stop - start > COUNTED_WITHIN_SECONDS)
        whole[standing] = np.nan
        reached = np.full(len(whole), np.nan)
        if target_after is not None:
            reached = self.sampler.between(start, start + target_after)
            reached[standing] = np.nan
        meters: list[MeterReading] = [
            {
                "source": meter.source,
                "scope": meter.scope,
                "identity": meter.identity,
                "covers_more": meter.covers_more,
                "j": number(whole[place]),
                "to_accuracy_j": number(reached[place]),
                "failure": self.sampler.failures.get(place, COUNTS_NOTHING.format(meter) if standing[place] else ""),
                "users": sorted(self.sampler.users[place]),
            }
            for place, meter in enumerate(self.sampler.meters)
        ]
        slowed: list[Slowed] = [
            {
                "host": host,
                "what": self.sampler.meters[place].identity,
                "by": by,
                "share": count / len(self.sampler.times),
            }
            for (place, by), count in self.sampler.slowed.items()
        ]
        times = count_throttling() - self.throttled if self.leads_node else 0
        if times > 0:
            slowed.append({"host": host, "what": "its processors", "by": "heat", "times": times})
        return {
            "host": host,
            "process": os.getpid(),
            "accelerated": self.accelerated,
            "whole_node": self.whole_node,
            "shares_devices": os.environ.get(DEVICES_VARIABLE) == SHARED,
            "stood_still_s": stood_still,
            "reasons": self.reasons,
            "meters": meters,
            "slowed": slowed,
        }

    def power_curves(
        self, communicator: Communicator, start: float, stop: float
    ) -> dict[str, npt.NDArray[np.floating]]:
        """Mean watts of what this rank meters, in each of some equal intervals, about a second long; NaN on ranks that
        meter nothing. Of a node's overlapping meters the narrower ones are taken. Collective: all ranks take rank 0's
        intervals.
        """
        span = float(communicator.sum(np.array([stop - start if communicator.rank == 0 else 0.0]))[0])
        count = max(1, min(int(np.ceil(span)), max(64, MOST_POINTS // communicator.size)))
        watts = np.full(count, np.nan, np.float32)
        scopes = [meter.scope for meter in self.sampler.meters]
        chosen = [place for place, scope in enumerate(scopes) if scope in (DEVICE, PACKAGE, MEMORY)]
        if chosen and len(self.sampler.times) > 1:
            watts = self.sampler.watts(start + np.linspace(0, span, count + 1), chosen)
        return {"power/watts": watts, "power/interval_s": np.array([span / count], np.float32)}


@dataclass
class HostEnergy:
    """What one host's meters come to: those counted, or why there are none. ``others`` says what else is in it."""

    host: str
    counted: list[MeterReading]
    reason: str = ""
    others: str = ""

    def total(self, key: Literal["j", "to_accuracy_j"]) -> float | None:
        """The sum over the counted meters; None if any is unknown."""
        known = [joules for meter in self.counted if (joules := meter[key]) is not None]
        return None if self.reason or len(known) < len(self.counted) else float(sum(known))


def host_energy(host: str, ranks: Sequence[RankReadings]) -> HostEnergy:
    """Choose of a host's meters those that together count the run's part once, and no more where that can be had.

    Accelerators by their own meters. Processors beside them only where the node is the run's alone; where the run has
    no accelerator they are all there is, and the result says that others may be in it.
    """
    whole_node = all(rank["whole_node"] for rank in ranks)
    distinct = {(meter["source"], meter["identity"]): meter for rank in ranks for meter in rank["meters"]}
    scopes: dict[str, list[MeterReading]] = {}
    for meter in distinct.values():
        scopes.setdefault(meter["scope"], []).append(meter)
    processors = [*scopes.get(PACKAGE, []), *scopes.get(MEMORY, [])] if PACKAGE in scopes else []
    shared = "" if whole_node else "the whole node is counted, and others may have run on it"
    counted: list[MeterReading] = []
    others = ""
    if any(rank["accelerated"] for rank in ranks):
        unmetered = [rank["reasons"][DEVICE] for rank in ranks if DEVICE in rank["reasons"]]
        if not unmetered:
            counted = [*scopes[DEVICE], *(processors if whole_node else [])]
            others = shared_devices(ranks)
        elif whole_node and NODE in scopes:
            counted = scopes[NODE]
        elif whole_node and MODULES in scopes:
            counted = [*scopes[MODULES], *processors]
        else:
            return HostEnergy(host, [], unmetered[0])
    else:
        counted, others = processors or scopes.get(NODE, []), shared
    if not counted:
        reasons = [rank["reasons"].get(NODE, "") for rank in ranks]
        return HostEnergy(host, [], next(filter(None, reasons), "no rank read its meters"))
    failures = [meter["failure"] for meter in counted if meter["failure"]]
    unread = "the meters were not read over the whole run" if any(meter["j"] is None for meter in counted) else ""
    stood_still = max(rank["stood_still_s"] for rank in ranks)
    suspended = (
        f"{stood_still:.0f} s in which the run stood still, and another may have computed" if stood_still else ""
    )
    more = sorted({meter["covers_more"] for meter in counted if meter["covers_more"]})
    return HostEnergy(
        host,
        counted,
        (failures or [unread])[0],
        "; ".join([*filter(None, [others, suspended if stood_still else ""]), *more]),
    )


def shared_devices(ranks: Sequence[RankReadings]) -> str:
    """Say so where others computed on the accelerators of a host's ranks; "" where nobody is known to have.

    A run that came first learns only from its meters of those that came later. In a container of its own the ranks'
    ids are not the driver's: then any process beyond the number of the ranks is another's.
    """
    own = {rank["process"] for rank in ranks}
    shares = any(rank["shares_devices"] for rank in ranks)
    for identity in {meter["identity"] for rank in ranks for meter in rank["meters"] if meter["scope"] == DEVICE}:
        readers = [rank for rank in ranks if identity in (meter["identity"] for meter in rank["meters"])]
        users = {user for rank in readers for meter in rank["meters"] if meter["identity"] == identity
                 for user in meter["users"]}  # fmt: skip
        shares = shares or (bool(users - own) if users & own else len(users) > len(readers))
    return "whole accelerators are counted, and others computed on them" if shares else ""


def account_energy(ranks: Sequence[RankReadings], seconds: float) -> Energy:
    """The result's entry from what each rank read; any unknown makes the sum so.

    ``scope`` names what was counted ("device+package"), ``meters`` the joules of each scope and source, ``others`` what
    the joules hold beyond the run's part, null if nothing, and ``slowed`` which devices ran slower than they could.
    """
    hosts: dict[str, list[RankReadings]] = {}
    for rank in ranks:
        hosts.setdefault(rank["host"], []).append(rank)
    found = [host_energy(host, members) for host, members in hosts.items()]
    missing = [item for item in found if item.reason]
    reason = None
    if missing:
        more = f" and {len(missing) - 1} more nodes" if len(missing) > 1 else ""
        reason = f"{missing[0].host}{more}: {missing[0].reason}"
    parts: dict[tuple[str, str], list[float | None]] = {}
    for item in found:
        for meter in item.counted:
            parts.setdefault((meter["scope"], meter["source"]), []).append(meter["j"])
    return {
        "j": total([item.total("j") for item in found]),
        "to_accuracy_j": total([item.total("to_accuracy_j") for item in found]),
        "seconds": seconds,
        "period_s": PERIOD_SECONDS,
        "source": "+".join(dict.fromkeys(source for _, source in parts)) or None,
        "scope": "+".join(dict.fromkeys(scope for scope, _ in parts)) or None,
        "others": "; ".join(dict.fromkeys(item.others for item in found if item.others)) or None,
        "reason": reason,
        "meters": [
            {"scope": scope, "source": source, "count": len(joules), "j": total(joules)}
            for (scope, source), joules in parts.items()
        ],
        "nodes": [{"host": item.host, "j": item.total("j")} for item in found],
        "slowed": [entry for rank in ranks for entry in rank["slowed"]],
    }


def slowdown_warnings(slowed: Sequence[Slowed]) -> list[str]:
    """Sentences on devices that slowed themselves down while they were measured, as the account lists them.

    At its power limit a busy accelerator runs all day, which is no news.
    """
    found = []
    for entry in slowed:
        if entry["by"] == POWER_LIMIT:
            continue
        if "times" in entry:
            how = f"{entry['times']} times"
        elif entry["share"] >= NOTICED:
            how = f"in {100 * entry['share']:.0f} % of the readings"
        else:
            continue
        found.append(f"{entry['what']} on {entry['host']} slowed down {how}: {entry['by']}")
    return found


def total(values: Sequence[float | None]) -> float | None:
    """The sum; None if any part is unknown."""
    known = [value for value in values if value is not None]
    return float(sum(known)) if known and len(known) == len(values) else None


def number(value: float) -> float | None:
    """JSON's form of a number that may be unknown."""
    return None if np.isnan(value) else float(value)
