"""Examines a Slurm machine from its login node, at last by a job of one minute on one node."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orchestrator.doctor.findings import PROBE, Finding, packages_of, promises_of
from orchestrator.launch.environment import for_other_nodes
from orchestrator.launch.job import PROJECT
from orchestrator.launch.slurm.commands import Answer, query_slurm
from orchestrator.launch.slurm.nodes import NodeState
from orchestrator.launch.slurm.parameters import setup_lines
from orchestrator.launch.slurm.scheduler import sbatch_complaint
from orchestrator.records.settings import ClusterSettings, Configuration

CORE_COUNTS = r"\d+\|\d+\|\d+"
"""Sockets, cores of a socket, threads of a core."""
JOB_SECONDS = 120
"""How long to wait for the job, most of it perhaps in the queue."""


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
        examine_partition(cluster),
        examine_cores(cluster),
        examine_accounting(),
        examine_mpi_plugin(cluster),
    ]
    if all(finding.state != "error" for finding in findings):
        findings += examine_job(cluster, config["comm"], results)
    return findings


def examine_partition(cluster: ClusterSettings) -> Finding:
    """Check that the partition exists, is up and has nodes in service."""
    name = cluster["slurm"]["partition"]
    answer = query_slurm(["sinfo", "--noheader", "--format=%R|%a|%D|%T", *(["--partition", name] if name else [])])
    rows = [line.split("|") for line in answer.out.splitlines() if line.count("|") == 3]
    if not rows:
        known = ", ".join(dict.fromkeys(query_slurm(["sinfo", "--noheader", "--format=%R"]).out.split()))
        return Finding("partition", "error", f"there is no partition {name}", f"set cluster.slurm.partition: {known}")
    up = sum(int(row[2]) for row in rows if row[1] == "up" and NodeState.parse(row[3]).in_service)
    detail = f"{name or 'the default one'}, {up} of {sum(int(row[2]) for row in rows)} nodes in service"
    return Finding("partition", "ok" if up else "error", detail, "" if up else "ask the machine's operators")


def examine_cores(cluster: ClusterSettings) -> Finding:
    """Compare the cores of the partition's nodes, as Slurm has them, with the profile. Threads of a core count once."""
    subject, said, partition = "cores of nodes", cluster["cores_per_node"], cluster["slurm"]["partition"]
    named = ["--partition", partition] if partition else []
    answer = query_slurm(["sinfo", "--noheader", "--Node", "--format=%X|%Y|%Z", *named])
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


def examine_mpi_plugin(cluster: ClusterSettings) -> Finding:
    """Check that srun has the profile's PMI plugin."""
    if cluster["launcher"] != "srun":
        return Finding("launcher", "ok", cluster["launcher"])
    answer = query_slurm(["srun", "--mpi=list"])
    found = [word for word in (answer.out + answer.err).replace(",", " ").split() if ":" not in word]
    if cluster["pmi"] in found:
        return Finding("srun --mpi", "ok", cluster["pmi"])
    return Finding("srun --mpi", "error", f"has no {cluster['pmi']}", f"set cluster.pmi to one of: {', '.join(found)}")


def examine_job(cluster: ClusterSettings, comm: str, results: Path) -> list[Finding]:
    """Check account, folders, set-up lines, Python and its packages by a job on one node."""
    slurm: Mapping[str, object] = cluster["slurm"]
    existing = next(parent for parent in (results, *results.parents) if parent.exists())
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=existing) as name:
        folder = Path(name)
        python = cluster["python"] or sys.executable
        program = shlex.join([*cluster["container"], python, "-c", PROBE])
        lines = ["#!/bin/bash", *setup_lines(cluster), f"{program} > {shlex.quote(f'{folder}/found.json')}"]
        script = folder / "script.sh"
        script.write_text("\n".join([*lines, ""]), encoding="utf-8")
        options = ["--wait", "--time=1", "--nodes=1", "--ntasks=1", "--job-name=orchestrator-doctor", "--parsable"]
        named = ("partition", "account", "qos", "reservation", "constraint", "gres", "gpus_per_node", "exclude")
        options += [f"--{key.replace('_', '-')}={slurm[key]}" for key in named if slurm[key] is not None]
        answer = submit([*options, f"--output={folder}/log", str(script)])
        if answer is None:
            remedy = "look at squeue; a full machine is no fault"
            return [Finding("job", "warning", f"did not end within {JOB_SECONDS} s; cancelled", remedy)]
        if not answer.out.strip():
            return [Finding("job", "error", sbatch_complaint(answer), "correct the keys of cluster.slurm")]
        log = folder / "log"
        try:
            found = json.loads((folder / "found.json").read_text(encoding="utf-8").strip().splitlines()[-1])
        except (OSError, ValueError, IndexError):
            said = (
                log.read_text(encoding="utf-8").strip().splitlines()[-1:]
                if log.exists()
                else ["it left nothing in the results folder"]
            )
            remedy = (
                "correct cluster.modules, cluster.setup and cluster.python; results must be on a shared file system"
            )
            return [Finding("job", "error", "; ".join(said), remedy)]
    detail = f"job {answer.out.split()[0]} ran and wrote into {existing}"
    where = "on a node: "
    return [Finding("job", "ok", detail), *packages_of(found, comm, where), *promises_of(found, cluster, where)]


def submit(options: list[str]) -> Answer | None:
    """Run sbatch and wait for the job's end; return None, after cancelling the job, if that takes too long."""
    with subprocess.Popen(
        ["sbatch", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**for_other_nodes(os.environ), "PYTHONPATH": str(PROJECT)},
    ) as process:
        try:
            out, err = process.communicate(timeout=JOB_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            query_slurm(["scancel", *out.split()[:1]])
            return None
    return Answer("sbatch", process.returncode, out, err)
