"""File systems without locks and without hard links: what needs neither works, and what needs one says so at once."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import PROJECT, unpack

from orchestrator.launch.enter import claim_attempt
from orchestrator.records import AttemptDirectory
from orchestrator.records.files import create_exclusively, settle

KEPT = PROJECT / "tests" / "recorded" / "version-0.1.tar.gz"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes for which flock and fcntl's locks answer ENOLCK, and link EPERM."""
    library = tmp_path_factory.mktemp("shim") / "no_locks.so"
    source = PROJECT / "tests" / "no_locks.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}


def run(environment: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment, cwd=folder)


def test_results_where_everybody_may_write_are_refused_before_anything_is_submitted(tmp_path: Path) -> None:
    library = tmp_path / "no_modes.so"
    source = PROJECT / "tests" / "no_modes.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    program = """
from pathlib import Path
from orchestrator.campaign.following import create
from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from orchestrator.plan import Site, plan
config = compose_all(["benchmark=noop", "mode=noop"], False)
try:
    create(plan(config, "x", Site(1, Path.cwd())), {})
except UsageError as error:
    print(error)
"""
    ended = run({**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(PROJECT)}, tmp_path, "-c", program)
    assert "gives every folder to everybody (mode 777)" in ended.stdout, ended.stdout + ended.stderr
    assert not list((tmp_path / "results").iterdir())


def test_a_store_without_locks_is_refused_at_once_with_the_remedy(plain: dict[str, str], tmp_path: Path) -> None:
    unpack(KEPT, tmp_path)
    begun = time.monotonic()
    ended = run(plain, tmp_path, "-m", "orchestrator", "report", "version-0.1")
    assert time.monotonic() - begun < 30
    assert ended.returncode != 0 and "Traceback" not in ended.stderr
    assert "has no locks (No locks available)" in ended.stderr and "store.url=sqlite:////FOLDER" in ended.stderr


def test_a_store_without_locks_is_known_before_anything_is_made(plain: dict[str, str], tmp_path: Path) -> None:
    """Also where the results folder, in which it would lie, is yet to be made."""
    ended = run(plain, tmp_path, "-m", "orchestrator", "benchmark=noop", "mode=noop", "nodes=1")
    assert "has no locks (No locks available)" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ranks
@pytest.mark.thorough
def test_a_whole_run_does_without_locks_and_links_but_for_its_store(plain: dict[str, str], tmp_path: Path) -> None:
    """Data are made, a model trained, kept and drawn, and the run is collected, stored and reported."""
    (tmp_path / "locked").mkdir()
    environment = plain | {"WITH_LOCKS": str(tmp_path / "locked")}
    store = f"store.url=sqlite:///{tmp_path}/locked/store.sqlite"
    words = ["benchmark=stemdl", "recipe=tiny", "cluster=local", "nodes=1", "comm=mpi", "benchmark.quality.target=0"]
    data = f"cluster.paths.data={tmp_path}/data"
    ended = run(environment, tmp_path, "-m", "orchestrator", *words, data, store, "campaign=c", "--json")
    assert ended.returncode == 0, ended.stderr
    (done,) = json.loads(ended.stdout)["runs"]
    assert done["state"] == "completed" and done["throughput"]["run"] > 0
    left = {path.name for path in Path(done["directory"]).rglob("*") if path.is_file()}
    assert {"job.json", "result.json", "telemetry.h5", "mllog.txt", "model.pt", "samples.png"} <= left
    assert not [name for name in left if name.endswith(".partial")]
    for verb in (["collect", "c"], ["report", "c", "--format", "html", "-o", "page"]):
        after = run(environment, tmp_path, "-m", "orchestrator", *verb, store)
        assert after.returncode == 0 and "Traceback" not in after.stderr, after.stderr
    assert "completed" in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_telemetry_is_read_without_locks(plain: dict[str, str], tmp_path: Path) -> None:
    unpack(KEPT, tmp_path)
    program = """
