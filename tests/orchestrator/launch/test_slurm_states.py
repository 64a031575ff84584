"""Slurm's words for jobs and partitions, those of newer releases included, each understood in one place."""

from __future__ import annotations

import pytest

from orchestrator.doctor.slurm import parse_mpi_plugins
from orchestrator.launch.base import JobState
from orchestrator.launch.slurm.parameters import seconds_of_warning
from orchestrator.launch.slurm.partitions import Partition, minutes_of, refusal
from orchestrator.launch.slurm.states import BASE, FLAGS, meaning_of, parse_job_state
from orchestrator.records import STATES


def test_every_word_means_one_of_our_states() -> None:
    assert {meaning.state for meaning in (BASE | FLAGS).values()} <= set(STATES)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("CANCELLED by 1000", "cancelled"),
        ("CANCELLED+", "cancelled"),
        ("CANCELLED,COMPLETING", "cancelled"),
        ("FAILED,COMPLETING", "failed"),
        ("COMPLETING", "running"),
        ("PENDING,REQUEUED", "preempted-requeued"),
        ("PREEMPTED,REQUEUED", "preempted-requeued"),
        ("PENDING,PREEMPTED", "pending"),
        ("PREEMPTED,COMPLETING", "failed"),
        ("RUNNING,CONFIGURING", "pending"),
        ("RESV_DEL_HOLD", "pending"),
        ("LAUNCH_FAILED", "pending"),
        ("RECONFIG_FAIL", "pending"),
        ("POWER_UP_NODE", "pending"),
        ("SPECIAL_EXIT", "preempted-requeued"),
        ("EXPEDITING", "preempted-requeued"),
        ("UPDATE_DB", "running"),
        ("REVOKED", "cancelled"),
        ("out_of_me+", "running"),
        ("", "running"),
    ],
)
def test_a_state_is_understood_with_whatever_stands_beside_it(text: str, state: str) -> None:
    assert meaning_of(text).state == state


def test_a_running_job_has_no_reason_of_its_last_wait() -> None:
    assert parse_job_state("7", "RUNNING", "BeginTime") == JobState("running")


@pytest.mark.parametrize("word", ["SUSPENDED", "STOPPED"])
def test_a_suspended_job_says_so(word: str) -> None:
    found = parse_job_state("7", word, "None")
    assert found.state == "running" and found.suspended and found.reason.startswith("suspended by Slurm")


@pytest.mark.parametrize(
    ("word", "reason", "words"),
    [
        ("PENDING", "launch failed requeued held", "could not launch it"),
        ("PENDING", "launch_failed_requeued_held", "could not launch it"),
        ("PENDING", "(JobHeldUser)", "held by its user"),
        ("PENDING", "JobHeldAdmin", "held by an administrator"),
        ("PENDING", "job requeued in held state", "scontrol release 7_2"),
        ("PENDING", "JobHoldMaxRequeue", "started again too often"),
        ("PENDING", "BadConstraints", "correct cluster.slurm"),
        ("PENDING", "PartitionTimeLimit", "set cluster.limits.time_min"),
        ("PENDING", "DependencyNeverSatisfied", "depends on has failed"),
        ("PENDING", "InvalidQOS", "set cluster.slurm.qos"),
        ("PENDING", "AccountNotAllowed", "set cluster.slurm.account"),
        ("PENDING", "ReservationDeleted", "reservation is gone"),
        ("PENDING", "QOSMaxWallDurationPerJobLimit", "more, or less"),
        ("PENDING", "AssocMaxGRESPerNode", "more, or less"),
        ("PENDING", "QOSMinCpuNotSatisfied", "more, or less"),
        ("REQUEUE_HOLD", "None", "scontrol release 7_2"),
        ("SPECIAL_EXIT", "", "special exit"),
        ("RESV_DEL_HOLD", "", "reservation was deleted"),
    ],
)
def test_a_wait_that_never_ends_by_itself_is_known_and_says_what_to_do(word: str, reason: str, words: str) -> None:
    found = parse_job_state("7_2", word, reason)
    assert found.stuck and words in found.reason and "does not end by itself" in found.reason


@pytest.mark.parametrize(
    "reason",
    ["Priority", "Resources", "Dependency", "BeginTime", "ReqNodeNotAvail, UnavailableNodes:n[1-2]", "Licenses",
     "PartitionDown", "PartitionNodeLimit", "Reservation", "QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit",
     "MaxCpuPerAccount", "QOSMaxCpuPerUserLimit", "JobArrayTaskLimit", "Prolog", "Cleaning", "Constraints", "None", ""],
)  # fmt: skip
def test_a_wait_that_may_end_is_shown_and_ends_nothing(reason: str) -> None:
    found = parse_job_state("7", "PENDING", reason)
    assert found == JobState("pending", "" if reason == "None" else reason)


