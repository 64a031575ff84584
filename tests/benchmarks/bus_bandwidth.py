"""The probe's message times against the OSU micro-benchmarks' ``osu_allreduce``, over the same MPI on this machine.

``python tests/benchmarks/bus_bandwidth.py --osu CHECKOUT`` (of the OSU micro-benchmarks' sources, compiled here into a
temporary folder) prints one line of JSON: for each message size the median seconds of both, their ratio (ours ÷ theirs)
and the bus bandwidth that each amounts to by nccl-tests' definition, 2 (n − 1) ÷ n · bytes ÷ seconds. Both are started
in turns, on two ranks bound to a core each, with the environment of the cluster profile ``local``.

Both go from one buffer to another here (``benchmark.probe.in_place=false``), as OSU does. They time differently: OSU
meets at a barrier before every message. For messages that take longer than a barrier the two agree.

How long a message takes depends on where the host of a virtual machine has put its cores (``parts/placement.py``), so
only rounds count in which they lay alike when each of the two began and ended; how many did not is told, and so is
the median time in which one core handed a cache line to the other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from parts.placement import HandOver, alike, mpicc
from parts.turns import PROJECT, mpirun, profile_environment

SIZES = (1024, 65536, 1048576, 8388608)
RANKS = 2
SECONDS = 120
WITHIN = 1.25
"""The larger messages (from 64 KiB) agree if their ratio lies between this and its inverse."""
PATIENCE = 5
"""Times the rounds asked for that are begun at most, cores that move counted in."""
WORDS = ["benchmark=probe", "mode=probe", "comm=mpi", "cluster=local", f"nodes={RANKS}"]
SETTINGS = ["benchmark.probe.rounds=3", "benchmark.probe.in_place=false"]


def compiled(checkout: Path, folder: Path) -> Path:
    """``osu_allreduce`` for this environment's MPI."""
    sources = [next(checkout.rglob(name)) for name in ("osu_allreduce.c", "osu_coll.c")]
    program = folder / "osu_allreduce"
    subprocess.run([mpicc(), "-O3", "-w", *map(str, sources), "-o", str(program), "-lm"], check=True)
    return program


def environment(hand_over: HandOver) -> dict[str, str]:
    """For both."""
    return {
        **os.environ,
        **hand_over.environment,
        **profile_environment(),
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }


def theirs(program: Path, hand_over: HandOver) -> dict[int, float]:
    """Seconds by message size, the mean over iterations and ranks as OSU prints it."""
    command = mpirun(RANKS, ["--bind-to", "core", "--map-by", "slot:PE=1:OVERSUBSCRIBE"], [])
    command[command.index(sys.executable) :] = [str(program), "-m", str(max(SIZES))]
    told = subprocess.run(
        command, env=environment(hand_over), capture_output=True, text=True, timeout=SECONDS, check=True
    )
    rows = [line.split() for line in told.stdout.splitlines() if line and not line.startswith("#")]
    return {int(row[0]): float(row[1]) * 1e-6 for row in rows if int(row[0]) in SIZES}


def ours(folder: Path, hand_over: HandOver) -> dict[int, float]:
    """Seconds by message size: the probe's own, mean over ranks, median over its rounds."""
    import h5py
    import numpy as np

    results = folder / f"results-{len(list(folder.glob('results-*')))}"
    words = [*WORDS, *SETTINGS, f"results={results}", f"benchmark.probe.sizes=[{','.join(map(str, SIZES))}]"]
    subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        env=environment(hand_over),
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    (telemetry,) = results.glob("*/*/attempt-1/telemetry.h5")
    with h5py.File(telemetry) as file:
        seconds = np.asarray(file["probe/allreduce_seconds"])
    return dict(zip(SIZES, np.median(seconds.mean(axis=0), axis=-1).tolist(), strict=True))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Both in turns. Raises TimeoutError where the cores never lie still."""
    found: dict[str, list[dict[int, float]]] = {"ours": [], "osu": []}
    hand_overs: list[float] = []
    moved = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program, hand_over = compiled(options.osu, folder), HandOver(folder)
        while len(found["osu"]) < options.rounds:
            osu, probe = theirs(program, hand_over), ours(folder, hand_over)
            readings = hand_over.taken()
            print(readings, osu, probe, file=sys.stderr, flush=True)
            if alike(readings):
                found["osu"].append(osu)
                found["ours"].append(probe)
                hand_overs += readings
            else:
                moved += 1
            if moved > PATIENCE * options.rounds:
                raise TimeoutError(f"the host moved this machine's cores in {moved} rounds")
    rows = []
    for size in SIZES:
        seconds = {side: statistics.median(each[size] for each in values) for side, values in found.items()}
        ratio = statistics.median(a[size] / b[size] for a, b in zip(found["ours"], found["osu"], strict=True))
        bandwidth = {
            f"{side}_bus_gb_per_s": round(2 * (RANKS - 1) / RANKS * size / seconds[side] / 1e9, 3) for side in seconds
        }
        rows.append(
            {
                "bytes": size,
                **{f"{side}_us": round(1e6 * seconds[side], 2) for side in seconds},
                "ratio": round(ratio, 3),
            }
            | bandwidth
        )
    large = [row["ratio"] for row in rows if row["bytes"] >= 65536]
    return {
        "benchmark": "bus_bandwidth",
        "agree": all(1 / WITHIN <= ratio <= WITHIN for ratio in large),
        "sizes": rows,
        "ranks": RANKS,
        "rounds": options.rounds,
        "moved": moved,
        "hand_over_ns": round(statistics.median(hand_overs), 1),
    }


def main() -> int:
    """Compare; 1 if they disagree, 2 without a checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osu", type=Path, help="the OSU micro-benchmarks' sources")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.osu is None or not options.osu.is_dir():
        print("needs the sources of the OSU micro-benchmarks: --osu CHECKOUT", file=sys.stderr)
        return 2
    result = compare(options)
    print(json.dumps(result))
    return 0 if result["agree"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
