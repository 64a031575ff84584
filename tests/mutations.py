"""Damaged and hostile files before every verb that reads them, and what is promised of each:

no trace, no hang (10 s of a processor), at most 500 MB, nothing written outside, no control character on the terminal,
an exit code of README's table, and of the runs that are whole everything as before.

Each file that a campaign, its store, an export, a data set and an acceptance's record consist of is walked by its own
fields. A verb is called in a forked child, which costs milliseconds where a process costs half a second. ``make fuzz``
runs this file for long and prints how much was tried; tests/orchestrator/test_mutations.py runs it shortly.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mutated import Place, inside, make_kept
from mutation_kinds import Mutation, of_file, of_hdf5, of_json, of_parquet, of_store
from mutation_verbs import Verb, accept_verbs, campaign_verbs, data_verbs, import_verbs, store_verbs

from orchestrator.errors import EXIT_CODES, EXIT_DEFECT

SECONDS, WAITED, MEGABYTES = 10, 60, 500
"""Of a processor, s; until a call is sure to wait for what never comes, s: other things run here too; of memory, MB."""
CONTROL = ("\x1b", "\x07", "\x9b", "\u202e")


@dataclass
class Counts:
    """How much was tried, of which files, and what was broken."""

    files: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: float = 0.0

    def text(self) -> str:
        """The counts in words."""
        kinds = Counter(entry.partition(": ")[0] for entry in self.broken)
        lines = [f"{self.files.total()} mutations, {self.verbs.total()} calls; {len(self.broken)} promises broken"]
        lines += [f"  {count:6} {name}" for name, count in sorted(self.files.items())]
        lines += [f"  {count:6} calls of {name}" for name, count in sorted(self.verbs.items())]
        lines += [f"  {count:6} exit code {code}" for code, count in sorted(self.codes.items())]
        lines += [f"  broken: {count} {kind}" for kind, count in kinds.most_common()]
        lines += [f"  slowest {self.slowest:.1f} s, largest {self.largest:.0f} MB more than before"]
        return "\n".join(lines)


def call(verb: Verb, place: Place, counts: Counts) -> str:
    """Call a verb in a forked child; return what promise it broke, "" if none."""
    out, err = place.folder / "out.txt", place.folder / "err.txt"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(in_child(verb, place, out, err))
    status, usage = None, None
    while status is None:
        found, code, usage = os.wait4(child, os.WNOHANG)
        if found:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > began + WAITED:
            os.kill(child, signal.SIGKILL)
            os.wait4(child, 0)
            return f"hang: more than {WAITED} s"
        else:
            time.sleep(0.002)
    assert usage is not None
    seconds, more = usage.ru_utime + usage.ru_stime, (usage.ru_maxrss - before_kb()) / 1024
    counts.slowest, counts.largest = max(counts.slowest, seconds), max(counts.largest, more)
    counts.codes[status] += 1
    counts.verbs[verb.name] += 1
    told, said = out.read_text(errors="surrogateescape"), err.read_text(errors="surrogateescape")
    out.unlink()
    err.unlink()
    if "Traceback" in said or status == EXIT_DEFECT:
        return f"trace: {said.strip().splitlines()[-1][:160] if said.strip() else ''}"
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"hang: more than {SECONDS} s of a processor"
    if status not in EXIT_CODES:
        return f"exit code {status}: {said[-160:]}"
    if more > MEGABYTES:
        return f"memory: {more:.0f} MB"
    if any(sign in told + said for sign in CONTROL):
        return f"control character: {(told + said)[:160]!a}"
    if not place.untouched():
        return "outside: something was written there"
    if not verb.holds(place, status, told):
        return f"others: exit code {status}, {told[:100]!a} {said[-100:]!a}"
    return ""


def before_kb() -> int:
    """The most memory that this process ever had, which its children begin with, KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def address_space() -> int:
    """What this process has mapped, bytes: a process that ran many tests before may have more than a limit allows."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def in_child(verb: Verb, place: Place, out: Path, err: Path) -> int:
    """Call a verb with its output in files; return its exit code."""
    try:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.BufferedWriter(io.FileIO(n, "w", closefd=False)), "utf-8") for n in (1, 2)
        )
        most = address_space() + 4 * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.chdir(place.folder)
        code = verb.main(verb.words(place))
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException as error:
        os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode(errors="replace"))
        return 1


@dataclass(frozen=True)
class Group:
    """Files of one kind, what reads them, and how they are mutated."""

    pattern: str
    verbs: Callable[[Place], list[Verb]]
    kinds: Sequence[Callable[[Path, str], Iterator[Mutation]]]


RUN = "results/c/stemdl-small-mpi-n1-r0"
GROUPS = (
    Group(f"{RUN}/manifest.json", campaign_verbs, (of_json, of_file)),
    Group(f"{RUN}/attempt-1/result.json", campaign_verbs, (of_json, of_file)),
    *(
        Group(f"{RUN}/attempt-1/{name}.json", campaign_verbs, (of_json, of_file))
        for name in ("job", "heartbeat", "ended", "account")
    ),
    Group("results/c/stemdl-small-mpi-n1-r2/attempt-1/failure.json", campaign_verbs, (of_json, of_file)),
    Group("results/c/stemdl-small-mpi-n1-r2/attempt-1/errors/rank-1.json", campaign_verbs, (of_json, of_file)),
    *(
        Group(f"{RUN}/attempt-1/{name}", campaign_verbs, (of_file,))
        for name in ("alive", "stdout.txt", "stderr.txt", "mllog.txt", "samples.png")
    ),
    Group(f"{RUN}/attempt-1/telemetry.h5", campaign_verbs, (of_hdf5, of_file)),
    Group("results/store.sqlite", store_verbs, (of_store, of_file)),
    Group("results/all.parquet", import_verbs, (of_parquet, of_file)),
    Group("data/**/dataset.json", data_verbs, (of_json, of_file)),
    Group("data/**/training-00000*.h5", data_verbs, (of_hdf5, of_file)),
    *(
        Group(f"accept/record/{name}.json", accept_verbs, (of_json, of_file))
        for name in ("suite", "runs", "inventory", "verdict")
    ),
    *(Group(f"accept/record/{name}", accept_verbs, (of_file,)) for name in ("SHA256SUMS", "index.html", "verdict.xml")),
    Group("accept/record/runs/c/stemdl-small-mpi-n1-r0/attempt-1/telemetry.h5", accept_verbs, (of_file, of_hdf5)),
    Group("accept/record/runs/c/stemdl-small-mpi-n1-r0/manifest.json", accept_verbs, (of_json, of_file)),
)


def hold_promises(
    share: float, seed: int = 0, every_verb: bool = True, only: str = "", tell: Callable[[str], object] = str
) -> Counts:
    """Try a share of all mutations of the files whose label has ``only`` in it, each with every verb or with one that
    is drawn; ``tell`` what is broken, and how far it is; return the counts.
    """
    counts = Counts()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        kept = make_kept(top)
        place = Place(top / "work", kept)
        warm_up(place)
        for group in GROUPS:
            (original,) = kept.glob(group.pattern)
            file = original.relative_to(kept)
            called = Path(file.name) if "data/" not in group.pattern else Path("data", file.name.split("-")[0])
            label = f"record: {called}" if "accept/" in group.pattern else str(called)
            if only not in label:
                continue
            drawn = random.Random(f"{seed} {label}")
            mutations = [one for kind in group.kinds for one in kind(original, label)]
            chosen = [one for one in mutations if drawn.random() < share * one.weight] or mutations[:1]
            for mutation in chosen:
                verbs = group.verbs(place)
                for verb in verbs if every_verb else [drawn.choice(verbs)]:
                    place.restore(file.parts[0])
                    with contextlib.suppress(OSError):
                        mutation.make(place.folder / file)
                    if broken := call(verb, place, counts):
                        counts.broken.append(f"{broken} | {verb.name}, {mutation.file}: {mutation.what}")
                        tell(counts.broken[-1])
                counts.files[mutation.file] += 1
            tell(f"{label}: {len(chosen)} of {len(mutations)}, {len(counts.broken)} broken")
    return counts


def warm_up(place: Place) -> None:
    """Call each verb once here, so that its children need not import what it needs."""
    with inside(place.folder), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for group in GROUPS:
            for verb in group.verbs(place):
                verb.main(verb.words(place))


def main() -> int:
    """Run for long, and print the counts; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of all mutations")
    parser.add_argument("--one-verb", action="store_true", help="each mutation before one verb that is drawn")
    parser.add_argument("--only", default="", metavar="TEXT", help="files whose label has it, such as runs.json")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tell = partial(print, flush=True)
    counts = hold_promises(options.share, options.seed, not options.one_verb, options.only, tell)
    print("\n".join([*counts.broken, counts.text()]))
    return int(bool(counts.broken))


if __name__ == "__main__":
    sys.exit(main())
