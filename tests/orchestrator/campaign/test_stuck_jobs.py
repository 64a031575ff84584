"""A job that waits for what does not come by itself: said at once, given up after its limit, and not before."""

from __future__ import annotations

from typing import Any

import pytest
from slurm_programs import ARRAY, TIMED_OUT, Commands, calls

from orchestrator.campaign import following as campaigns
from orchestrator.campaign import submission
from orchestrator.campaign.observing import observe
from orchestrator.campaign.state import RunStatus, query_statuses
from orchestrator.campaign.stuck import give_up_stuck
from orchestrator.launch.base import Run
from orchestrator.launch.slurm.scheduler import SlurmScheduler


def test_a_job_that_waits_for_ever_says_why_at_once_and_is_given_up_after_its_limit(
    commands: Commands, make: Any
) -> None:
    runs, scheduler = make("cluster.limits.stuck_s=1"), SlurmScheduler()
    log = commands(
        sbatch=ARRAY, scancel="true", sinfo="echo 'n2|Prolog error'",
        sacct=f"printf '7\\x1fPENDING\\x1fJobHeldUser\\x1f{runs[0][1].tag}\\x1fx\\x1f0:0\\n'",
    )  # fmt: skip
    submission.submit_all(scheduler, runs)
    commands(squeue=f"printf '7\\x1fPENDING\\x1flaunch failed requeued held\\x1f{runs[0][1].tag}\\x1fx\\n'")
    (status,) = query_statuses(scheduler, runs)
    assert status.state == "pending"
    for words in ("could not launch it", "prolog", "`scontrol release 7`", "node n2: Prolog error"):
        assert words in status.reason
    shown: list[RunStatus] = []
    finished: list[str] = []
    limits = campaigns.Limits(max_jobs=1, interval_s=0.05)
    campaigns.follow(scheduler, runs, limits, shown.extend, lambda *run: finished.append(run[2].run))
    assert (shown[0].state, shown[-1].state) == ("pending", "failed")
    assert "given up after 1 s (cluster.limits.stuck_s): job 7 waits" in str(shown[-1].cause)
    assert calls(log, "scancel") and len(finished) == 1
    assert query_statuses(SlurmScheduler(), runs)[0].state == "failed", "whoever looks later finds the same"


def test_a_job_that_is_released_in_time_is_not_given_up(commands: Commands, make: Any) -> None:
    runs, scheduler = make("cluster.limits.stuck_s=1"), SlurmScheduler()
    commands(sbatch=ARRAY)
    submission.submit_all(scheduler, runs)
    held = f"printf '7\\x1fPENDING\\x1f%s\\x1f{runs[0][1].tag}\\x1fx\\n'"
    commands(squeue=held.replace("%s", "JobHeldAdmin"))
    assert query_statuses(scheduler, runs)[0].stuck_s == 0.0
    scheduler.pace = None
    commands(squeue=held.replace("%s", "Resources"))
    (status,) = query_statuses(scheduler, runs)
    assert (status.stuck_s, status.reason) == (None, "Resources")


def stuck_for_long(commands: Commands, make: Any) -> tuple[SlurmScheduler, list[Run], str]:
    """A run whose job was held for 59 minutes of an hour as of the last query, and what squeue says of it."""
    runs, scheduler = make(), SlurmScheduler()
    commands(sbatch=ARRAY, scancel="true")
    submission.submit_all(scheduler, runs)
    said = f"printf '7\\x1f%s\\x1f{runs[0][1].tag}\\x1fx\\n'"
    commands(squeue=said.replace("%s", "PENDING\\x1fJobHeldUser"))
    query_statuses(scheduler, runs)
    seen = observe(runs[0][0].attempt(1))
    assert seen.stuck_since is not None
    seen.stuck_since -= 3601
    return scheduler, runs, said


def test_a_job_that_was_released_since_the_last_query_is_not_given_up(commands: Commands, make: Any) -> None:
    """News are up to 75 s old when the hour is over."""
    scheduler, runs, said = stuck_for_long(commands, make)
    log = commands(squeue=said.replace("%s", "RUNNING\\x1fNone"))
    statuses = query_statuses(scheduler, runs)
    assert statuses[0].stuck_s is not None and statuses[0].stuck_s > 3600
    give_up_stuck(scheduler, runs, statuses)
    assert not calls(log, "scancel") and not runs[0][0].attempt(1).failure.exists()
    (status,) = query_statuses(scheduler, runs)
    assert (status.state, status.stuck_s) == ("running", None)


@pytest.mark.parametrize("failing", [False, True])
def test_nothing_is_given_up_while_slurm_does_not_answer_and_the_hour_goes_on(
    failing: bool, commands: Commands, make: Any
) -> None:
    scheduler, runs, said = stuck_for_long(commands, make)
    log = commands(squeue=TIMED_OUT, sacct="exit 1")
    assert scheduler.pace is not None
    if failing:
        scheduler.pace.due = 0.0
        query_statuses(scheduler, runs)
    before = len(calls(log, "squeue"))
    for _ in range(3):
        statuses = query_statuses(scheduler, runs)
        give_up_stuck(scheduler, runs, statuses)
    assert statuses[0].stuck_s is not None and statuses[0].stuck_s > 3600 and not calls(log, "scancel")
    assert len(calls(log, "squeue")) - before <= 1, "a Slurm that is silent is not asked at every look"
    commands(squeue=said.replace("%s", "PENDING\\x1fJobHeldUser"))
    scheduler.pace.due = 0.0
    statuses = query_statuses(scheduler, runs)
    give_up_stuck(scheduler, runs, statuses)
    assert statuses[0].state == "failed" and "held by its user" in str(statuses[0].cause)
    assert calls(log, "scancel") == ["scancel --full 7"]
