"""The batch script of a submission, as submitit writes it. It is a module of its own because submitit loads slowly."""

from __future__ import annotations

import re
import shlex
import uuid

from submitit.slurm.slurm import SlurmExecutor

from orchestrator.launch.job import rank_command
from orchestrator.launch.slurm.commands import Answer, query_slurm
from orchestrator.launch.slurm.identity import JobId
from orchestrator.launch.slurm.parameters import Batch, comment_of, sbatch_parameters, supervisor_command
from orchestrator.records import write_text

SUBMIT_SECONDS = 180.0
NO_NUMBER = "ended well and told no job's number"
"""What is said of such an answer: the job may be there all the same."""


class BatchExecutor(SlurmExecutor):
    """submitit's executor, whose script starts no srun step of its own, and names no wckey and no signal unless one was
    set: submitit's own signal goes to the ranks, which die of it.

    It carries no pickle. submitit moves a pickle to its place only after sbatch has answered, so a job whose submitter
    died in between would not find it; and a job would execute what it unpickles.
    """

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        text = super()._make_submission_file_text(command, uid)
        return re.sub(r"#SBATCH --(?:wckey=submitit|signal=USR2@\d+)\n", "", text)

    @classmethod
    def affinity(cls) -> int:
        """Return a value on any machine, so that scripts can be printed on a machine without Slurm too."""
        return 2


def submit_script(batch: Batch) -> Answer:
    """Submit with sbatch; ``out`` of the answer is the job's id, with its cluster if Slurm names one."""
    executor = executor_for(batch)
    script = batch.logs / f".{uuid.uuid4().hex}.sh"
    write_text(script, executor._make_submission_file_text(supervisor_command(batch), script.stem))
    answer = query_slurm(["sbatch", str(script)], SUBMIT_SECONDS)
    if not answer.ok:
        script.unlink()
        return answer
    job = JobId.submitted(answer.out)
    if job is None:
        return Answer(answer.command, None, "", f"sbatch {NO_NUMBER}: {' '.join(answer.out.split())[:200]}")
    script.rename(batch.logs / f"{job.number}_submission.sh")
    return Answer(answer.command, answer.code, str(job), answer.err)


def batch_script(batch: Batch) -> str:
    """Return the script that would be submitted, with a comment that shows what its supervisor will start."""
    text = executor_for(batch)._make_submission_file_text(supervisor_command(batch), "plan")
    ranks = rank_command(batch.manifest, batch.first, attempt=1)
    lines = [f"# {name}={shlex.quote(value)}" for name, value in sorted(ranks.environment.items())]
    return "\n".join([text.rstrip(), "# which starts, in the allocation:", *lines, f"# {shlex.join(ranks.words)}"])


def executor_for(batch: Batch) -> BatchExecutor:
    """Return submitit's executor with the submission's parameters."""
    executor = BatchExecutor.__new__(BatchExecutor)
    SlurmExecutor.__init__(executor, batch.logs)
    names = {"job_name": batch.manifest.label, "comment": comment_of(batch.manifest)}
    executor.update_parameters(**sbatch_parameters(batch.manifest), **names)
    if batch.number > 1:
        at_once = min(batch.number, batch.manifest.config["cluster"]["limits"]["max_jobs"])
        executor.parameters |= {"map_count": batch.number, "array_parallelism": at_once}
    return executor
