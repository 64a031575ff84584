"""How fast ``gpt`` trains beside nanoGPT's own loop, what its cache saves, and how long tokens take to make.

``python tests/benchmarks/language_loops.py --checkout NANOGPT`` prints one line of JSON a comparison. NANOGPT is a
checkout of github.com/karpathy/nanoGPT, whose model.py is imported as it is; the loop around it is train.py's in our
words: random windows of one stream of tokens, float32 as train.py has it on a processor, clipping, and AdamW in its two
groups. Both sides take turns step by step in one process of one thread, and are timed by its processor time, in which
the thread that reads ours counts: so other programs hardly matter.

``--efficiency`` has two ranks on two cores beside one instead, with a network of 10.7 million parameters: that wants a
machine which nobody else uses, or ``--clock cpu``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from parts import ours
from parts.loops import Ranks, compare_two_ranks, loop_options, set_clock
from parts.turns import end_on_signal

LIMITS = {"training": 1.3, "cache": 5.0, "tokenising_s": 60.0, "data_share": 0.01, "efficiency": 0.93}
LARGE = [f"benchmark.model.{word}" for word in ("layers=6", "heads=6", "width=384", "context=128")]
"""10.7 million parameters."""
ROWS, WARM_UP, STEPS, ROUND = 16, 2, 120, 8
"""Of two ranks: rows of a rank's step, and steps before the first round; steps of a comparison, and of a round."""
MOLECULES = 1_584_663
"""As many as MOSES trains on."""


class Enough(Exception):
    """So many steps were asked for."""


