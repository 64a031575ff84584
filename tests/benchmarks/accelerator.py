"""What one accelerator makes of every benchmark, as a table: ``python tests/benchmarks/accelerator.py [--only NAMES]``.

Each row is a run of the command on the card, at the published sizes of a sample and of a batch, on a stand-in of few
samples: warm samples a second, fractions of the card's peak and of its bandwidth (operations and bytes of torch's
operators against the profile's figures), waits for data, memory, and the quality after the run's samples. ``reference``
and ``fast`` see the same samples, so that their qualities can be compared. What is asked of ``fast`` (three times its
figures on an H100) stands beside it; the exit code is 1 where a row misses it.

Data are made before the clock starts. All rows take some five minutes of an H100; ``--cluster cpu`` with ``--recipe
tiny`` shows on a machine without a card that each row runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PROJECT = Path(__file__).resolve().parents[2]
ORCHESTRATOR = [sys.executable, "-m", "orchestrator"]
RUN_S = 120
"""Longest that a run may take, s."""


@dataclass(frozen=True)
class Row:
    """A benchmark at its published sizes: ``words`` say which samples, ``pair`` which data set and method, ``steps``
    how many optimiser steps, and ``asked`` what ``fast`` is to reach, samples/s.
    """

    benchmark: str
    words: tuple[str, ...]
    steps: int
    asked: float | None = None
    pair: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the table calls it."""
        return " ".join([self.benchmark, *self.pair])


ROWS = (
    Row("em_denoise", ("benchmark.dataset.training_images=2560", "benchmark.dataset.pixels=256"), 150, 3 * 2432),
    Row("slstr_cloud", ("benchmark.dataset.scenes=20",), 100, 3 * 1900),
    Row("stemdl", ("benchmark.dataset.preset=small",), 150, 3 * 1699),
    Row("dms_scatter", ("benchmark.dataset.preset=full",), 250, 3 * 5107),
    Row("disentanglement", ("benchmark.dataset.preset=small",), 200, pair=("shapes3d", "beta_vae")),
    Row("disentanglement", ("benchmark.dataset.preset=small",), 200, pair=("shapes3d", "factor_vae")),
    Row("rotations", (), 200, pair=("digits", "group_cnn")),
    Row("super_resolution", (), 100, pair=("topography", "edsr")),
    Row("surrogates", (), 100, pair=("darcy", "fno")),
    Row("operators", (), 100, pair=("diffusion_reaction", "zcs")),
    Row("language_models", (), 100, pair=("molecules", "gpt")),
)
RECIPES = ("reference", "fast")


def words_of(row: Row, recipe: str, options: argparse.Namespace) -> list[str]:
    """The command line of a run, but for how long it trains: on data that are made here."""
    pair = [f"{axis}={name}" for axis, name in zip(("dataset", "method"), row.pair, strict=False)]
    return [
        f"benchmark={row.benchmark}", f"recipe={recipe}", *pair, f"cluster={options.cluster}",
        *(row.words if recipe in RECIPES else ()),
        f"cluster.paths.data={options.data}", "benchmark.dataset.source=stand-in", *options.words,
    ]  # fmt: skip


def run_row(row: Row, recipe: str, options: argparse.Namespace) -> dict[str, Any]:
    """Make the data, run, and return the report's entry of the run with the seconds that the command took."""
    words = words_of(row, recipe, options)
    data = subprocess.run(
        [*ORCHESTRATOR, "data", row.benchmark, "synthesise", *words[1:]], cwd=PROJECT, capture_output=True, text=True
    )
    if data.returncode:
        return {"state": "no data", "cause": data.stderr.strip()[-300:]}
    steps = min(row.steps, options.steps or row.steps)
    campaign = f"{row.name}-{recipe}".replace(" ", "-")
    begun = time.perf_counter()
    subprocess.run(
        [
            *ORCHESTRATOR, *words, f"results={options.results}", f"campaign={campaign}",
            "benchmark.training.epochs=1000", f"benchmark.training.max_steps={steps}",
            f"benchmark.training.evaluate_every_steps={steps}", "benchmark.training.stop_at_target=false",
            f"cluster.limits.time_min={RUN_S // 60}",
        ],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    took = time.perf_counter() - begun
    report = subprocess.run(
        [*ORCHESTRATOR, "report", campaign, f"results={options.results}", "--json"],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    if not report.stdout:
        return {"state": "no report", "cause": report.stderr.strip()[-300:]}
    entry: dict[str, Any] = json.loads(report.stdout)["runs"][0]
    return entry | {"took_s": took}


def texts_of(row: Row, recipe: str, entry: dict[str, Any]) -> tuple[str, ...]:
    """A line of the table."""
    if entry["state"] != "completed":
        return (row.name, recipe, f"{entry['state']}: {entry.get('cause') or ''}"[:60], *[""] * 6)
    achieved = entry.get("achieved") or {}
    quality, shares = entry["quality"], entry["step_shares"] or {}
    return (
        row.name,
        recipe,
        f"{entry['throughput']['warm'] or entry['throughput']['run']:,.0f}",
        f"{row.asked:,.0f}" if row.asked and recipe == "fast" else "",
        percent(achieved.get("of_bf16_peak")),
        percent(achieved.get("of_memory_bandwidth")),
        percent(shares.get("data")),
        f"{quality['metric']} {quality['value']:.4g} ({entry['training']['samples']:,.0f})",
        f"{entry['took_s']:.0f}",
    )


def percent(share: float | None) -> str:
    """A share as text, nothing where it is not known."""
    return "" if share is None else f"{100 * share:.1f} %"


def parse_options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", default="h100x1", help="the profile, whose figures are the peaks")
    parser.add_argument("--only", default="", help="benchmarks, with commas; or rows, with colons for spaces")
    parser.add_argument("--recipe", default="", help="one recipe alone")
    parser.add_argument("--steps", type=int, help="no more steps than these")
    parser.add_argument("--data", type=Path, help="where data are made; a temporary folder if left out")
    parser.add_argument("--json", action="store_true", help="the runs' entries in place of the table")
    parser.add_argument("words", nargs="*", help="further words of the command line of every run")
    return parser.parse_args()


def main() -> int:
    """Run every row under both recipes and print the table; 1 if a figure that is asked for is missed."""
    options = parse_options()
    only = options.only.split(",")
    rows = [row for row in ROWS if not options.only or {row.benchmark, row.name.replace(" ", ":")} & set(only)]
    recipes = [options.recipe] if options.recipe else list(RECIPES)
    missed, entries = False, []
    table = Table(title=f"{options.cluster}, one run each")
    for heading in ("benchmark", "recipe", "samples/s, warm", "asked", "of peak", "of bandwidth", "waits for data",
                    "quality (after samples)", "command, s"):  # fmt: skip
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as folder:
        options.results = Path(folder) / "results"
        options.data = (options.data or Path(folder) / "data").absolute()
        for row in rows:
            for recipe in recipes:
                entry = run_row(row, recipe, options)
                entries.append({"row": row.name, "asked": row.asked, **entry})
                table.add_row(*texts_of(row, recipe, entry))
                print(f"{row.name} {recipe}: {entry['state']}", file=sys.stderr, flush=True)
                if row.asked and recipe == "fast":
                    reached = entry["state"] == "completed" and (entry["throughput"]["warm"] or 0) >= row.asked
                    missed = missed or not reached
    if options.json:
        print(json.dumps(entries))
    else:
        Console(width=160).print(table)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
