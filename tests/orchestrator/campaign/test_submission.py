"""Between manifest and scheduler: nothing lost, nothing twice, no more queries than needed.

Slurm's commands here are programs of the test's own on the PATH, which write down that they were called; the real ones
are met in tests/slurm.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from slurm_programs import ARRAY, FORGOTTEN, TIMED_OUT, Commands, answered, calls

from orchestrator.campaign import following as campaigns
from orchestrator.campaign import state, submission
from orchestrator.campaign.preflight import check_limits
from orchestrator.campaign.state import RunStatus, query_statuses
from orchestrator.cli.common import Options, campaign_folders
from orchestrator.cli.run import compose_configurations
from orchestrator.errors import UsageError
from orchestrator.launch.base import Run, SchedulerBusy, SubmissionUnsure
from orchestrator.launch.enter import claim_attempt, refuse_foreign
from orchestrator.launch.pace import Pace
from orchestrator.launch.slurm.commands import Answer
from orchestrator.launch.slurm.jobs import Job, query_states
from orchestrator.launch.slurm.scheduler import SlurmScheduler, submission_error
from orchestrator.records import FINAL_STATES, Manifest, RecordError, RunDirectory, now


def test_runs_that_are_alike_are_one_submission(commands: Commands, make: Any) -> None:
    runs = make(repeats=50)
    log = commands(sbatch=ARRAY)
    submission.submit_all(SlurmScheduler(), runs)
    assert len(calls(log, "sbatch")) == 1
    assert [manifest.job_id for _, manifest in runs] == [f"7_{task}" for task in range(50)]
    (tag,) = {manifest.tag for _, manifest in runs}
    assert re.fullmatch(r"orchestrator:c/stemdl-small-horovod-n1-r0#1~\w{8}\+49", str(tag)), "the job's"
    listed = next((runs[0][0].path.parent / "jobs").glob("*.json")).read_text()
    assert all(str(directory.path) in listed for directory, _ in runs)


def test_runs_of_different_node_counts_are_not(commands: Commands, make: Any) -> None:
    log = commands(sbatch=ARRAY)
    submission.submit_all(SlurmScheduler(), make("nodes=[1,2,4]", repeats=2))
    assert len(calls(log, "sbatch")) == 3


@pytest.mark.thorough
def test_watching_500_jobs_costs_one_query_an_interval(commands: Commands, make: Any) -> None:
    runs = make(repeats=500)
    commands(sbatch=ARRAY)
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    log = commands(squeue=answered({f"7_{task}": "RUNNING" for task in range(500)}))
    clock = [1000.0]
    scheduler.pace = Pace(0.5, 5, clock=lambda: clock[0])
    for _ in range(60):
        assert all(status.state == "running" for status in query_statuses(scheduler, runs))
        clock[0] += 0.5
    queries = calls(log, "sacct") + calls(log, "squeue") + calls(log, "scontrol")
    assert 5 <= len(queries) <= 15, "30 s of looks, of which the interval grows from 0.5 to 5 s"


def test_watching_jobs_that_wait_costs_one_command_and_hardly_looks_at_files(
    commands: Commands, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = make(repeats=30)
    commands(sbatch=ARRAY)
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    log = commands(
        squeue="printf '7_[0-28%%5]\\x1fPENDING\\x1fResources\\x1f\\x1fc\\n7_29\\x1fPENDING\\x1fPriority\\x1f\\x1fc\\n'"
    )
    statuses = query_statuses(scheduler, runs)
    assert {(status.state, status.reason) for status in statuses[:29]} == {("pending", "Resources")}
    assert (statuses[29].state, statuses[29].reason) == ("pending", "Priority")
    (called,) = log.read_text().splitlines()[1:]
    assert called.startswith("squeue --noheader --states=all") and called.endswith("--jobs 7")
    judged: list[str] = []

    def judge(scheduler: object, run: Run, job: object) -> RunStatus:
        judged.append(run[1].spec.run)
        return RunStatus("", "")

    monkeypatch.setattr(state, "judge_run", judge)
    runs[3][0].attempt(1).claim.write_text("{}")
    query_statuses(scheduler, runs)
    assert judged == [runs[3][1].spec.run], "something has been written of this one alone"


def test_how_a_job_ended_is_told_by_accounting_and_of_such_jobs_alone(commands: Commands, make: Any) -> None:
    runs = make(repeats=3)
    commands(sbatch=ARRAY)
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    log = commands(
        squeue=answered({"7_0": "RUNNING", "7_1": "FAILED"}),
        sacct="printf '7_1\\x1fFAILED\\x1fNone\\x1f\\x1fc\\x1f0:9\\n7_2\\x1fTIMEOUT\\x1fNone\\x1f\\x1fc\\x1f0:0\\n'",
    )
    found = scheduler.states(runs)
    assert {job: state.state for job, state in found.items()} == {
        "7_0": "running", "7_1": "failed", "7_2": "timeout",
    }  # fmt: skip
    assert "SIGKILL" in found["7_1"].reason
    assert [line.split()[0] for line in log.read_text().splitlines()[1:]] == ["squeue", "sacct"]


def test_of_many_jobs_the_queue_lists_all_of_the_user(commands: Commands) -> None:
    """Ten thousand numbers are a command line of 80 kB, each of which squeue compares with each job."""
    log = commands(squeue="printf '17\\x1fPENDING\\x1fNone\\x1f\\x1fc\\n999999\\x1fRUNNING\\x1fNone\\x1f\\x1fx\\n'")
    found = query_states({str(number): Job("", "c", now()) for number in range(500)})
    assert found is not None and {job: state.state for job, state in found.items()} == {"17": "pending"}
    assert calls(log, "squeue")[0].endswith("--me")


def test_the_interval_grows_without_news_and_is_short_again_after_some() -> None:
    clock = [0.0]
    pace = Pace(1.0, 10.0, clock=lambda: clock[0])
    assert pace.is_due()
    for _ in range(20):
        pace.answered(news=False)
        clock[0] = pace.due
    assert pace.interval == 10.0
    pace.answered(news=True)
    assert pace.interval == 1.0
    assert 0.75 <= pace.due - clock[0] <= 1.25


def test_the_queue_answers_when_accounting_does_not(commands: Commands, make: Any) -> None:
    runs = make()
    commands(sbatch=ARRAY, sacct="exit 1")
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    commands(squeue=f"printf '7\\x1fPENDING\\x1fResources\\x1f{runs[0][1].tag}\\x1fx\\n'")
    (status,) = query_statuses(scheduler, runs)
    assert (status.state, status.reason) == ("pending", "Resources")


def test_a_slurm_that_does_not_answer_ends_nothing(commands: Commands, make: Any) -> None:
    runs = make()
    commands(sbatch=ARRAY, sacct="exit 1", squeue="exit 1", scontrol="exit 1")
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    assert query_statuses(scheduler, runs)[0].state == "submitted"


@pytest.mark.parametrize("word", ["PREEMPTED", "NODE_FAIL"])
def test_that_a_job_lost_its_nodes_ends_it_only_where_the_queue_answers(word: str, commands: Commands) -> None:
    """Accounting may say so while the job waits in the queue again."""
    commands(squeue=TIMED_OUT, sacct=answered({"17": word}))
    wanted = {"17": Job("", "c", now())}
    found = query_states(wanted)
    assert found is not None and found["17"].state == "preempted-requeued"
    commands(squeue=FORGOTTEN)
    found = query_states(wanted)
    assert found is not None and found["17"].state in FINAL_STATES and found["17"].lost_nodes


@pytest.mark.parametrize("jobs", [1, 500])
def test_a_queue_that_timed_out_is_asked_ever_more_rarely_although_its_controller_answers_a_ping(
    jobs: int, commands: Commands, make: Any
) -> None:
    commands(squeue=TIMED_OUT, sacct="exit 1", scontrol="echo 'Slurmctld(primary) at h is UP'")
    scheduler = SlurmScheduler()
    runs = make(repeats=jobs)
    for number, (_, manifest) in enumerate(runs):
        manifest.job_id = str(number)
    for query in range(3):
        found = scheduler.states(runs)
        assert scheduler.pace is not None and scheduler.pace.interval == 0.5 * 2 ** (query + 1)
        scheduler.pace.due = 0.0
    assert "Slurm has not answered for" in found["0"].reason


def test_a_queue_that_has_forgotten_all_jobs_has_answered(commands: Commands) -> None:
    commands(squeue=FORGOTTEN, sacct="exit 1")
    wanted = {"17": Job("", "c", now())}
    assert query_states(wanted) == {}
    commands(sacct=answered({"17": "TIMEOUT"}))
    found = query_states(wanted)
    assert found is not None and found["17"].state == "timeout"


def test_a_job_that_is_nowhere_is_lost_after_the_profiles_deadline(commands: Commands, make: Any) -> None:
    runs = make("cluster.limits.lost_s=1")
    commands(sbatch=ARRAY)
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    assert query_statuses(scheduler, runs)[0].state == "submitted"
    scheduler.absent_since["7"] -= 2
    runs[0][1].submitted -= 60
    assert query_statuses(scheduler, runs)[0].state == "lost"


def test_a_limit_of_jobs_is_waited_for_and_leaves_no_trace(commands: Commands, make: Any) -> None:
    runs = make()
    commands(sbatch="echo 'sbatch: error: AssocMaxSubmitJobLimit' >&2; exit 1")
    assert "AssocMaxSubmitJobLimit" in submission.submit_all(SlurmScheduler(), runs)
    assert runs[0][1].attempts == 0
    assert query_statuses(SlurmScheduler(), runs)[0].state == "planned"
    commands(sbatch=ARRAY)
    assert submission.submit_all(SlurmScheduler(), runs) == ""
    assert runs[0][1].job_id == "7"


def test_an_array_too_long_for_the_limit_goes_in_parts(commands: Commands, make: Any) -> None:
    runs = make(repeats=8)
    refuse = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1"
    log = commands(sbatch=f"if grep -q 'array=0-[2-9]' $1; then {refuse}; fi; {ARRAY}")
    assert submission.submit_all(SlurmScheduler(), runs) == ""
    assert len(calls(log, "sbatch")) == 2 + 4
    assert all(manifest.job_id for _, manifest in runs)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", SchedulerBusy),
        ("sbatch: error: AssocGrpSubmitJobsLimit", SchedulerBusy),
        ("sbatch: error: Batch job submission failed: Slurm backup controller in standby mode", SchedulerBusy),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", SubmissionUnsure),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller", SubmissionUnsure),
    ],
)
def test_what_sbatch_says_is_told_apart(words: str, kind: type) -> None:
    assert isinstance(submission_error(Answer("sbatch", 1, "", words)), kind)


def test_a_jobs_number_is_read_from_sbatchs_own_line_alone(commands: Commands, make: Any) -> None:
    commands(sbatch='echo "checking job 1 of 1 on cluster front"; echo "Submitted batch job 77"; echo "job 3 waits"')
    (run,) = make()
    assert SlurmScheduler().submit([run]) == ["77"]


def test_a_submission_without_a_number_may_have_arrived(commands: Commands, make: Any) -> None:
    commands(sbatch='echo "job 1 of 1 goes to the queue"')
    (run,) = make()
    with pytest.raises(SubmissionUnsure, match="told no job's number: job 1 of 1 goes"):
        SlurmScheduler().submit([run])


NO_ARRAY = "echo 'sbatch: error: Batch job submission failed: Invalid job array specification' >&2; exit 1"


def test_arrays_longer_than_a_sites_limit_go_in_parts_and_the_limit_is_remembered(
    commands: Commands, make: Any
) -> None:
    runs, scheduler = make(repeats=8), SlurmScheduler()
    log = commands(sbatch=f"if grep -q 'array=0-[2-9]' $1; then {NO_ARRAY}; fi; {ARRAY}")
    assert submission.submit_all(scheduler, runs) == ""
    assert len(calls(log, "sbatch")) == 2 + 4 and all(manifest.job_id for _, manifest in runs)
    more = make("campaign=d", repeats=4)
    assert submission.submit_all(scheduler, more) == ""
    assert len(calls(log, "sbatch")) == 6 + 2


def detached(runs: list[Run]) -> list[str]:
    """The states in which a detached campaign is left."""
    limits = campaigns.Limits(max_jobs=2, interval_s=0.05)
    statuses = campaigns.follow(SlurmScheduler(), runs, limits, lambda _: None, lambda *_: None, detach=True)
    return [status.state for status in statuses]


def test_alike_runs_beyond_max_jobs_need_nobody_who_stays(commands: Commands, make: Any) -> None:
    runs = make("cluster.limits.max_jobs=2", repeats=5)
    log = commands(sbatch=f"grep array= $1 >> {{log}}; {ARRAY}".replace("{log}", str(runs[0][0].path / "array")))
    assert detached(runs) == ["submitted"] * 5
    assert len(calls(log, "sbatch")) == 1
    assert "--array=0-4%2" in (runs[0][0].path / "array").read_text()


def test_of_runs_that_are_not_alike_the_rest_waits_for_resume(commands: Commands, make: Any) -> None:
    commands(sbatch=ARRAY)
    assert sorted(detached(make("nodes=[1,2,3,4]", "cluster.limits.max_jobs=2"))) == [
        "planned", "planned", "submitted", "submitted",
    ]  # fmt: skip


def test_where_a_whole_campaign_is_too_much_as_many_as_may_be_are_submitted(commands: Commands, make: Any) -> None:
    runs = make("cluster.limits.max_jobs=2", repeats=4)
    refuse = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1"
    commands(sbatch=f"if grep -q 'array=0-[2-9]' $1; then {refuse}; fi; {ARRAY}")
    assert sorted(detached(runs)) == ["planned", "planned", "submitted", "submitted"]


def test_a_refusal_for_good_names_no_other_run(commands: Commands, make: Any) -> None:
    runs = make(repeats=3)
    commands(sbatch="echo 'sbatch: error: Batch job submission failed: Invalid account' >&2; exit 1")
    submission.submit_all(SlurmScheduler(), runs)
    causes = {status.cause for status in query_statuses(SlurmScheduler(), runs)}
    assert causes == {"Slurm did not take the job: Batch job submission failed: Invalid account"}


SMALL = "echo 'batch*|up|1:00:00|1-2|4'"


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["nodes=4"], "nodes=4: partition batch takes jobs of up to 2 nodes"),
        (["cluster.limits.time_min=90"], "cluster.limits.time_min=90: partition batch takes jobs of up to 60 min"),
        (["nodes=4", "cluster.slurm.qos=large"], None),
        (["nodes=2"], None),
    ],
)
def test_what_a_partition_never_takes_is_refused_before_anything_is_submitted(
    words: list[str], refused: str | None, commands: Commands
) -> None:
    commands(sinfo=SMALL)
    configs = compose_configurations(Options(["benchmark=stemdl", "cluster=testcluster", *words]))
    if refused is None:
        check_limits(configs)
    else:
        with pytest.raises(UsageError, match=refused):
            check_limits(configs)


def test_a_partition_that_is_not_there_is_refused_with_those_that_are(commands: Commands) -> None:
    commands(sinfo="echo 'batch2*|up|1:00:00|1-2|4'; echo 'urgent|up|infinite|1-infinite|4'")
    configs = compose_configurations(Options(["benchmark=stemdl", "cluster=testcluster"]))
    with pytest.raises(UsageError, match="partition=batch: there is none of that name; set one of: batch2, urgent"):
        check_limits(configs)


def test_of_several_partitions_that_are_named_one_must_take_the_job(commands: Commands) -> None:
    commands(sinfo=f"{SMALL}; echo 'large|up|infinite|1-infinite|100'")
    configs = compose_configurations(
        Options(["benchmark=stemdl", "cluster=testcluster", "nodes=4", "cluster.slurm.partition='batch,large'"])
    )
    check_limits(configs)


def test_a_silent_slurm_refuses_nothing(commands: Commands) -> None:
    commands(sinfo="exit 1")
    check_limits(compose_configurations(Options(["benchmark=stemdl", "cluster=testcluster", "nodes=4"])))


def begun(runs: list[Run]) -> tuple[RunDirectory, Manifest]:
    """A run whose orchestrator died between sbatch and writing down the job's id."""
    directory, manifest = runs[0]
    manifest.attempts, manifest.asked = 1, now()
    SlurmScheduler().mark(runs)
    directory.attempt(1).path.mkdir()
    directory.write_manifest(manifest)
    return directory, directory.read_manifest()


