"""The rows of SPEED.md's table: which script with which words makes a figure, which figure, and what is asked of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import accelerator as card

from parts import picks
from parts.picks import Pick


@dataclass(frozen=True)
class Row:
    """A figure of the table.

    ``words`` are a script of tests/benchmarks and its arguments; what stands in braces is looked up, see PLACES.

    Rows of the same words are measured by one run of them. ``asked`` is the least that is aimed at, with ``at_most``
    the most (what a script itself fails beyond may be laxer); ``asked_without`` replaces it on processors without units
    for bfloat16. ``minutes`` is a guess of what it takes, until it has been measured. ``needs`` are places that the
    words do not name.
    """

    name: str
    what: str
    words: str
    pick: Pick
    unit: str = ""
    asked: float | None = None
    asked_without: float | None = None
    at_most: bool = False
    minutes: float = 2
    needs: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The file that is run."""
        return self.words.split()[0]

    @property
    def places(self) -> tuple[str, ...]:
        """What it needs that this project does not bring."""
        return tuple(dict.fromkeys([*re.findall(r"{(.+?)}", self.words), *self.needs]))

    def tell_words(self, places: Mapping[str, str]) -> str:
        """The words with places put in: those given, and PLACES/NAME for the others."""
        return re.sub(
            r"{(.+?)}", lambda found: places.get(found[1], SHOWN.get(found[1], f"PLACES/{found[1]}")), self.words
        )


PLACES = {
    "sciml-bench": "git clone https://github.com/stfc-sciml/sciml-bench PLACES/sciml-bench",
    "tensorflow": "python -m venv PLACES/tensorflow, there pip install tensorflow psutil pyyaml",
    "nanoGPT": "git clone https://github.com/karpathy/nanoGPT PLACES/nanoGPT",
    "escnn": "pip install --target PLACES/escnn escnn (workloads/rotations/README.md)",
    "neuraloperator": "pip install --target PLACES/neuraloperator neuraloperator",
    "deepxde": "pip install --target PLACES/deepxde deepxde",
    "ADR_solver.py": "that file of DeepXDE's examples/operator",
    "osu": "the sources of the OSU micro-benchmarks, unpacked",
    "slurm": "slurm/testcluster up 4 --threaded 1",
    "accelerator": "an accelerator, and its profile by --cluster",
}
"""What rows need, as entries of a folder that ``--places`` names but for the last two, and how to get it."""
SHOWN = {"accelerator": "CLUSTER"}
"""What the table has in their place, if not PLACES/NAME."""

CPU = "--clock cpu"
RANKS = "--efficiency --rounds 4"
PUBLISHED = "published_loops.py --sciml-bench {sciml-bench} --benchmarks"
KERAS = "--tensorflow {tensorflow}/bin/python"
PLAN = "command_time.py --rounds 3 plan"
STEMDL = "published_loops.py --benchmarks stemdl"


def opened_rows(kind: str, what: str, at: int) -> tuple[Row, ...]:
    """Both ways to look at a campaign of many runs."""
    table = picks.value("table_s", beside="{table_processor_s} s of a processor", at=at)
    return (
        Row(f"report-{kind}", f"report of {what}: the table", "large_page.py", table, "s", minutes=4),
        Row(
            f"page-{kind}",
            f"report of {what}: its page is written",
            "large_page.py",
            picks.value("page_processor_s", beside="{page_mb} MB", at=at),
            "s",
            minutes=4,
        ),
        Row(f"opened-{kind}", "that page opens in Chromium", "large_page.py", picks.opened(at), "s", 3, at_most=True,
            minutes=4),
    )  # fmt: skip


