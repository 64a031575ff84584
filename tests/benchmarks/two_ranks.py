"""What data-parallel training costs on one machine: two ranks on two cores against two independent processes.

``python tests/benchmarks/two_ranks.py`` prints one line of JSON with, for each communicator, the ratio of the step time
of two processes that share nothing to that of two ranks that average their gradients: 1 is ideal. Both do the same work
(a small U-Net, 8 × 1 × 128 × 128 samples a rank, one thread each), keep freed memory as every run does
(``workloads/runtime/samples/memory.py``), are started and bound to cores alike, and take turns (``parts/turns.py``); a
ratio is the median over the rounds. How fast a process computes depends by some percent on where its memory came to
lie, for as long as it lives, so all are started anew several times. ``torch_over`` is the step time of DDP over gloo in
relation to the communicator's (above 1 the communicator is the faster one), with its 95 % interval. The environment is
that of the cluster profile ``local``.

Ranks that wait for each other lose more to a busy machine than processes that do not; turns that were spoilt by other
work are taken again, and their number is printed (``disturbed``).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

import numpy as np
from parts.turns import PROJECT, Side, Turns, end_on_signal, mpirun, profile_environment, ratios, summary, take_rounds
from scipy import stats

SIDES = ("independent", "horovod", "mpi", "torch")
RANKS = 2
WARM_UP_STEPS = 3


# --- what every process runs --------------------------------------------------------------------------------------


def build_unet(channels: int = 16, levels: int = 4):  # type: ignore[no-untyped-def]
    """A U-Net of two convolutions a level, from (n, 1, y, x) to the same."""
    import torch
    from torch import nn

    def block(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        )  # fmt: skip

    widths = [channels * 2**level for level in range(levels)]

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(block(a, b) for a, b in zip([1, *widths], widths, strict=False))
            self.widen = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, 2) for width in widths[-2::-1])
            self.up = nn.ModuleList(block(2 * width, width) for width in widths[-2::-1])
            self.last = nn.Conv2d(channels, 1, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            kept: list[torch.Tensor] = []
            for level, down in enumerate(self.down):
                image = down(image if level == 0 else nn.functional.max_pool2d(image, 2))
                kept.append(image)
            kept.pop()
            for widen, up in zip(self.widen, self.up, strict=True):
                image = up(torch.cat([kept.pop(), widen(image)], dim=1))
            found: torch.Tensor = self.last(image)
            return found

    return UNet()


def measure(side: str, folder: Path, bucket_bytes: int) -> None:
    """One of the two processes of a side: a model, and steps of training it in turns."""
    import torch

    from workloads.runtime.memory import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    device = torch.device("cpu")
    model = build_unet()
    optimizer = torch.optim.Adam(model.parameters())
    images = torch.randn(8, 1, 128, 128)
    if side == "independent":
        turns = Turns(side, folder, int(os.environ["OMPI_COMM_WORLD_RANK"]))
        while turns.begin():
            optimizer.zero_grad()
            (model(images) - images).square().mean().backward()
            optimizer.step()
            turns.end()
        return

    from workloads.runtime.communicators import join

    with join(side) as communicator:
        communicator.check_world(RANKS)
        reducer = communicator.reducer(model, device, bucket_bytes=bucket_bytes)

        turns = Turns(side, folder, communicator.rank)
        while turns.begin():
            optimizer.zero_grad()
            reducer.backward((reducer.module(images) - images).square().mean())
            optimizer.step()
            turns.end(reducer.timings.waited)


# --- the comparison -----------------------------------------------------------------------------------------------


def start(name: str, folder: Path, options: argparse.Namespace) -> Side:
    """Two processes of one kind, bound to a core each."""
    program = [__file__, "--side", name, "--folder", str(folder), "--bucket-bytes", str(options.bucket_bytes)]
    environment = {
        **profile_environment(),
        **dict(setting.split("=", 1) for setting in options.set),
        "PYTHONPATH": str(PROJECT),
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = mpirun(RANKS, options.mpirun.split(), program)
    return Side(name, folder, command, RANKS, environment, WARM_UP_STEPS)


def compare(options: argparse.Namespace) -> dict[str, object]:
    """The ratios of all sides, each side once a round, and all of them started anew every so many rounds."""
    end_on_signal()
    load = os.getloadavg()[0]
    disturbed = 0
    started: list[list[Side]] = []
    for _ in range(options.starts):
        sides: list[Side] = []
        with tempfile.TemporaryDirectory() as folder:
            try:
                for name in options.sides:
                    sides.append(start(name, Path(folder), options))
                disturbed += take_rounds(sides, options.rounds, dict.fromkeys(options.sides, options.steps))
            finally:
                for side in sides:
                    side.end()
        started.append(sides)

    def against(base: str) -> dict[str, list[float]]:
        pairs = [({side.name: side for side in sides}, sides) for sides in started]
        return {
            name: [ratio for named, _ in pairs for ratio in ratios(named[base], named[name])]
            for name in options.sides
            if name not in ("independent", base)
        }

    found = against("independent")
    result: dict[str, object] = {
        "benchmark": "two_ranks",
        **{name: round(statistics.median(values), 3) for name, values in found.items()},
        "range": {name: [round(min(values), 3), round(max(values), 3)] for name, values in found.items()},
    }
    if "torch" in options.sides:
        result["torch_over"] = {name: interval(values) for name, values in against("torch").items()}
    return {
        **result,
        **summary([side for sides in started for side in sides]),
        "starts": options.starts,
        "rounds": options.rounds,
        "steps": options.steps,
        "disturbed": disturbed,
        "load_before": round(load, 2),
    }


def interval(values: list[float]) -> list[float]:
    """Median of the ratios, with its 95 % bootstrap interval."""
    found = stats.bootstrap((values,), np.median, method="percentile", rng=0).confidence_interval
    return [round(float(value), 3) for value in (statistics.median(values), found.low, found.high)]


def main(arguments: list[str] | None = None) -> None:
    """Compare, or be one of the processes that are compared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3, help="after each start")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--sides", type=lambda text: text.split(","), default=list(SIDES))
    parser.add_argument("--bucket-bytes", type=int, default=4 * 2**20)
    parser.add_argument("--mpirun", default="--bind-to core --map-by slot:PE=1:OVERSUBSCRIBE", help="its options")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="environment")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        measure(options.side, options.folder, options.bucket_bytes)
    else:
        print(json.dumps(compare(options)))


if __name__ == "__main__":
    main()
