"""Repeats a sweep in which something looks slower, before people are told of it.

One sweep may have been disturbed as a whole. A second one, right after it, adds its repeats to the same sweep
(observation.sweep_of): what was a disturbance is outvoted by them, and what is real is known the better. It is run
within the schedule's time limit, or not at all.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.execution import Execution, Interruption, run_sweep_process
from orchestrator.schedule.log import Log
from orchestrator.schedule.memory import read_memory
from orchestrator.schedule.observation import confirmation_of, observe_sweep

SPARE = 1.25
"""A second sweep is begun if so many times the first one's duration are left of the time limit."""


def confirm_sweep(schedule: Schedule, sweep: str, first: Execution, noted: Interruption, log: Log) -> Execution:
    """Run the sweep a second time if anything in it looks newly slower; return both as one execution."""
    if not schedule.settings["confirm"] or first.stopped or noted.signal:
        return first
    try:
        suspicious = find_suspicious(schedule, sweep)
    except Exception:
        # The first sweep is compared and told of in any case, which tells of this trouble too.
        log.tell(traceback.format_exc())
        return first
    if not suspicious:
        return first
    for text in suspicious:
        log.tell(f"looks slower: {text}")
    left = 60 * schedule.settings["time_limit_min"] - first.seconds
    if left < SPARE * first.seconds:
        log.tell(f"not repeated: it took {first.seconds:.0f} s, and {max(0.0, left):.0f} s are left of the time limit")
        return first
    words = schedule.command_words(confirmation_of(sweep))
    log.tell("repeated before anyone is told: python -m orchestrator " + " ".join(words))
    second = run_sweep_process(schedule, words, log.file, noted, log.tell, left)
    log.tell(f"the repetition ended with exit code {second.code} after {second.seconds:.0f} s")
    # Of two that ended well, or two in trouble, the first one's verdict stands; where one was in trouble, that one's.
    ended = second if second.code and not first.code and not second.stopped else first
    return replace(
        ended, code=first.code or second.code, seconds=first.seconds + second.seconds, stopped=second.stopped
    )


def find_suspicious(schedule: Schedule, sweep: str) -> Sequence[str]:
    """Return a sentence for each series of the sweep that looks slower and was not told of yet. Raises StoreError."""
    from orchestrator.store.store import Store

    store = Store(schedule.store)
    rows = store.history(cluster=schedule.cluster, states=None)
    memory = read_memory(schedule.folder / "told.json")
    return observe_sweep(schedule.name, sweep, rows, [], memory, store.base_changes()).suspicious