class NanoGpt:
    """nanoGPT's model and what train.py does with it in a step."""

    def __init__(self, checkout: Path, stream: NDArray[np.uint16], sizes: Any, batch: int, rate: float) -> None:
        spec = importlib.util.spec_from_file_location("nanogpt_model", checkout / "model.py")
        if spec is None or spec.loader is None or not (checkout / "model.py").is_file():
            raise SystemExit(
                f"{checkout} holds no model.py; git clone https://github.com/karpathy/nanoGPT, and name it"
            )
        module = sys.modules["nanogpt_model"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.batch, self.context = batch, int(sizes.context)
        config = module.GPTConfig(
            block_size=sizes.context, vocab_size=sizes.tokens, n_layer=sizes.layers, n_head=sizes.heads,
            n_embd=sizes.width, dropout=0.0, bias=False,
        )  # fmt: skip
        torch.manual_seed(1337)
        with contextlib.redirect_stdout(sys.stderr):
            self.model = module.GPT(config)
            self.optimizer = self.model.configure_optimizers(0.1, rate, (0.9, 0.99), "cpu")
        with tempfile.NamedTemporaryFile(delete=False) as file:
            stream.tofile(file)
        self.path = Path(file.name)
        self.next = self.windows()

    def windows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Random windows of the stream, which is mapped anew each time."""
        data = np.memmap(self.path, dtype=np.uint16, mode="r")
        places = torch.randint(len(data) - self.context, (self.batch,))
        x, y = (
            torch.stack([torch.from_numpy(data[i + by : i + by + self.context].astype(np.int64)) for i in places])
            for by in (0, 1)
        )
        return x, y

    def step(self) -> float:
        """One iteration; its loss."""
        _, loss = self.model(*self.next)
        self.next = self.windows()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())


def prepare(words: list[str], data: Path) -> tuple[Any, Any, Path]:
    """The planned run of a command line, its task on one thread, and the data's folder."""
    from orchestrator.plan import Site, plan
    from workloads.entry import load_attribute

    folder = ours.ensure_data(words, data)
    spec = plan([ours.settings_of(words)], "loops", Site(1, data)).runs[0].spec
    return (
        replace(spec, nodes=1, ranks_per_node=1, threads_per_rank=1),
        load_attribute(str(spec.settings["task"])),
        folder,
    )


def compare_training(options: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of processor time of both sides, and their losses after as many tokens."""
    from workloads.runtime.measurement.mllog import MlperfLog
    from workloads.runtime.measurement.progress import Progress
    from workloads.runtime.memory import keep_freed_memory
    from workloads.runtime.procedures.suited import settle
    from workloads.runtime.procedures.training import Trainer

    keep_freed_memory()
    words = [
        "benchmark=language_models",
        "dataset=molecules",
        "method=gpt",
        f"recipe={options.recipe}",
        *options.overrides,
    ]
    spec, task_class, folder = prepare(words, options.data)
    communicator, device = ours.alone(), torch.device("cpu")
    suited = settle(spec.settings["training"], device, communicator, False)
    task = task_class(suited.applied_to(spec.settings), folder)
    batch, rate = int(spec.settings["training"]["batch_size"]), spec.settings["training"]["optimizer"]["learning_rate"]
    documents = task.documents
    rows = documents.read(np.arange(len(documents)))
    # A document's start is the end of the one before.
    stream = rows[np.arange(rows.shape[1]) < documents.lengths[:, None] - 1]
    theirs = NanoGpt(options.checkout, stream, task.shape, batch, rate)
    found: dict[str, list[tuple[float, int, float]]] = {"nanogpt": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        trainer = Trainer(spec, task, suited, communicator, device, Progress(), MlperfLog(None), Path(name) / "none")
        whole_step = trainer.step

        def step(*arguments: Any) -> None:
            if len(found["ours"]) == options.steps:
                raise Enough
            begun, before = time.process_time(), trainer.position.items
            whole_step(*arguments)
            seconds, steps = time.process_time() - begun, trainer.stepper.steps
            loss = float(trainer.stepper.losses_so_far[0, steps - 1])
            found["ours"].append((seconds, trainer.position.items - before, loss))
            begun = time.process_time()
            loss = theirs.step()
            found["nanogpt"].append((time.process_time() - begun, batch * theirs.context, loss))

        trainer.step = step  # type: ignore[method-assign, assignment]
        with contextlib.suppress(Enough):
            trainer.train()
        waited = trainer.telemetry.times["data"][options.warm_up : trainer.telemetry.steps]
        whole = trainer.telemetry.times["total"][options.warm_up : trainer.telemetry.steps]
    theirs.path.unlink()
    rates = {side: rate_of(steps[options.warm_up :]) for side, steps in found.items()}
    ratio = rates["ours"] / rates["nanogpt"]
    share = float(np.sum(waited) / np.sum(whole))
    return {
        "benchmark": "language_loops/training", "ratio": round(ratio, 2), "limit": LIMITS["training"],
        "met": ratio >= LIMITS["training"],
        "tokens_per_cpu_s": {side: round(value) for side, value in rates.items()},
        "loss": losses_at_equal_tokens(found), "data_share": round(share, 4),
        "data_share_met": share <= LIMITS["data_share"], "precision": suited.precision,
        "shape": vars(task.shape), "parameters": task.shape.parameters, "rows": batch, "steps": options.steps,
        "gflop_per_cpu_s_by_6n": round(6 * task.shape.computing * rates["ours"] / 1e9, 1),
    }  # fmt: skip


def rate_of(steps: list[tuple[float, int, float]]) -> float:
    """Tokens a second."""
    return sum(tokens for _, tokens, _ in steps) / sum(seconds for seconds, _, _ in steps)


def losses_at_equal_tokens(found: dict[str, list[tuple[float, int, float]]]) -> dict[str, Any]:
    """Each side's mean loss over its last tenth of the tokens that both have seen."""
    seen = {side: np.cumsum([tokens for _, tokens, _ in steps]) for side, steps in found.items()}
    common = min(int(tokens[-1]) for tokens in seen.values())
    answer: dict[str, Any] = {"tokens": common}
    for side, steps in found.items():
        within = (seen[side] <= common) & (seen[side] > 0.9 * common)
        answer[side] = round(float(np.mean([steps[i][2] for i in np.flatnonzero(within)])), 3)
    return answer


def processor_seconds(call: Callable[[], Any], times: int) -> float:
    """Processor time of the fastest of several calls."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return min(taken)


def compare_cache(options: argparse.Namespace) -> dict[str, Any]:
    """A text of 512 tokens by the cache, and by reading it all again for each token as nanoGPT's generate does."""
    from workloads.language_models.forms import FORMS
    from workloads.language_models.generation import Writing
    from workloads.language_models.methods.gpt_network import Gpt, Shape

    vocabulary, length = FORMS["molecules"].vocabulary, 512
    shape = Shape(len(vocabulary.tokens), length, 6, 6, 384)
    torch.manual_seed(1)
    model = Gpt(shape, 0.0, vocabulary.start, False, False, torch.zeros(32, dtype=torch.uint8)).eval()
    start, uniform = torch.tensor([vocabulary.start]), torch.rand(1, length)
    writing = Writing(vocabulary, start, stops=False)

    def read_again() -> torch.Tensor:
        tokens = start[None]
        while tokens.shape[1] < length:
            new = writing.draw(model(tokens)[:, -1], uniform[:, tokens.shape[1]])
            tokens = torch.cat((tokens, new[:, None]), dim=1)
        return tokens

    with torch.inference_mode():
        writing.write(model, uniform[:, :32])
        cached = processor_seconds(lambda: writing.write(model, uniform), 2)
        again = processor_seconds(read_again, 1)
    return {
        "benchmark": "language_loops/cache", "ratio": round(again / cached, 1), "limit": LIMITS["cache"],
        "met": again / cached >= LIMITS["cache"], "tokens": length, "shape": vars(shape),
        "tokens_per_cpu_s": {"cached": round(length / cached), "read again": round(length / again)},
    }  # fmt: skip


def time_tokens(options: argparse.Namespace) -> dict[str, Any]:
    """From MOSES' packed tables to the data set on disk: as many molecules as it trains on, made here."""
    from workloads.language_models.datasets.molecules import MoleculesDataset
    from workloads.runtime.dataset import tell_nobody

    settings = ours.settings_of(["benchmark=language_models", "dataset=molecules"])["benchmark"]["dataset"]
    made = MoleculesDataset({**settings, "documents": MOLECULES})
    with tempfile.TemporaryDirectory(dir=options.data) as name:
        made.write_published(Path(name), tell_nobody, 1)
        begun, wall = time.process_time(), time.perf_counter()
        made.convert(Path(name), Path(name) / "made", workers=2)
        taken, elapsed = time.process_time() - begun, time.perf_counter() - wall
    return {
        "benchmark": "language_loops/tokenising", "cpu_s": round(taken, 1), "wall_s": round(elapsed, 1),
        "limit": LIMITS["tokenising_s"], "met": elapsed <= LIMITS["tokenising_s"],
        "documents": sum(made.stand_in_counts),
    }  # fmt: skip


def compare_ranks(options: argparse.Namespace) -> dict[str, Any]:
    """Two ranks that train together beside one."""
    rows = [f"benchmark.training.{word}" for word in (f"batch_size={ROWS}", f"base_batch_size={ROWS}")]
    words = ["benchmark=language_models", "dataset=molecules", "method=gpt", f"recipe={options.recipe}", *LARGE, *rows]
    ranks = Ranks("language_efficiency", "gpt", [*words, *options.overrides], ROWS, WARM_UP)
    return compare_two_ranks(ranks, LIMITS["efficiency"], options)


COMPARISONS = {"training": compare_training, "cache": compare_cache, "tokenising": time_tokens}


def main() -> None:
    """Each comparison asked for, one after the other."""
    parser = loop_options(__doc__, steps=0)
    parser.set_defaults(recipe="small")
    parser.add_argument("--checkout", type=Path, default=Path("nanoGPT"), help="of nanoGPT")
    parser.add_argument("--only", choices=COMPARISONS, action="append")
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("overrides", nargs="*", help="KEY=VALUE for our side's command line")
    options = parser.parse_args()
    options.steps = options.steps or (ROUND if options.efficiency else STEPS)
    torch.set_num_threads(1)
    options.data.mkdir(parents=True, exist_ok=True)
    if options.efficiency:
        set_clock(options)
        end_on_signal()
        print(json.dumps(compare_ranks(options)), flush=True)
        return
    for name in options.only or COMPARISONS:
        print(json.dumps(COMPARISONS[name](options)), flush=True)


if __name__ == "__main__":
    main()
