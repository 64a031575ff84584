"""The probe of one rank. Each measurement runs in short bursts, round after round, so that drift affects all alike.

All results go into the telemetry file under ``probe/``, by rank; analysis and verdicts use that file alone. Rates are
per rank. Messages are timed as by nccl-tests: the seconds of one allreduce, mean over the ranks of a group; algbw =
bytes ÷ seconds, and busbw = algbw · 2(n − 1) ÷ n over n ranks.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from orchestrator.records import NodeInventory, ProcedureResult
from workloads.probe.groups import Group, groups_of
from workloads.probe.inventory import node_inventory
from workloads.probe.pairing import rounds_of_pairs, turns
from workloads.probe.rates import FileRead, MatrixProduct, Triad
from workloads.probe.readings import Readings
from workloads.runtime.measurement.clocks import clock, seconds_since
from workloads.runtime.measurement.telemetry import Telemetry
from workloads.runtime.procedures.procedure import Procedure, RunContext
from workloads.runtime.procedures.quality import quality_entry
from workloads.runtime.samples.staging import expand_here, scratch_folder

WARM_UP = 3
FEWEST, MOST = 4, 20000
"""Messages of one measurement."""


class HealthProbe(Procedure):
    """Measures this rank, its node's pairs with other nodes, and all ranks together."""

    reads_staged_copy = False
    """Its reading is a measurement of where the data are kept."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        spec, communicator, self.folder = context.spec, context.communicator, context.folder
        self.settings = spec.settings["probe"]
        self.telemetry = Telemetry(0)
        self.node = communicator.rank // spec.ranks_per_node
        self.leads_node = communicator.rank % spec.ranks_per_node == 0
        self.local = local_folder(self.settings["local_folder"], spec.scratch_folder)
        self.rounds: int = self.settings["rounds"]
        self.right = True

    def run(self) -> ProcedureResult:
        """Run all measurements; return the result's entries, complete on rank 0."""
        self.groups = groups_of(self.communicator, self.device)
        self.progress.epochs = 3
        self.enter("nodes")
        inventory = self.inventories()
        self.measure_nodes()
        self.enter("pairs")
        self.measure_pairs()
        self.enter("allreduce")
        self.measure_all()
        self.telemetry.leave()
        right = int(self.communicator.sum(np.array([int(not self.right)], np.int64))[0]) == 0
        self.telemetry.further["correct"] = np.array([float(self.right)])
        self.telemetry.further = {f"probe/{name}": array for name, array in self.telemetry.further.items()}
        return {
            "stopped": None,
            "quality": quality_entry(self.quality, {self.quality["metric"]: float(right)}),
            "time_to_accuracy_s": None,
            "probe": {"inventory": inventory},
        }

    def inventories(self) -> dict[str, NodeInventory]:
        """Return each node's inventory, by node number; on rank 0."""
        own: NodeInventory = node_inventory(self.folder, self.local) if self.leads_node else {}
        texts = self.communicator.gather_text(json.dumps(own)) or []
        step = self.spec.ranks_per_node
        return {str(number): json.loads(text) for number, text in enumerate(texts[::step])}

    def measure_nodes(self) -> None:
        """Measure arithmetic, memory and file reads of every node, (rounds,) each; NaN on ranks that take no part."""
        product = MatrixProduct(self.settings["matrix"], self.settings["precision"], self.device)
        triad = Triad(self.settings["triad_mib"], self.device)
        readings = Readings(self.device, leads_node=self.leads_node)
        shared = FileRead(self.folder / "blocks.h5")
        names = (
            "matmul_flop_per_s",
            "triad_bytes_per_s",
            "clock_mhz",
            "temperature_c",
            "power_w",
            "read_shared_bytes_per_s",
            "read_local_bytes_per_s",
        )
        table = {name: np.full(self.rounds, math.nan) for name in names}
        seconds = self.settings["burst_s"]
        with tempfile.TemporaryDirectory(prefix="probe-", dir=self.local) as folder:
            copy = FileRead.of_copy(shared.path, Path(folder)) if self.leads_node else None
            product.multiply()
            triad.add()
            for number in range(self.rounds):
                for measuring in turns(range(self.spec.nodes), self.settings["at_once"]):
                    self.wait()
                    if self.node not in measuring:
                        continue
                    readings.begin()
                    table["matmul_flop_per_s"][number] = product.rate(seconds)
                    taken = readings.take()
                    table["clock_mhz"][number], table["temperature_c"][number], table["power_w"][number] = taken
                    self.right = self.right and product.is_right()
                    table["triad_bytes_per_s"][number] = triad.rate(seconds)
                    if copy is not None:
                        table["read_shared_bytes_per_s"][number] = shared.rate()
                        table["read_local_bytes_per_s"][number] = copy.rate()
                self.progress.step += 1
            self.wait()
        self.telemetry.further |= table

    def measure_pairs(self) -> None:
        """Measure the seconds of an allreduce between the ranks of two nodes.

        The results are (pair rounds, sizes, repeats) seconds, and (pair rounds,) partner nodes, −1 where this node
        rested.
        """
        nodes, sizes = self.spec.nodes, self.settings["pair_sizes"]
        schedule = rounds_of_pairs(nodes, self.settings["pair_rounds"])
        repeats = self.settings["pair_repeats"]
        partner = np.full(len(schedule), -1, np.int32)
        seconds = np.full((len(schedule), len(sizes), repeats), math.nan)
        groups: list[Group | None] = []
        for number, pairs in enumerate(schedule):
            groups.append(self.groups.divide([[*self.ranks_of(first), *self.ranks_of(last)] for first, last in pairs]))
            for first, last in pairs:
                if self.node in (first, last):
                    partner[number] = last if self.node == first else first
        for repeat in range(repeats):
            for number, pairs in enumerate(schedule):
                for meeting in turns(pairs, self.settings["at_once"]):
                    self.wait()
                    group = groups[number]
                    if group is not None and any(self.node in pair for pair in meeting):
                        seconds[number, :, repeat] = self.message_times(group, sizes)
                self.progress.step += 1
        self.wait()
        self.telemetry.further |= {"pair_partner": partner.astype(np.float64), "pair_seconds": seconds}

    def measure_all(self) -> None:
        """Measure the seconds of an allreduce over all ranks, (sizes, rounds); empty for a single rank."""
        sizes = self.settings["sizes"] if self.communicator.size > 1 else []
        seconds = np.full((len(sizes), self.rounds), math.nan)
        group = self.groups.divide([list(range(self.communicator.size))])
        assert group is not None
        for number in range(self.rounds):
            self.wait()
            seconds[:, number] = self.message_times(group, sizes)
            self.progress.step += 1
        self.telemetry.further["allreduce_seconds"] = seconds

    def message_times(self, group: Group, sizes: Sequence[int]) -> list[float]:
        """Return the seconds of one allreduce of float32, for each size in bytes; the sums are checked.

        It is timed in place, or from one buffer to another; nccl-tests' tables have both. The latter begins with a
        copy, in MPI as here.
        """
        found = []
        for size in sizes:
            buffer = torch.zeros(max(1, size // 4), dtype=torch.float32, device=group.device)
            source = None if self.settings["in_place"] else torch.zeros_like(buffer)
            begin = clock()
            for _ in range(WARM_UP):
                group.sum(buffer if source is None else buffer.copy_(source))
            # All ranks must make as many: they agree on the mean of what each took for the warm-up.
            once = max(group.mean(seconds_since(begin) / WARM_UP), 1e-7)
            count = min(MOST, max(FEWEST, round(self.settings["message_s"] / once)))
            group.mean(0.0)
            begin = clock()
            for _ in range(count):
                group.sum(buffer if source is None else buffer.copy_(source))
            found.append(seconds_since(begin) / count)
            buffer.fill_(1.0)
            group.sum(buffer)
            self.right = self.right and bool((buffer == float(group.size)).all())
        return found

    def ranks_of(self, node: int) -> range:
        """Return the ranks on a node."""
        return range(node * self.spec.ranks_per_node, (node + 1) * self.spec.ranks_per_node)

    def wait(self) -> None:
        """Sleep until every rank is here."""
        self.progress.collective = True
        self.groups.wait()
        self.progress.collective = False


def local_folder(given: str | None, scratch: str | None) -> Path:
    """Return a folder of this node's own file system. Raises DatasetError."""
    if given is not None:
        return expand_here("benchmark.probe.local_folder", given)
    return Path(tempfile.gettempdir()) if scratch is None else scratch_folder(scratch)