SECTIONS: dict[str, tuple[Row, ...]] = {
    "Training beside the published implementations' own loops, `recipe=fast`, two threads": (
        Row("em_denoise", "em_denoise, batch 128", f"{PUBLISHED} em_denoise", picks.loop, "", 2.2, 1.4, minutes=6),
        Row("em_denoise-memory", "the same where the published loop keeps freed memory, batch 64",
            f"{PUBLISHED} em_denoise --keep-memory --batch em_denoise=64", picks.loop, "", 2.2, minutes=4),
        Row("slstr_cloud", "slstr_cloud, batch 32, beside Keras", f"{PUBLISHED} slstr_cloud {KERAS}", picks.loop, "",
            2.2, 1.4, minutes=5),
        Row("stemdl", "stemdl, batch 32", STEMDL, picks.loop, "", 2.2, 1.4),
        Row("stemdl-memory", "the same with memory kept", f"{STEMDL} --keep-memory", picks.loop),
        Row("dms_scatter", "dms_scatter, batch 32", f"{PUBLISHED} dms_scatter", picks.loop, "", 1.3, 1.1),
        Row("dms_scatter-memory", "the same with memory kept", f"{PUBLISHED} dms_scatter --keep-memory", picks.loop),
    ),
    "Blueprints beside public loops of the same networks, `recipe=fast`": (
        Row("disentanglement-dae", "disentanglement: `dae` on `xyc`, batch 64",
            f"disentanglement_loops.py --methods dae {CPU}", picks.loop, "", 1.5),
        Row("disentanglement-beta_vae", "disentanglement: `beta_vae` on `arrow`, batch 64",
            f"disentanglement_loops.py --methods beta_vae {CPU} --rounds 3 --steps 10", picks.loop, "", 1.5),
        Row("rotations-group_cnn", "rotations: `group_cnn` beside escnn's layers, batch 64",
            f"rotations_loops.py {CPU} --rounds 7", picks.loop, "", 1.5, needs=("escnn",)),
        Row("super_resolution-srcnn", "super_resolution: `srcnn`, 16 patches of 96 × 96",
            f"super_resolution_loops.py --methods srcnn {CPU} --rounds 3 --steps 4", picks.loop, "", 1.5),
        Row("super_resolution-edsr", "super_resolution: `edsr`, 16 patches of 96 × 96",
            f"super_resolution_loops.py --methods edsr {CPU} --rounds 3 --steps 2", picks.loop, "", 1.5),
        Row("surrogates-fno", "surrogates: `fno` on `darcy` beside neuraloperator's loop, batch 64",
            f"surrogates_loops.py --site {{neuraloperator}} {CPU}", picks.loop, "", 1.5),
        Row("operators-deepxde", "operators: `zcs` beside DeepXDE's, its example's 260 points",
            f"operators_loops.py --methods deepxde --deepxde {{deepxde}} {CPU}", picks.loop, asked=1.0),
        Row("operators-function_loop", "operators: `zcs` beside `function_loop`, the published 1,300 points",
            f"operators_loops.py --methods function_loop {CPU}", picks.loop, asked=8.0),
        Row("language_models-gpt", "language_models: `gpt` beside nanoGPT's loop",
            "language_loops.py --checkout {nanoGPT} --only training", picks.loop, "", 1.3, minutes=4),
        Row("language_models-cache", "language_models: a text of 512 tokens with the cache, beside reading all again",
            "language_loops.py --only cache", picks.loop, "", 5),
    ),
    "Weak efficiency of two ranks of one thread on two cores, T(2) ÷ 2 T(1), `recipe=fast`": (
        Row("ranks-em_denoise", "em_denoise, batch 32 a rank",
            "weak_efficiency.py --benchmarks em_denoise --rounds 4 benchmark.training.batch_size=32", picks.ranks, "",
            0.93, minutes=3),
        Row("ranks-slstr_cloud", "slstr_cloud, batch 16 a rank",
            "weak_efficiency.py --benchmarks slstr_cloud --rounds 4 benchmark.training.batch_size=16", picks.ranks, "",
            0.93, minutes=3),
        Row("ranks-stemdl", "stemdl, batch 32 a rank", "weak_efficiency.py --benchmarks stemdl", picks.ranks, "", 0.93,
            minutes=3),
        Row("ranks-dms_scatter", "dms_scatter, batch 32 a rank",
            "weak_efficiency.py --benchmarks dms_scatter --rounds 7", picks.ranks, "", 0.85, minutes=3),
        *(
            Row(f"ranks-{method}", f"disentanglement: `{method}`",
                f"disentanglement_loops.py --efficiency --methods {method}", picks.ranks, "", asked)
            for method, asked in (("dae", 0.93), ("beta_vae", 0.93), ("factor_vae", 0.85))
        ),
        Row("ranks-group_cnn", "rotations: `group_cnn`", f"rotations_loops.py {RANKS}", picks.ranks, "", 0.93),
        Row("ranks-group_cnn-mpi", "the same under MPI", f"rotations_loops.py {RANKS} --comm mpi", picks.ranks, "",
            0.93),
        *(
            Row(f"ranks-{method}", f"super_resolution: `{method}`",
                f"super_resolution_loops.py {RANKS} --methods {method}", picks.ranks, "", 0.93)
            for method in ("srcnn", "edsr")
        ),
        Row("ranks-fno", "surrogates: `fno` on `darcy`", f"surrogates_loops.py {RANKS}", picks.ranks, "", 0.9),
        Row("ranks-fno-mpi", "the same under MPI", f"surrogates_loops.py {RANKS} --comm mpi", picks.ranks, "", 0.9),
        Row("ranks-zcs", "operators: `zcs`", f"operators_loops.py {RANKS}", picks.ranks, "", 0.9),
        Row("ranks-zcs-mpi", "the same under MPI", f"operators_loops.py {RANKS} --comm mpi", picks.ranks, "", 0.9),
        Row("ranks-gpt", "language_models: `gpt`, 10.7 million parameters", f"language_loops.py {RANKS}", picks.ranks,
            "", 0.93, minutes=4),
        *(
            Row(f"two_ranks-{comm}", f"a small U-Net, `comm={comm}`, beside two that exchange nothing", "two_ranks.py",
                picks.two_ranks(comm), "", minutes=8)
            for comm in ("horovod", "mpi", "torch")
        ),
    ),
    "Solvers beside the public ones that made the published data, one thread": (
        Row("solver-navier_stokes", "surrogates: `navier_stokes`, 256 × 256, 0.04 s of flow", "surrogates_solvers.py",
            picks.solver("navier_stokes")),
        Row("solver-darcy", "surrogates: `darcy`, 421 × 421", "surrogates_solvers.py", picks.solver("darcy")),
        Row("solver-reaction", "operators: `diffusion_reaction`, 40 × 40, as many cells",
            "operators_solvers.py --public {ADR_solver.py}", picks.reaction_solver, minutes=1),
    ),
    "Data": (
        *(
            Row(f"convert-{name}".replace(" ", "-"), f"{name}'s files to the consolidated format, speed beside a copy",
                f"converter_rate.py {shlex.quote(name)}", picks.converter, "", 0.5)
            for name in ("em_denoise", "slstr_cloud", "stemdl", "stemdl raw", "dms_scatter")
        ),
        Row("tokenise", "MOSES' molecules from the wheel's form to tokens on disk",
            "language_loops.py --only tokenising", picks.value("cpu_s", beside="{wall_s} s by the clock"), "s", 60,
            at_most=True, minutes=1),
        Row("loader", "shuffled batches beside a sequential read", "loader_rate.py",
            picks.value("ratio", beside="{bytes_per_s:,} bytes/s")),
        Row("loader-readers", "several reading threads beside one", "loader_rate.py",
            picks.value("ratio", beside="{readers} threads", at=1)),
        Row("scores", "disentanglement: the scores of every evaluation", "disentanglement_scores.py",
            picks.value("cpu_s", low="range_s", beside="{samples:,} samples"), "s", 1,
            at_most=True),
    ),
    "Commands and scale": (
        Row("plan", "`plan` of one run, beside `import hydra`", "start_time.py", picks.start("plan", "import hydra"),
            "", 2, at_most=True, minutes=1),
        Row("status", "`status` of one campaign, above a bare Python", "start_time.py",
            picks.start("status", "python"), "s", 0.25, at_most=True, minutes=1),
        Row("report", "`report` of one campaign of two scales, above a bare Python", "start_time.py",
            picks.start("report", "python"), "s", 0.25, at_most=True, minutes=1),
        Row("plan-seeds", "`plan` of 2,000 seeds", f"{PLAN} benchmark=stemdl seed=range(1,2001) -m", picks.command, "s",
            5, at_most=True, minutes=1),
        Row("plan-matrix", "`plan` of 10 data sets × 12 methods × 5 seeds", "matrix_plan.py", picks.command, "s", 5,
            at_most=True, minutes=1),
        Row("job", "a two-node job that does nothing, `comm=mpi`, beside ReFrame 4.10.4 on the same Slurm",
            "slurm_end_to_end.py", picks.end_to_end, "", 1, at_most=True, minutes=4, needs=("slurm",)),
        Row("job-horovod", "the same, `comm=horovod`", "slurm_end_to_end.py --comm horovod", picks.end_to_end, "", 1,
            at_most=True, minutes=4, needs=("slurm",)),
        Row("submit", "200 runs submitted to Slurm, rate beside submitit's own", "slurm_submission.py",
            picks.value("ratio", beside="{runs_per_s} beside {submitit_jobs_per_s} a second"), "", 4,
            needs=("slurm",)),
        Row("collect", "collecting 75,264 ranks × 1,000 steps, as written, beside a plain read", "collect_time.py",
            picks.collected, "", 2, at_most=True, minutes=4),
        Row("history", "history of one benchmark and cluster of 100,000 runs, SQLite", "store_size.py", picks.history,
            "s", 2, at_most=True, minutes=2),
        Row("history-million", "the same of 1,000,000 runs", "store_size.py --runs 1000000 --made 20000", picks.history,
            "s", 2, at_most=True, minutes=5),
        Row("history-million-postgres", "the same of 1,000,000 runs, PostgreSQL",
            "store_size.py --runs 1000000 --made 20000 --postgres", picks.history, "s", 2, at_most=True, minutes=6),
        Row("watching", "share of a core that watching 10,000 waiting jobs takes, queries made up", "watching.py",
            picks.watched, "", 0.05, at_most=True, minutes=5),
        Row("watching-slurm", "the same of 9,000, a real Slurm", "watching.py --slurm --runs 9000", picks.watched, "",
            0.05, at_most=True, minutes=8, needs=("slurm",)),
        Row("history-page", "the history page of 100,000 runs is written", "history_page.py",
            picks.value("s", beside="{mb} MB"), "s", 5, at_most=True, minutes=1),
        Row("status-runs", "`status` of a campaign of 20,000 runs", "large_results.py",
            picks.value("s", beside="{processor_s} s of a processor; {mb} MB"), "s",
            5, at_most=True),
        Row("status-campaigns", "`status` among 20,000 campaigns", "large_results.py", picks.value("s", at=1), "s", 2,
            at_most=True),
        *opened_rows("seeds", "2,000 runs", 0),
        *opened_rows("matrix", "600 runs of a matrix", 1),
        Row("telemetry", "timing a step, as a part of one of 10 ms", "telemetry_cost.py",
            picks.value("ratio", beside="{us_per_step} µs"), "", 0.002, at_most=True, minutes=1),
        Row("gather", "gathering telemetry of 4 ranks × 10,000 steps, as a part of the run", "gather_time.py",
            picks.value("ratio", beside="{gather_ms} ms"), "", 0.01, at_most=True, minutes=1),
        Row("bus", "the probe's allreduce of 1 MiB beside OSU's", "bus_bandwidth.py --osu {osu}", picks.bandwidth, ""),
    ),
    "On an accelerator, published sizes and batches, warm": tuple(
        Row(f"card-{row.name} {recipe}".replace(" ", "-"),
            f"{row.benchmark}{': ' if row.pair else ''}{', '.join(f'`{name}`' for name in row.pair)}, `{recipe}`",
            f"accelerator.py --cluster {{accelerator}} --json --only {row.name.replace(' ', ':')}",
            picks.accelerator(place), "samples/s", row.asked if recipe == "fast" else None)
        for row in card.ROWS
        for place, recipe in enumerate(card.RECIPES)
    ),
}  # fmt: skip

WITHOUT = {
    "speed.py": "makes the table",
    "acceptance_rates.py": "how often acceptance is wrong: a rate of error",
    "history_rates.py": "how often a watch is wrong: a rate of error",
    "interval_coverage.py": "how often intervals hold the truth",
    "projection_band.py": "how often a projection's band holds the truth",
    "projection_errors.py": "errors of the projection",
    "straggler_rates.py": "how often stragglers are found",
    "two_years.py": "what a watch tells in two years",
    "simple_models.py": "scores of models, no speed: the table of qualities has them",
    "operators_scaling.py": "draws a picture of eighteen figures: workloads/operators/README.md",
}
"""Scripts that make no figure of this table, and why."""

ROWS = {row.name: row for rows in SECTIONS.values() for row in rows}
