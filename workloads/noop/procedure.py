"""The rank of a job that does nothing: it counts its world and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from orchestrator.records import RunSpec
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import Telemetry


class Nothing:
    """One sum over the ranks, which none can leave before all have come."""

    def __init__(
        self, spec: RunSpec, folder: Path, communicator: Communicator, device: torch.device, progress: Progress
    ) -> None:
        self.spec = spec
        self.communicator = communicator
        self.telemetry = Telemetry(0)

    def run(self) -> dict[str, Any]:
        """The result's entries, complete on rank 0."""
        found = int(self.communicator.sum(np.ones(1, np.int64))[0])
        target = self.spec.settings["quality"]
        value = float(found == self.spec.ranks)
        return {
            "stopped": None,
            "quality": {
                "metric": target["metric"],
                "value": value,
                "target": target["target"],
                "basis": target["basis"],
                "reached": found == self.spec.ranks,
                "all": {target["metric"]: value},
            },
            "time_to_accuracy_s": None,
        }
