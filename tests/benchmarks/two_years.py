"""Two made-up years of a weekly sweep: the messages that people get week by week, and the history page.

SYNTHETIC runs of two benchmarks on 1 and 4 nodes, five repeats a week. Repeats differ by 1.2 %, weeks by 0.4 %, one run
in thirty is 5 to 15 % slow, some weeks were not measured, one sweep was disturbed as a whole. What happens: an upgrade
(everything 6 % faster, accepted), a regression that is accepted after six weeks (5 % on 4 nodes), one that is mended
(8 %), a drift (0.3 % a week, until filters are cleaned). A sweep that looks slower is repeated, as ``schedule`` does
it. Prints the messages, then what of all this was told within how many weeks; the exit code is 1 if anything was not,
or if anything else was. ``--out FOLDER`` keeps the store and the page.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from history_page import WEEK, run

from orchestrator.analysis.history import key_of_run, series_id
from orchestrator.report.html.history import write_history
from orchestrator.schedule.memory import Memory
from orchestrator.schedule.message import compose_message
from orchestrator.schedule.news import News, collect_news
from orchestrator.schedule.observation import Observation, confirmation_of, observe_sweep
from orchestrator.store.entries import BaseChange
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store

NAME, CLUSTER, WEEKS, REPEATS = "weekly-a100x8", "a100x8", 104, 5
SERIES = (("stemdl", 1), ("stemdl", 4), ("em_denoise", 1), ("em_denoise", 4))
START = time.mktime((2026, 1, 4, 2, 0, 0, 0, 0, 0))
NOT_MEASURED, DISTURBED = (11, 33, 34, 76), 52


@dataclass(frozen=True)
class Event:
    """What happens to a benchmark on so many nodes (None: to all) in the weeks ``first`` to ``last``: the factor of its
    speed, to the power of the weeks since with ``grows``. It is accepted in the week ``accepted``, with ``why``.
    """

    what: str
    benchmark: str | None
    nodes: int | None
    first: int
    last: int
    factor: float
    grows: bool = False
    accepted: int | None = None
    why: str = ""

    def concerns(self, benchmark: str, nodes: int) -> bool:
        """Whether the series is one that it happens to."""
        return self.benchmark in (None, benchmark) and self.nodes in (None, nodes)


EVENTS = (
    Event("upgrade", None, None, 20, WEEKS, 1.06, accepted=24, why="driver 590 and CUDA 14"),
    Event("regression, accepted", "stemdl", 4, 40, WEEKS, 0.95, accepted=46, why="microcode against SQUIP stays"),
    Event("regression, mended", "em_denoise", 4, 60, 66, 0.92),
    Event("drift, mended", "stemdl", 1, 80, 95, 0.997, grows=True),
)


def speed_of(benchmark: str, nodes: int, week: int) -> float:
    """Return the true speed of a series in a week, samples/s."""
    speed = {"stemdl": 1000.0, "em_denoise": 300.0}[benchmark] * math.pow(nodes, 0.97)
    for event in EVENTS:
        if event.concerns(benchmark, nodes) and event.first <= week <= event.last:
            speed *= math.pow(event.factor, week - event.first + 1 if event.grows else 1)
    return speed


def measure_week(random: np.random.Generator, campaign: str, week: int, factor: float, again: bool) -> list[RunRecord]:
    """Return the runs of one sweep; ``again``: of its repetition, an hour later."""
    records = []
    for benchmark, nodes in SERIES:
        effect = 0.004 * random.standard_normal()
        for repeat in range(REPEATS):
            slow = 1 - random.uniform(0.05, 0.15) if random.random() < 1 / 30 else 1.0
            noise = float(np.exp(effect + 0.012 * random.standard_normal()))
            record = run(benchmark, CLUSTER, nodes, 0, repeat, factor * slow * noise * speed_of(benchmark, nodes, week))
            moment = START + week * WEEK + 3600 * again + 60 * repeat
            record.run |= {"campaign": campaign, "created": moment, "ended": moment + 50}
            records.append(record)
    return records


class Watch:
    """The store, what people were told, and what was accepted."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.store = Store(f"sqlite:///{folder / 'store.sqlite'}")
        self.random = np.random.default_rng(seed)
        self.memory = Memory()
        self.told: list[tuple[int, News]] = []
        self.repeated = 0

    def pass_week(self, week: int) -> None:
        """Measure a week, repeat its sweep if anything looks slower, and print the message if there is news."""
        moment = START + week * WEEK
        sweep = f"{NAME}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(moment))}"
        factor = 0.93 if week == DISTURBED else 1.0
        self.store.put_all(measure_week(self.random, sweep, week, factor, again=False))
        seen = self.observe(sweep)
        if seen.suspicious:
            self.repeated += 1
            self.store.put_all(measure_week(self.random, confirmation_of(sweep), week, 1.0, again=True))
            seen = self.observe(sweep)
        news = collect_news(seen, self.memory, moment + 7200, moment, 4 * WEEK, float("inf"))
        self.told += [(week, item) for item in news]
        if news:
            message = compose_message(f"weekly of {CLUSTER}", sweep, news, seen, 3000.0, "https://site/history")
            print(f"week {week:3}  {message.subject}", *(f"          {line}" for line in message.lines), sep="\n")
        for event in EVENTS:
            if event.accepted == week:
                self.accept(event, moment)

    def observe(self, sweep: str) -> Observation:
        """Return the findings of a sweep."""
        rows = self.store.history(cluster=CLUSTER, states=None)
        return observe_sweep(NAME, sweep, rows, [], self.memory, self.store.base_changes())

    def accept(self, event: Event, moment: float) -> None:
        """Accept an event's change in all its series at that moment, as ``history accept`` does it."""
        rows = self.store.history(cluster=CLUSTER)
        keys = {key_of_run(row) for row in rows if event.concerns(row["benchmark"], row["nodes"])}
        since = START + event.first * WEEK
        changes: list[BaseChange] = [
            {
                "series": series_id(key), "metric": metric, "since": since, "change": event.factor - 1,
                "accepted": moment, "accepted_by": "operations", "why": event.why,
            }
            for key in keys for metric in ("throughput", "time_to_accuracy")
        ]  # fmt: skip
        self.store.accept_changes(changes)
        print(f"week {event.accepted:3}  history accept, {len(keys)} series: {event.what}, why: {event.why}")


