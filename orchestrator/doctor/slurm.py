"""Examines a Slurm machine from its login node, at last by a job of one minute on one node."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.doctor.findings import PROBE, Finding, packages_of, promises_of
from orchestrator.installation.mpi import find_mpi
from orchestrator.launch.causes import read_tail
from orchestrator.launch.job import rank_environment
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.launch.output import last_line
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.identity import JobId
from orchestrator.launch.slurm.nodes import NodeState
from orchestrator.launch.slurm.parameters import cluster_named, setup_lines
from orchestrator.launch.slurm.partitions import count_of, refuse_impossible
from orchestrator.launch.slurm.scheduler import SlurmScheduler, sbatch_complaint
from orchestrator.records.choices import COMMUNICATORS
from orchestrator.records.settings import ClusterSettings, Configuration

CORE_COUNTS = r"\d+\|\d+\|\d+"
"""Sockets, cores of a socket, threads of a core."""
SUBMIT_SECONDS = 60.0
JOB_SECONDS = 120
"""How long to wait for the job, most of it perhaps in the queue."""
LOOK_SECONDS = 1.0


def examine(config: Configuration, results: Path) -> list[Finding]:
    """Return all findings, as far as Slurm answers."""
    if shutil.which("sbatch") is None:
        return [Finding("Slurm", "error", "there is no sbatch here", "run this on the machine's login node")]
    version = query_slurm(["sinfo", "--version"])
    answers = query_slurm(["scontrol", "ping"])
    if not answers.ok:
        return [Finding("Slurm", "error", answers.complaint, "its controller does not answer: ask its operators")]
    cluster = config["cluster"]
    findings = [
        Finding("Slurm", "ok", version.out.strip()),
        examine_partition(cluster, config["nodes"]),
        examine_cores(cluster),
        examine_accounting(),
    ]
    if all(finding.state != "error" for finding in findings):
        findings += examine_job(cluster, config["comm"], results)
    return findings


def examine_partition(cluster: ClusterSettings, nodes: Sequence[int]) -> Finding:
    """Check that the partition exists, is up, has nodes in service, and takes jobs of the configuration's size."""
    name = cluster["slurm"]["partition"]
    refused = refuse_impossible(cluster, nodes)
    if refused is not None:
        what, _, remedy = refused.partition("; ")
        return Finding("partition", "error", what, remedy)
    words = ["sinfo", "--noheader", "--format=%R|%a|%D|%T", *(["--partition", name] if name else [])]
    answer = query_slurm(words, cluster=cluster_named(cluster))
    rows = [line.split("|") for line in answer.out.splitlines() if line.count("|") == 3]
    up = sum(count_of(row[2]) or 0 for row in rows if row[1] == "up" and NodeState.parse(row[3]).in_service)
    detail = f"{name or 'the default one'}, {up} of {sum(count_of(row[2]) or 0 for row in rows)} nodes in service"
    return Finding("partition", "ok" if up else "error", detail, "" if up else "ask the machine's operators")


def examine_cores(cluster: ClusterSettings) -> Finding:
    """Compare the cores of the partition's nodes, as Slurm has them, with the profile. Threads of a core count once."""
    subject, said, partition = "cores of nodes", cluster["cores_per_node"], cluster["slurm"]["partition"]
    named = ["--partition", partition] if partition else []
    words = ["sinfo", "--noheader", "--Node", "--format=%X|%Y|%Z", *named]
    answer = query_slurm(words, cluster=cluster_named(cluster))
    nodes = [tuple(map(int, line.split("|"))) for line in answer.out.split() if re.fullmatch(CORE_COUNTS, line)]
    if not nodes:
        return Finding(subject, "ok", "Slurm does not tell")
    cores, threads = min((sockets * cores, threads) for sockets, cores, threads in nodes)
    detail = f"{cores} a node" + (f" with {threads} threads each" if threads > 1 else "")
    if said is None:
        remedy = f"set cluster.cores_per_node={cores}: without it this machine's own count is taken"
        return Finding(subject, "warning", f"{detail}; the profile says none", remedy)
    if said > cores:
        remedy = f"set cluster.cores_per_node={cores}"
        return Finding(subject, "warning", f"{detail}; the profile says {said}", remedy)
    return Finding(subject, "ok", detail)


def examine_accounting() -> Finding:
    """Check that accounting answers. Without it the queue is asked, which forgets jobs some minutes after their end."""
    answer = query_slurm(["sacct", "--noheader", "--allocations", "--jobs=1"])
    if answer.ok:
        return Finding("accounting", "ok", "sacct answers")
    return Finding("accounting", "warning", answer.complaint, "states come from squeue; keep orchestrators running")


def mpi_plugins() -> list[str]:
    """Return the names that ``srun --mpi=list`` has. It lists what is installed, not what works."""
    answer = query_slurm(["srun", "--mpi=list"])
    return parse_mpi_plugins(answer.out + answer.err)