def test_a_job_whose_id_nobody_wrote_down_is_found_by_its_comment(commands: Commands, make: Any) -> None:
    run = begun(make())
    commands(squeue=f"printf '41\\x1fRUNNING\\x1fNone\\x1f{run[1].tag}\\x1fx\\n'")
    submission.recover(SlurmScheduler(), [run])
    assert run[0].read_manifest().job_id == "41"


def test_a_job_of_another_campaign_of_the_same_name_is_not_taken_for_ours(commands: Commands, make: Any) -> None:
    """It would be followed in place of ours, and `cancel` would end it."""
    ours = begun(make())
    other_folder, earlier = begun(make(folder="elsewhere")), begun(make("campaign=d"))
    earlier[1].spec, earlier[1].created = ours[1].spec, ours[1].created - 3600
    SlurmScheduler().mark([(ours[0], earlier[1])])
    assert len({run[1].tag for run in (ours, other_folder, earlier)}) == 3
    for other in (other_folder, earlier):
        commands(squeue=f"printf '41\\x1fRUNNING\\x1fNone\\x1f{other[1].tag}\\x1fx\\n'")
        assert SlurmScheduler().find([ours]) == {}


def test_jobs_are_looked_for_among_this_users_own(commands: Commands, make: Any) -> None:
    run = begun(make())
    log = commands()
    SlurmScheduler().find([run])
    (queue,), (accounting,) = calls(log, "squeue"), calls(log, "sacct")
    assert "--me" in queue.split() and f"--user={os.getuid()}" in accounting.split()