@pytest.mark.parametrize(
    ("text", "reason", "exit_code", "how"),
    [
        ("CANCELLED by 0", "JobHeldUser", "0:0", "was cancelled by root"),
        ("CANCELLED", "Priority", "", "was cancelled"),
        ("FAILED", "NonZeroExitCode", "1:0", "ended with exit code 1"),
        ("FAILED", "RaisedSignal:10(User_defined_signal_1)", "0:10", "was ended by signal 10 (SIGUSR1)"),
        ("FAILED", "RaisedSignal:53(Real-time_signal_19)", "", "was ended by signal 53"),
        ("FAILED", "NonZeroExitCode", "", "failed: NonZeroExitCode"),
        ("OUT_OF_MEMORY", "OutOfMemory", "0:125", "ran out of memory"),
        ("TIMEOUT", "TimeLimit", "0:0", "reached its time limit"),
        ("NODE_FAIL", "NodeDown", "1:0", "lost a node"),
        ("PREEMPTED", "None", "0:15", "was preempted"),
        ("COMPLETED", "None", "0:0", ""),
    ],
)
def test_how_a_job_ended_is_told_and_not_what_it_last_waited_for(
    text: str, reason: str, exit_code: str, how: str
) -> None:
    assert parse_job_state("7", text, reason, exit_code).reason == how


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1-00:00:00", 1440), ("2:00:00", 120), ("30:00", 30), ("0:30", 0.5), ("infinite", None), ("n/a", None)],
)
def test_a_time_limit_is_read_in_minutes(text: str, minutes: float | None) -> None:
    assert minutes_of(text) == minutes


def partition(line: str) -> Partition:
    found = Partition.parse(line)
    assert found is not None
    return found


def test_a_partition_is_read_with_its_limits() -> None:
    assert partition("batch*|up|1-00:00:00|1-4|2K") == Partition("batch", True, True, 1440, 1, 4, 2048)
    assert partition("debug|down|infinite|1-infinite|4") == Partition("debug", False, False, None, 1, None, 4)
    assert partition("one|up|30:00|1|4").most == 1
    assert Partition.parse("sinfo: error") is None


@pytest.mark.parametrize(
    ("nodes", "minutes", "words"),
    [
        (5, 10, "nodes=5: partition batch takes jobs of up to 4 nodes; set nodes=4"),
        (1, 10, "nodes=1: partition batch takes jobs of 2 nodes or more"),
        (2, 61, "cluster.limits.time_min=61: partition batch takes jobs of up to 60 min"),
    ],
)
def test_a_job_that_a_partition_never_takes_is_known_before(nodes: int, minutes: int, words: str) -> None:
    small = partition("batch|up|1:00:00|2-8|4")
    assert words in str(small.refuses(nodes, minutes))
    assert small.refuses(2, 60) is None
    large = partition("large|up|infinite|1-infinite|100")
    assert refusal([small, large], nodes, minutes) is None, "Slurm may choose among several"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("MPI plugin types are...\n\tnone\n\tpmi2\n\tpmix\nspecific pmix plugin versions available: pmix_v4,pmix_v5\n",
         ["none", "pmi2", "pmix", "pmix_v4", "pmix_v5"]),
        ("srun: MPI types are...\nsrun: none\nsrun: pmix_v3\n", ["none", "pmix_v3"]),
        ("srun: error: cannot list\n", []),
    ],
)  # fmt: skip
def test_the_list_of_mpi_plugins_is_read_as_any_release_writes_it(text: str, names: list[str]) -> None:
    assert parse_mpi_plugins(text) == names


@pytest.mark.parametrize(
    ("time_min", "warning_s", "asked"),
    [(1, 90, None), (2, 90, None), (4, 90, None), (5, 90, 90), (60, 90, 90), (60, 3600, None), (10, 0, 1)],
)
def test_slurm_is_asked_for_a_warning_only_where_it_cannot_come_before_anything_was_done(
    time_min: int, warning_s: float, asked: int | None
) -> None:
    limits = {"time_min": time_min, "warning_s": warning_s}
    assert seconds_of_warning(limits) == asked  # type: ignore[arg-type]
