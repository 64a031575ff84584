"""The probe's message times against the OSU micro-benchmarks' ``osu_allreduce``, over the same MPI on this machine.

``python tests/benchmarks/bus_bandwidth.py --osu CHECKOUT`` (of the OSU micro-benchmarks' sources, compiled here into a
temporary folder) prints one line of JSON: for each message size the median seconds of both, their ratio (ours ÷ theirs)
and the bus bandwidth that each amounts to by nccl-tests' definition, 2 (n − 1) ÷ n · bytes ÷ seconds. Both are started
in turns, on two ranks bound to a core each, with the environment of the cluster profile ``local``.

They time differently: OSU meets at a barrier before every message and takes two buffers, the probe sends one buffer
again and again, as training does. For messages that take longer than a barrier the two agree.
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

from parts.turns import PROJECT, mpirun, profile_environment

SIZES = (1024, 65536, 1048576, 8388608)
RANKS = 2
SECONDS = 120
WITHIN = 1.25
"""The larger messages (from 64 KiB) agree if their ratio lies between this and its inverse."""
WORDS = ["benchmark=probe", "mode=probe", "comm=mpi", "cluster=local", f"nodes={RANKS}", "benchmark.probe.rounds=3"]


def compiled(checkout: Path, folder: Path) -> Path:
    """``osu_allreduce`` for this environment's MPI."""
    sources = [next(checkout.rglob(name)) for name in ("osu_allreduce.c", "osu_coll.c")]
    beside = Path(sys.executable).with_name("mpicc")
    compiler = str(beside) if beside.exists() else "mpicc"
    program = folder / "osu_allreduce"
    subprocess.run([compiler, "-O3", "-w", *map(str, sources), "-o", str(program), "-lm"], check=True)
    return program


def environment() -> dict[str, str]:
    """For both."""
    return {
        **os.environ,
        **profile_environment(),
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }


def theirs(program: Path) -> dict[int, float]:
    """Seconds by message size, the mean over iterations and ranks as OSU prints it."""
    command = mpirun(RANKS, ["--bind-to", "core", "--map-by", "slot:PE=1:OVERSUBSCRIBE"], [])
    command[command.index(sys.executable) :] = [str(program), "-m", str(max(SIZES))]
    told = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=True)
    rows = [line.split() for line in told.stdout.splitlines() if line and not line.startswith("#")]
    return {int(row[0]): float(row[1]) * 1e-6 for row in rows if int(row[0]) in SIZES}


def ours(folder: Path) -> dict[int, float]:
    """Seconds by message size: the probe's own, mean over ranks, median over its rounds."""
    import h5py
    import numpy as np

    results = folder / f"results-{len(list(folder.glob('results-*')))}"
    words = [*WORDS, f"results={results}", f"benchmark.probe.sizes=[{','.join(map(str, SIZES))}]"]
    subprocess.run(
        [sys.executable, "-m", "orchestrator", *words], env=environment(), cwd=PROJECT, capture_output=True, check=True
    )
    (telemetry,) = results.glob("*/*/attempt-1/telemetry.h5")
    with h5py.File(telemetry) as file:
        seconds = np.asarray(file["probe/allreduce_seconds"])
    return dict(zip(SIZES, np.median(seconds.mean(axis=0), axis=-1).tolist(), strict=True))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Both in turns."""
    found: dict[str, list[dict[int, float]]] = {"ours": [], "osu": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = compiled(options.osu, folder)
        for _ in range(options.rounds):
            found["osu"].append(theirs(program))
            found["ours"].append(ours(folder))
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