def judge_told(told: list[tuple[int, News]]) -> tuple[list[str], int]:
    """Return what was told of each event, and how many messages' news belong to none."""
    lines, known = [], set()
    for event in EVENTS:
        state = ("faster",) if event.factor > 1 else ("slower", "drifting")
        until = event.accepted or event.last
        own = {
            place
            for place, (week, item) in enumerate(told)
            if event.first <= week <= until + 5
            and item.state in state
            and (event.benchmark is None or f"{event.benchmark} " in item.text)
            and (event.nodes is None or f"on {event.nodes} node" in item.text)
        }
        known |= own
        first = min((told[place][0] for place in own if told[place][1].kind == "new"), default=None)
        ends = [told[place][0] for place in own if told[place][1].kind in ("recovered", "settled")]
        found = "not told" if first is None else f"told in its week {first - event.first + 1}"
        ended = event.accepted or event.last
        end = (
            f"; {'settled' if event.accepted else 'its end told'} in week {max(ends) - ended} after it" if ends else ""
        )
        lines.append(f"{event.what:22} from week {event.first:3}: {found}{end}")
    return lines, len(told) - len(known)


def main() -> int:
    """Print the messages and what they come to; 1 if an event was not told, or anything else was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weeks", type=int, default=WEEKS, help="stop after so many")
    parser.add_argument("--out", type=Path, help="keep the store and the page here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        watch = Watch(folder, chosen.seed)
        for week in range(chosen.weeks):
            if week not in NOT_MEASURED:
                watch.pass_week(week)
        page = write_history(watch.store.history(), folder / "html", watch.store.base_changes())
        lines, others = judge_told(watch.told)
        print(*lines, f"{others} news of anything else; {watch.repeated} sweeps were repeated", sep="\n")
        held = others == 0 and not any("not told" in line for line in lines)
        where = {"page": str(page)} if chosen.out else {}
        print(json.dumps({"benchmark": "two_years", "seed": chosen.seed, "messages": len({w for w, _ in watch.told}),
                          "held": held, **where}))  # fmt: skip
        return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