def parse_mpi_plugins(text: str) -> list[str]:
    """Return the names in a list of any release: a line each, or several after "versions available:"."""
    names: list[str] = []
    for line in text.splitlines():
        words = line.removeprefix("srun: ").strip()
        before, colon, after = words.rpartition(":")
        if colon and "available" in before:
            names += [name.strip() for name in after.split(",")]
        elif re.fullmatch(r"\w+", words):
            names.append(words)
    return list(dict.fromkeys(filter(None, names)))


def examine_step(cluster: ClusterSettings, folder: Path) -> Finding:
    """Judge the one rank that the job has started as runs start theirs."""
    subject = "srun --mpi" if cluster["launcher"] == "srun" else "launcher"
    name = cluster["pmi"] if cluster["launcher"] == "srun" else cluster["launcher"]
    if (folder / "step.ok").exists():
        return Finding(subject, "ok", f"{name}: a rank has started with it")
    said = read_tail(folder / "step.err")
    cause = LAUNCHERS[cluster["launcher"]].first_failure(said) or last_line(said) or "it says nothing"
    others = [plugin for plugin in mpi_plugins() if plugin not in ("none", name)] if subject == "srun --mpi" else []
    remedy = f"set cluster.pmi to one of: {', '.join(others)}" if others else "ask the machine's operators"
    return Finding(subject, "error", f"{name}: no rank starts with it: {cause}", remedy)


def step_lines(cluster: ClusterSettings, comm: str, folder: Path) -> list[str]:
    """Return the lines of a script that start one rank by the profile's launcher, and go on whatever comes of it."""
    begin = "from mpi4py import MPI" if "mpi4py" in COMMUNICATORS[comm].needs else "pass"
    test = f"{begin}; open({str(folder / 'step.ok')!r}, 'w').close()"
    ranks = Ranks(1, 1, 1, cores=1)
    program = [*cluster["container"], cluster["python"] or sys.executable, "-c", test]
    mpi = find_mpi() if cluster["launcher"] == "mpirun" else None
    try:
        words = LAUNCHERS[cluster["launcher"]].command(ranks, cluster, mpi, program)
    except FileNotFoundError as error:
        return [f"echo {shlex.quote(str(error))} > {shlex.quote(f'{folder}/step.err')}"]
    variables = rank_environment(cluster, 1)
    environment = ["env", *(f"{name}={value}" for name, value in variables.items() if name != "PYTHONPATH")]
    return [f"{shlex.join([*environment, *words])} > /dev/null 2> {shlex.quote(f'{folder}/step.err')} || true"]


def examine_job(cluster: ClusterSettings, comm: str, results: Path) -> list[Finding]:
    """Check account, folders, set-up lines, Python, its packages and the launcher by a job on one node."""
    slurm: Mapping[str, object] = cluster["slurm"]
    existing = next(parent for parent in (results, *results.parents) if parent.exists())
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=existing) as name:
        folder = Path(name)
        python = cluster["python"] or sys.executable
        program = shlex.join([*cluster["container"], python, "-c", PROBE])
        lines = ["#!/bin/bash", *setup_lines(cluster), f"{program} > {shlex.quote(f'{folder}/found.json')}"]
        lines += step_lines(cluster, comm, folder)
        script = folder / "script.sh"
        script.write_text("\n".join([*lines, ""]), encoding="utf-8")
        options = ["--time=1", "--nodes=1", "--ntasks=1", "--job-name=orchestrator-doctor"]
        options += [f"--clusters={elsewhere}"] if (elsewhere := cluster_named(cluster)) else []
        named = ("partition", "account", "qos", "reservation", "constraint", "gres", "gpus_per_node", "exclude")
        options += [f"--{key.replace('_', '-')}={slurm[key]}" for key in named if slurm[key] is not None]
        answer = query_slurm(["sbatch", *options, f"--output={folder}/log", str(script)], SUBMIT_SECONDS)
        job = JobId.submitted(answer.out) if answer.ok else None
        if job is None:
            return [Finding("job", "error", sbatch_complaint(answer), "correct the keys of cluster.slurm")]
        if not ends_in_time(job):
            remedy = "look at squeue; a full machine is no fault"
            return [Finding("job", "warning", f"did not end within {JOB_SECONDS} s; cancelled", remedy)]
        log = folder / "log"
        try:
            found = json.loads((folder / "found.json").read_text(encoding="utf-8").strip().splitlines()[-1])
        except (OSError, ValueError, IndexError):
            said = last_line(read_tail(log)) if log.exists() else "it left nothing in the results folder"
            remedy = (
                "correct cluster.modules, cluster.setup and cluster.python; results must be on a shared file system"
            )
            return [Finding("job", "error", said, remedy)]
        step = examine_step(cluster, folder)
    detail = f"job {job} ran and wrote into {existing}"
    where = "on a node: "
    return [Finding("job", "ok", detail), step, *packages_of(found, comm, where), *promises_of(found, cluster, where)]


def ends_in_time(job: JobId) -> bool:
    """Wait for the job's end; cancel it, and return False, if that takes too long."""
    deadline = time.monotonic() + JOB_SECONDS
    while SlurmScheduler().may_live(str(job)):
        if time.monotonic() > deadline:
            query_slurm(["scancel", job.name], cluster=job.cluster)
            return False
        time.sleep(LOOK_SECONDS)
    return True