from pathlib import Path
from orchestrator.telemetry.file import read_telemetry
print(len(read_telemetry(next(Path("results").rglob("telemetry.h5"))).small["rank/host"]))
"""
    ended = run(plain, tmp_path, "-c", program)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) in (1, 2)


@pytest.mark.parametrize("unknown", [False, True])
def test_nobody_waits_for_a_lock_where_there_are_none(plain: dict[str, str], tmp_path: Path, unknown: bool) -> None:
    """Whatever filelock makes of it: 3.20 took ENOLCK for another process's lock, 3.24 a file for ENOSYS."""
    program = """
from pathlib import Path
from orchestrator.records.locking import one_at_a_time
def waiting(who): raise SystemExit(who)
with one_at_a_time(Path("lock"), waiting) as lock:
    print(lock.held, list(Path().iterdir()))
"""
    environment = plain | ({"UNKNOWN_LOCKS": "1"} if unknown else {})
    ended = run(environment, tmp_path, "-W", "error", "-c", program)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "False []\n", "")


def test_what_cannot_be_told_to_write_to_its_disk_is_written_all_the_same() -> None:
    """The kernel answers EINVAL for a pipe, as some file systems do for their files; what is closed is an error."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as end, os.fdopen(writing, "wb") as file:
        file.write(b"a record")
        settle(file)
        assert end.read(8) == b"a record"
        os.close(file.fileno())
        with pytest.raises(OSError, match="Bad file descriptor"):
            settle(file)
        # The block closes it once more.
        os.dup2(end.fileno(), writing)


def test_one_place_decides_what_fsync_may_answer() -> None:
    sources = [path for folder in ("orchestrator", "workloads") for path in (PROJECT / folder).rglob("*.py")]
    callers = [path.name for path in sources if "os.fsync(" in path.read_text(encoding="utf-8")]
    assert callers == ["files.py"]


def test_an_attempt_is_claimed_by_one_job_where_there_are_no_links(plain: dict[str, str], tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from orchestrator.launch.enter import claim_attempt
from orchestrator.records import AttemptDirectory
from orchestrator.records.files import settle
print(claim_attempt(AttemptDirectory(Path("attempt-1")), sys.argv[1]))
"""
    answers = [run(plain, tmp_path, "-c", program, job) for job in ("17", "18")]
    assert [answer.stdout.strip() for answer in answers] == ["17", "17"], answers[0].stderr
    assert [path.name for path in (tmp_path / "attempt-1").iterdir()] == ["job.json"]


def test_a_claim_that_is_still_being_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = AttemptDirectory(tmp_path / "attempt-1")
    assert claim_attempt(attempt, "17") == "17"
    whole = attempt.claim.read_bytes()
    attempt.claim.write_bytes(whole[:20])
    monkeypatch.setattr(time, "sleep", lambda seconds: attempt.claim.write_bytes(whole))
    assert claim_attempt(attempt, "18") == "17"


def test_only_the_first_creates_a_file_exclusively(tmp_path: Path) -> None:
    assert [create_exclusively(tmp_path / "file", content) for content in (b"first", b"second")] == [True, False]
    assert (tmp_path / "file").read_bytes() == b"first"


def test_only_the_first_publishes_a_record_with_links_or_without(plain: dict[str, str], tmp_path: Path) -> None:
    program = """
from pathlib import Path
from orchestrator.records import publish_json
print([publish_json(Path("file"), number) for number in (1, 2)], *Path().iterdir())
"""
    for environment in (plain, dict(os.environ) | {"PYTHONPATH": str(PROJECT)}):
        answer = run(environment, tmp_path, "-c", program)
        assert answer.stdout == "[True, False] file\n", answer.stderr
        assert (tmp_path / "file").read_text() == "1\n"
        (tmp_path / "file").unlink()


def test_every_hdf5_file_is_opened_without_locks() -> None:
    """All are written once, under another name, and renamed: nobody reads what somebody else writes."""
    found = []
    for room in ("orchestrator", "workloads"):
        for path in (PROJECT / room).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "h5py.File":
                    words = {word.arg for word in call.keywords}
                    if "locking" not in words:
                        found.append(f"{path.relative_to(PROJECT)}:{call.lineno}")
    assert found == []
