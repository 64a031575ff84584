"""``status`` of many: a campaign of 20,000 runs in at most 5 s and 300 MB, and without a name among 20,000 campaigns in
at most 2 s.

Makes the folders as ``run`` does, each run with the files of a completed attempt, and starts the command as a person
does. The best of three is judged: what else the machine does makes it slower, and nothing makes it faster.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The project before its tests, among which a folder has the name of one of its packages.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from commands import environment
from made import made_campaign

RUNS, CAMPAIGNS = 20_000, 20_000
LIMIT_S, LIMIT_MB, NEWEST_LIMIT_S = 5.0, 300.0, 2.0
ROUNDS = 3


def grow(campaign: Path, runs: int) -> None:
    """Copy a run of a campaign, under other names, until there are so many."""
    original = campaign / "stemdl-small-mpi-n1-r0"
    manifest = (original / "manifest.json").read_text()
    for number in range(2, runs):
        name = f"stemdl-small-mpi-n1-r{number}"
        folder = campaign / name
        if not folder.exists():
            # What is not written to again may be the same file.
            shutil.copytree(original, folder, copy_function=os.link, ignore=shutil.ignore_patterns("manifest.json"))
        (folder / "manifest.json").write_text(manifest.replace("stemdl-small-mpi-n1-r0", name))


def timed(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Run the command; return its seconds, those of processors, and its largest memory, MB."""
    begun = time.perf_counter()
    with (folder / "out.txt").open("w") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words], cwd=folder, env=environment(), stdout=out
        )
        _, code, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    if code:
        raise SystemExit(f"{words} ended with {os.waitstatus_to_exitcode(code)}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--campaigns", type=int, default=CAMPAIGNS)
    options = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = folder / "results"
        results.mkdir()
        grow(made_campaign(results, "large", runs=2), options.runs)
        found = [timed(["status", "large", f"results={results}"], folder) for _ in range(ROUNDS)]
        seconds, processor, megabytes = (min(values) for values in zip(*found, strict=True))
        missed |= seconds > LIMIT_S or megabytes > LIMIT_MB
        facts = {"s": round(seconds, 2), "processor_s": round(processor, 2), "limit_s": LIMIT_S, "mb": round(megabytes)}
        facts |= {"limit_mb": LIMIT_MB, "n": ROUNDS}
        print(json.dumps({"benchmark": "status of a campaign", "runs": options.runs, **facts}))
        many = folder / "many"
        many.mkdir()
        made_campaign(many, "newest", runs=2)
        for number in range(options.campaigns):
            (many / f"c{number}").mkdir()
        os.utime(many / "newest")
        begun = [timed(["status", f"results={many}"], folder) for _ in range(ROUNDS)]
        seconds = min(seconds for seconds, _, _ in begun)
        missed |= seconds > NEWEST_LIMIT_S
        print(json.dumps({"benchmark": "status without a name", "campaigns": options.campaigns,
                          "s": round(seconds, 2), "limit_s": NEWEST_LIMIT_S, "n": ROUNDS}))  # fmt: skip
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