def test_a_job_that_was_submitted_with_the_tag_of_an_earlier_version_is_found(commands: Commands, make: Any) -> None:
    run = begun(make())
    run[1].tag = "orchestrator:c/stemdl-small-horovod-n1-r0#1"
    commands(squeue=f"printf '41\\x1fRUNNING\\x1fNone\\x1f{run[1].tag}\\x1fx\\n'")
    assert SlurmScheduler().find([run]) == {run[1].spec.run: "41"}


def test_a_job_that_has_claimed_its_attempt_is_found_without_the_scheduler(commands: Commands, make: Any) -> None:
    run = begun(make())
    commands(squeue="exit 1")
    claim_attempt(run[0].attempt(1), "41")
    submission.recover(SlurmScheduler(), [run])
    assert run[1].job_id == "41"


def test_a_submission_that_never_arrived_is_taken_back_after_a_while_only(commands: Commands, make: Any) -> None:
    run = begun(make())
    submission.recover(SlurmScheduler(), [run])
    assert run[1].attempts == 1
    assert run[1].asked is not None
    run[1].asked -= 2 * submission.UNSURE_SECONDS
    submission.recover(SlurmScheduler(), [run])
    assert run[1].attempts == 0
    assert query_statuses(SlurmScheduler(), [run])[0].state == "planned"


