"""turbulence: vorticity of decaying two-dimensional turbulence, from this project's own spectral solver."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import as_completed
from pathlib import Path

import h5py
import numpy as np

from workloads.runtime.dataset import Progress
from workloads.runtime.samples.processes import process_pool
from workloads.super_resolution.datasets.base import FieldsDataset
from workloads.super_resolution.datasets.regions import Fields, Region
from workloads.super_resolution.making.flow import Flow, draw_vorticity

FILE, KEY = "turbulence.h5", "vorticity"
"""``vorticity`` (flows, times, points, points) float32 with the attributes ``times`` and ``viscosity``."""
BEGUN = 1.0
"""When the first field is kept, in units of the largest eddies' turning: filaments are there by then."""


class TurbulenceDataset(FieldsDataset):
    """Fields of flows that have nothing in common but their spectrum; each flow is in one part alone."""

    SET = "turbulence"
    UNIT = "1 / turnover time"
    MADE = "simulated"
    MADE_OF = ("points", "flows", "evaluation_flows", "times", "interval", "viscosity")

    @property
    def flows(self) -> int:
        """Of both parts."""
        return int(self.settings["flows"]) + int(self.settings["evaluation_flows"])

    @property
    def made_shape(self) -> tuple[int, int, int]:
        """All fields of all flows."""
        points = int(self.settings["points"])
        return self.flows * int(self.settings["times"]), points, points

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Simulate all flows, a process each."""
        settings = self.settings
        points, times = int(settings["points"]), BEGUN + float(settings["interval"]) * np.arange(int(settings["times"]))
        viscosity, seed = float(settings["viscosity"]), int(settings["seed"])
        with h5py.File(published / FILE, "w", locking=False) as file, process_pool(min(workers, self.flows)) as pool:
            vorticity = file.create_dataset(KEY, (self.flows, len(times), points, points), "<f4", track_times=False)
            vorticity.attrs.update(times=times, viscosity=viscosity)
            running = {
                pool.submit(simulate, (seed, flow), points, times.tolist(), viscosity): flow
                for flow in range(self.flows)
            }
            for done, future in enumerate(as_completed(running)):
                vorticity[running[future]] = future.result()
                progress((done + 1) * len(times), self.flows * len(times))

    def regions(self, published: Path, part: str) -> Iterator[Region]:
        """All fields of the part's flows."""
        first = self.flows - int(self.settings["evaluation_flows"])
        with h5py.File(published / FILE, "r", locking=False) as file:
            for flow in range(first) if part == "training" else range(first, self.flows):
                yield from map(Region, file[KEY][flow])


def simulate(key: tuple[int, int], points: int, times: list[float], viscosity: float) -> Fields:
    """Return the vorticity (times, n, n) of the flow that ``key`` draws, at rising times."""
    flow = Flow(points, viscosity)
    vorticity, now = draw_vorticity(points, np.random.default_rng(key)), 0.0
    fields = []
    for moment in times:
        vorticity = flow.advance(vorticity, moment - now)
        fields.append(vorticity.astype(np.float32))
        now = moment
    return np.stack(fields)
