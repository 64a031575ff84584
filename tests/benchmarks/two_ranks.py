"""What data-parallel training costs on one machine: two ranks on two cores against two independent processes.

``python tests/benchmarks/two_ranks.py`` prints one line of JSON with, for each communicator, the ratio of the step time
of two processes that share nothing to that of two ranks that average their gradients: 1 is ideal. Both do the same
work (a small U-Net, 8 × 1 × 128 × 128 samples a rank, one thread each), are started and bound to cores alike, and take
turns; a ratio is the median over the rounds. The environment is that of the cluster profile ``local``.

Ranks that wait for each other lose more to a busy machine than processes that do not, so a turn during which other
programs took more than 5 % of the processors is taken again; how many were is printed (``disturbed``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]
SIDES = ("independent", "horovod", "mpi", "torch")
RANKS = 2
WARM_UP_STEPS = 3
POLL_S = 0.002
QUIET = 0.05
"""Share of the processors that other programs may take during a turn."""
PATIENCE_S = 600
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


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
            return self.last(image)

    return UNet()


def run_turns(side: str, folder: Path, rank: int, step: Callable[[], float]) -> None:
    """Whenever the folder says that it is this side's turn, take the steps asked for; leave their reports (n, 2)."""
    (folder / f"{side}-{rank}.pid").write_text(str(os.getpid()))
    for turn in itertools.count():
        asked = folder / f"{side}-turn-{turn}"
        while not asked.exists():
            time.sleep(POLL_S)
        steps = int(asked.read_text())
        if not steps:
            return
        report = []
        for _ in range(steps):
            begin = time.perf_counter()
            waited = step()
            report.append((time.perf_counter() - begin, waited))
        write_whole(folder / f"{side}-turn-{turn}-{rank}.json", json.dumps(report))


def write_whole(path: Path, text: str) -> None:
    """Write a file that whoever waits for it never sees in part."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").rename(path)


def measure(side: str, folder: Path, bucket_bytes: int) -> None:
    """One of the two processes of a side: a model, and steps of training it in turns."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = torch.device("cpu")
    model = build_unet()
    optimizer = torch.optim.Adam(model.parameters())
    images = torch.randn(8, 1, 128, 128)
    if side == "independent":

        def step() -> float:
            optimizer.zero_grad()
            (model(images) - images).square().mean().backward()
            optimizer.step()
            return 0.0

        run_turns(side, folder, int(os.environ["OMPI_COMM_WORLD_RANK"]), step)
        return

    from workloads.runtime.communicators import join

    with join(side) as communicator:
        communicator.check_world(RANKS)
        reducer = communicator.reducer(model, device, bucket_bytes=bucket_bytes)

        def averaged_step() -> float:
            optimizer.zero_grad()
            reducer.backward((reducer.module(images) - images).square().mean())
            optimizer.step()
            return reducer.timings.waited

        run_turns(side, folder, communicator.rank, averaged_step)


# --- the comparison -----------------------------------------------------------------------------------------------


def profile_environment() -> dict[str, str]:
    """What the cluster profile of this machine sets for its ranks."""
    profile = yaml.safe_load((PROJECT / "cluster_profiles" / "local.yaml").read_text())
    return {name: str(value) for name, value in profile["environment"].items()}


def busy_s() -> float:
    """Processor time that all programs have used since boot, s (proc_stat(5): all but idle and iowait)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS_PER_S


def process_s(pids: list[int]) -> float:
    """Processor time that those processes have used, all their threads together, s."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(words[11]) + int(words[12]) for words in fields) / TICKS_PER_S