def test_of_two_jobs_for_one_attempt_the_second_does_nothing(make: Any) -> None:
    run = begun(make())
    assert claim_attempt(run[0].attempt(1), "41") == "41"
    assert claim_attempt(run[0].attempt(1), "42") == "41"


def test_an_orchestrator_killed_while_it_plans_leaves_no_campaign_of_fewer_runs(make: Any, tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        written: list[Any] = []

        def write_third_and_die(directory: Any, manifest: Any) -> None:
            written.append(manifest)
            if len(written) == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        RunDirectory.write_manifest = write_third_and_die  # type: ignore[method-assign, assignment]
        make(repeats=4)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with pytest.raises(UsageError, match="There is no campaign"):
        campaign_folders([], tmp_path / "results")
    assert len(make(repeats=4)) == len(campaigns.load(tmp_path / "results" / "c").runs) == 4


def test_a_campaign_has_one_orchestrator_at_a_time(make: Any) -> None:
    folder = make()[0][0].path.parent
    refused = pytest.raises(campaigns.CampaignTaken, match="followed by another orchestrator")
    with campaigns.attended(folder), refused, campaigns.attended(folder):
        pass
    with campaigns.attended(folder):
        pass


def test_a_node_that_failed_is_written_down_and_left_out_of_the_next_attempt(commands: Commands, make: Any) -> None:
    runs = make("cluster.slurm.exclude_failed_nodes=true", "nodes=2")
    log = commands(sbatch=ARRAY)
    scheduler = SlurmScheduler()
    submission.submit_all(scheduler, runs)
    commands(sacct="case $* in *NodeList*) echo 'n[1-2]';; esac", sinfo="echo n2")
    status = RunStatus(runs[0][1].spec.run, "node-failed", "a node failed")
    campaigns.go_elsewhere(scheduler, runs[0], status)
    assert status.resubmit
    submission.submit_all(scheduler, runs)
    assert runs[0][0].read_manifest().failed_nodes == ["n2"]
    assert len(calls(log, "sbatch")) == 2
    assert "#SBATCH --exclude=n2" in (runs[0][0].jobs / "7_submission.sh").read_text()


def test_a_folder_of_another_user_or_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(RecordError, match="may be written by others"):
        refuse_foreign(tmp_path)
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(RecordError, match="belongs to user 65534"):
        campaigns.load(tmp_path)
