"""The rank of a job without work: it counts the ranks and reports them."""

from __future__ import annotations

import numpy as np

from orchestrator.records import ProcedureResult
from workloads.runtime.measurement.telemetry import Telemetry
from workloads.runtime.procedures.procedure import Procedure, RunContext
from workloads.runtime.procedures.quality import quality_entry


class CountRanks(Procedure):
    """One sum over the ranks, which none can leave before all have come."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context)
        self.telemetry = Telemetry(0)

    def run(self) -> ProcedureResult:
        """The result's entries, the same on every rank."""
        found = int(self.communicator.sum(np.ones(1, np.int64))[0])
        return {
            "stopped": None,
            "quality": quality_entry(self.quality, {self.quality["metric"]: float(found == self.spec.ranks)}),
            "time_to_accuracy_s": None,
        }
