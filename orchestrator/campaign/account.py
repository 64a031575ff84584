"""What a scheduler's accounting says of a run that has ended, written down beside its result."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.launch.base import Run, Scheduler
from orchestrator.records import ACCOUNT_SCHEMA, Account, write_json


def write_account(scheduler: Scheduler, run: Run) -> None:
    """Ask once for the energy of a completed run's job, and keep the answer. Without one it is asked for again."""
    directory, manifest = run
    attempt = directory.attempt(manifest.attempts)
    if manifest.job_id is None or attempt.account.exists() or not attempt.result.exists():
        return
    joules = scheduler.consumed_joules(manifest.job_id)
    if joules is None:
        return
    whole = scheduler.holds_whole_nodes(manifest.config["cluster"])
    account: Account = {
        "schema": ACCOUNT_SCHEMA,
        "job": manifest.job_id,
        "j": joules,
        "source": scheduler.name,
        "others": None if whole else "the job's nodes are counted whole, and others may have run on them",
    }
    with suppress(OSError):
        write_json(attempt.account, account)