class Side:
    """Two processes of one kind, which stand still (stopped by signal) but for their turns."""

    def __init__(self, side: str, folder: Path, options: argparse.Namespace) -> None:
        self.side, self.folder = side, folder
        self.turn = 0
        self.steps: list[list[tuple[float, float]]] = []
        launcher = Path(sys.executable).with_name("mpirun")
        program = [__file__, "--side", side, "--folder", str(folder), "--bucket-bytes", str(options.bucket_bytes)]
        self.launched = subprocess.Popen(
            [str(launcher) if launcher.exists() else "mpirun", "-n", str(RANKS), *options.mpirun.split(),
             sys.executable, *program],
            env={
                **os.environ,
                **profile_environment(),
                **dict(setting.split("=", 1) for setting in options.set),
                "PYTHONPATH": str(PROJECT),
                "OMP_NUM_THREADS": "1",
                "OMPI_ALLOW_RUN_AS_ROOT": "1",
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
            },
        )  # fmt: skip
        self.take_turn(WARM_UP_STEPS)
        self.pids = [int((folder / f"{side}-{rank}.pid").read_text()) for rank in range(RANKS)]
        self.signal(signal.SIGSTOP)

    def signal(self, number: int) -> None:
        """To both processes, not to their launcher."""
        for pid in self.pids:
            os.kill(pid, number)

    def take_turn(self, steps: int) -> list[tuple[float, float]]:
        """Have both take so many steps at the same time: for each step of each, its duration and its wait, s."""
        write_whole(self.folder / f"{self.side}-turn-{self.turn}", str(steps))
        reports = [self.folder / f"{self.side}-turn-{self.turn}-{rank}.json" for rank in range(RANKS)]
        while not all(report.exists() for report in reports):
            if self.launched.poll() is not None:
                raise RuntimeError(f"{self.side} ended with exit code {self.launched.returncode}")
            time.sleep(POLL_S)
        self.turn += 1
        return [step for report in reports for step in json.loads(report.read_text())]

    def measure(self, steps: int) -> float:
        """One round's turn; the share of the processors that other programs took meanwhile."""
        began = time.perf_counter()
        others = busy_s() - process_s(self.pids)
        self.signal(signal.SIGCONT)
        report = self.take_turn(steps)
        self.signal(signal.SIGSTOP)
        others = busy_s() - process_s(self.pids) - others
        share = others / (time.perf_counter() - began) / (os.cpu_count() or 1)
        if share <= QUIET:
            self.steps.append(report)
        return share

    def median(self, number: int, column: int) -> float:
        """Of one round: step time (column 0) or wait (column 1), s."""
        return statistics.median(step[column] for step in self.steps[number])

    def end(self) -> None:
        """Let both processes end in order; by force if that fails."""
        self.signal(signal.SIGCONT)
        write_whole(self.folder / f"{self.side}-turn-{self.turn}", "0")
        try:
            self.launched.wait(30)
        except subprocess.TimeoutExpired:
            self.launched.terminate()
            self.launched.wait()


def compare(options: argparse.Namespace) -> dict[str, object]:
    """The ratios of all sides, each side once a round, in an order that turns from round to round."""
    # Ended by signal, let the sides end too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    load, disturbed, deadline = os.getloadavg()[0], 0, time.monotonic() + PATIENCE_S
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in options.sides:
                sides.append(Side(name, Path(folder), options))
            for number in range(options.rounds):
                first = number % len(sides)
                for side in [*sides[first:], *sides[:first]]:
                    while side.measure(options.steps) > QUIET:
                        disturbed += 1
                        if time.monotonic() > deadline:
                            raise TimeoutError(f"the machine is too busy: {disturbed} turns were disturbed")
                print({side.side: round(side.median(number, 0), 4) for side in sides}, file=sys.stderr, flush=True)
        finally:
            for side in sides:
                side.end()
    rounds = range(options.rounds)
    ideal = next(side for side in sides if side.side == "independent")
    ratios = {
        side.side: [ideal.median(number, 0) / side.median(number, 0) for number in rounds]
        for side in sides
        if side is not ideal
    }
    return {
        "benchmark": "two_ranks",
        **{name: round(statistics.median(values), 3) for name, values in ratios.items()},
        "range": {name: [round(min(values), 3), round(max(values), 3)] for name, values in ratios.items()},
        "step_s": {s.side: round(statistics.median(s.median(number, 0) for number in rounds), 4) for s in sides},
        "waited_s": {s.side: round(statistics.median(s.median(number, 1) for number in rounds), 4) for s in sides},
        "rounds": options.rounds,
        "steps": options.steps,
        "disturbed": disturbed,
        "load_before": round(load, 2),
    }


def main(arguments: list[str] | None = None) -> None:
    """Compare, or be one of the processes that are compared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
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
