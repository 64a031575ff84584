"""An orchestrator under way on the test cluster, and what has become of its runs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import PROJECT, Answer, environment, orchestrate
from verdicts import VERDICTS, Verdict

from orchestrator.records import read_json, read_json_if_whole
from orchestrator.store.store import Store, default_url

TESTCLUSTER = PROJECT / "slurm" / "testcluster"


class Running:
    """An orchestrator under way on two nodes in a folder of its own."""

    def __init__(self, folder: Path, words: list[str], results: Path | None = None) -> None:
        self.folder = folder
        self.campaign = (results or folder / "results") / "c"
        self.words = words
        self.struck = 0.0
        self.process = self.start(*words, "campaign=c")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """An orchestrator whose ranks find the recording task."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=self.folder,
            env=environment() | {"PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def run(self) -> Path:
        """The folder of the only run."""
        (found,) = (path.parent for path in self.campaign.glob("*/manifest.json"))
        return found

    @property
    def job(self) -> str:
        return str(read_json(self.run / "manifest.json")["job_id"])

    def wait_for_step(self, step: int, attempt: int = 1, run: int | None = None) -> None:
        """Wait until a run, or the given one in the order of names, has come so far."""
        deadline = time.monotonic() + 120
        folder = "*" if run is None else self.manifests()[run].parent.name
        while time.monotonic() < deadline:
            for path in self.campaign.glob(f"{folder}/attempt-{attempt}/heartbeat.json"):
                if (read_json_if_whole(path) or {}).get("step", 0) >= step:
                    return
            time.sleep(0.05)
        raise AssertionError(f"attempt {attempt} did not come to step {step}")

    def ranks(self) -> list[int]:
        """Process ids of the ranks on all nodes: the test cluster's nodes share them."""
        answer = subprocess.run(["pgrep", "-f", f"workloads.entry {self.campaign}"], capture_output=True, text=True)
        found = []
        for pid in map(int, answer.stdout.split()):
            with contextlib.suppress(OSError):
                if b"python" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]:
                    found.append(pid)
        return sorted(found)

    def strike(self, act: Callable[[], Any]) -> None:
        """Do what goes wrong, and look at the clock."""
        self.struck = time.monotonic()
        act()

    def verdict(self, fault: str, within: float, process: subprocess.Popen[str] | None = None) -> Answer:
        """Wait for the end, so long; nobody may be left, and each planned run be in the store once."""
        process = process or self.process
        out, _ = process.communicate(timeout=within)
        seconds = time.monotonic() - self.struck
        rows = self.rows()
        lines = [line for line in out.splitlines() if line.startswith("stemdl-") and ": " in line]
        said = [line for line in lines if any(word in line for word in ENDINGS)]
        printed = said[-1].strip() if said else out.strip().splitlines()[-1]
        states = ", ".join(sorted({str(row["state"]) for row in self.stored_runs()}))
        starts = ", ".join(map(str, self.starts()))
        VERDICTS.append(Verdict(fault, printed, process.returncode, seconds, len(rows), states, starts))
        deadline = time.monotonic() + 6
        while self.ranks() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.ranks() == [], "ranks are left"
        planned = sorted(path.parent.name for path in self.campaign.glob("*/manifest.json"))
        assert sorted(rows) == planned, f"{rows} in the store, planned {planned}"
        return Answer(process.returncode, out, "")

    def rows(self) -> list[str]:
        return [str(row["run"]) for row in self.stored_runs()]

    def stored_runs(self) -> list[dict[str, Any]]:
        """The rows of the campaign's runs, in the store that the command line names."""
        url = next((word.partition("=")[2].strip("'") for word in self.words if word.startswith("store.url=")), "")
        records = Store(url or default_url(self.campaign.parent)).campaign(self.campaign.name)
        return sorted((dict(record.run) for record in records), key=lambda row: str(row["run"]))

    def stored(self) -> dict[str, Any]:
        (row,) = self.stored_runs()
        return row

    def starts(self) -> list[int]:
        """How often each run was started by a job."""
        return [len(list(path.parent.glob("attempt-*/job.json"))) for path in self.manifests()]

    def manifests(self) -> list[Path]:
        return sorted(self.campaign.glob("*/manifest.json"))

    def jobs(self) -> list[str]:
        """The jobs of the runs, as far as they were submitted."""
        return [str(job) for path in self.manifests() if (job := read_json(path)["job_id"])]

    def statuses(self) -> list[dict[str, Any]]:
        """What ``status`` tells somebody else meanwhile."""
        answer = orchestrate("status", str(self.campaign), "--json", cwd=self.folder)
        runs: list[dict[str, Any]] = answer.document["campaigns"][0]["runs"]
        return runs

    def wait_until(self, holds: Callable[[list[dict[str, Any]]], bool], seconds: float = 60) -> list[dict[str, Any]]:
        """Wait until it holds of the statuses; return them."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.statuses() if self.manifests() else []
            if found and holds(found):
                return found
            time.sleep(0.5)
        raise AssertionError(f"it did not come to that: {self.statuses()}")

    def clean_up(self) -> None:
        """Leave no orchestrator and no job behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        jobs = [read_json(path).get("job_id") for path in self.campaign.glob("*/manifest.json")]
        subprocess.run(["scancel", "--full", *filter(None, jobs)], capture_output=True)


ENDINGS = ("failed", "cancelled", "timeout", "node-failed", "completed", "preempted")
Start = Callable[..., Running]


def testcluster(*words: str) -> None:
    subprocess.run([TESTCLUSTER, *words], check=True, capture_output=True, timeout=120)


testcluster.__test__ = False  # type: ignore[attr-defined]


def read_nodes() -> list[str]:
    command = ["sinfo", "-h", "-N", "-p", "batch", "-o", "%N"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def nodes_of(job: str) -> list[str]:
    listed = subprocess.run(["squeue", "-h", "-j", job, "-o", "%N"], capture_output=True, text=True, check=True)
    names = subprocess.run(["scontrol", "show", "hostnames", listed.stdout.strip()], capture_output=True, text=True)
    return names.stdout.split()
