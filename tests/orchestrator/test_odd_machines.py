"""Machines as they are: nobody in the password file, no home, paths as people write them, modules that set things."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from commands import PROJECT

from orchestrator.campaign.provenance import git_state, provenance
from orchestrator.config.compose import SCHEMAS, compose_all
from orchestrator.config.keys import schema_keys
from orchestrator.config.paths import EXPANDED, EXPANDED_LATER, expand_store
from orchestrator.doctor.search_path import foreign_packages, leave_foreign
from orchestrator.errors import UsageError
from orchestrator.installation.mpi import named_compiler
from orchestrator.launch.job import rank_environment
from orchestrator.launch.slurm import jobs
from orchestrator.records import user_name
from workloads.probe.procedure import local_folder
from workloads.runtime.communicators import rendezvous
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.staging import scratch_folder


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user number without an entry in the password file, and no variable that would name a home or a user."""
    import pwd

    def missing(key: object) -> object:
        raise KeyError(f"getpwuid(): uid not found: {key}")

    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", missing)
    monkeypatch.setattr(pwd, "getpwnam", missing)


@pytest.mark.usefixtures("nobody")
def test_a_user_without_an_entry_is_his_number() -> None:
    assert user_name() == str(os.getuid())
    assert provenance(PROJECT)["user"] == str(os.getuid())


@pytest.mark.usefixtures("nobody")
def test_caches_and_secrets_do_without_a_home() -> None:
    from orchestrator.installation import horovod
    from orchestrator.notification.base import DeliveryError, read_secret
    from orchestrator.schedule.backends.base import BackEndError
    from orchestrator.schedule.backends.systemd import unit_folder
    from workloads.runtime.kernels.library import cache_folder

    assert horovod.cache_folder().is_relative_to(sys.prefix)
    with pytest.raises(FileNotFoundError):
        cache_folder()
    with pytest.raises(BackEndError, match="set HOME"):
        unit_folder()
    with pytest.raises(DeliveryError, match="password_file=~/secret"):
        read_secret("~/secret", None, "notify.mail.password")


@pytest.mark.usefixtures("nobody")
def test_ranks_without_a_home_are_given_one() -> None:
    plain: Any = {"environment": {}}
    assert Path(rank_environment(plain, 1)["HOME"]).is_dir()


def configured(*words: str) -> dict[str, object]:
    (config,) = compose_all(["benchmark=stemdl", *words], multirun=False)
    return {**config["cluster"]["paths"], "results": config["results"]}


def test_homes_and_variables_in_paths_are_what_they_are_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    paths = configured("cluster.paths.results='~/bench/results'", "cluster.paths.data='$SCRATCH/data'")
    assert (paths["results"], paths["data"]) == ("/home/ada/bench/results", "/scratch/ada/data")
    assert configured("results='${oc.env:SCRATCH}/r'")["results"] == "/scratch/ada/r"
    assert str(scratch_folder("~/local")) == "/home/ada/local"


def test_every_path_of_a_configuration_is_one_that_a_shell_would_expand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    words = [
        "benchmark.download.folder='~/dl'", "benchmark.inference.checkpoint='$SCRATCH/weights.pt'",
        "cluster.python='~/env/bin/python'", "store.url='sqlite:///$SCRATCH/store.sqlite'",
    ]  # fmt: skip
    (config,) = compose_all(["benchmark=stemdl", *words], multirun=False)
    assert config["benchmark"]["download"]["folder"] == "/home/ada/dl"
    assert config["benchmark"]["inference"]["checkpoint"] == "/scratch/ada/weights.pt"
    assert config["cluster"]["python"] == "/home/ada/env/bin/python"
    assert config["store"]["url"] == "sqlite:////scratch/ada/store.sqlite"
    assert str(local_folder("$SCRATCH/probe", None)) == "/scratch/ada/probe"
    assert expand_store("postgresql://ada:$SCRATCH@db/runs") == "postgresql://ada:$SCRATCH@db/runs"
    assert expand_store("sqlite:////opt/store.sqlite") == "sqlite:////opt/store.sqlite"


def test_no_key_that_names_a_path_is_forgotten() -> None:
    looks = re.compile(r"(.*_)?(folder|file|path|directory|checkpoint|python|results|data|scratch|sendmail|url)")
    keys = {key for schema in SCHEMAS.values() for key in schema_keys(schema)}
    named = {key for key in keys if looks.fullmatch(key.rpartition(".")[2])}
    assert named - {"notify.webhook.url"} == {*EXPANDED, *EXPANDED_LATER}


def test_a_variable_or_home_that_is_not_known_is_refused_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(UsageError, match=r"cluster\.paths\.data=\$NOWHERE/data: NOWHERE is not set"):
        configured("cluster.paths.data='$NOWHERE/data'")
    with pytest.raises(UsageError, match="no home folder is known for ~nobody-here"):
        configured("results='~nobody-here/r'")
    with pytest.raises(DatasetError, match="NOWHERE is not set on this node"):
        scratch_folder("$NOWHERE/local")


def test_a_checkout_that_belongs_to_somebody_else_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git's own switch for its tests makes every folder somebody else's."""
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    refused = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    state = git_state(tmp_path)
    assert state["dirty"] is False and len(state["commit"] or "") == 40


@pytest.mark.parametrize("moment", ["2026-10-25 00:30 UTC", "2026-10-25 01:30 UTC", "2026-03-29 01:30 UTC"])
def test_slurm_is_asked_from_early_enough_in_the_nights_when_clocks_change(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two times that a local one may be, the later one is still before the job."""
    asked = time.mktime(time.strptime(moment, "%Y-%m-%d %H:%M %Z")) - time.timezone
    monkeypatch.setenv("TZ", "Europe/London")
    time.tzset()
    try:
        _, text = jobs.since_option({"17": jobs.Job("tag", "label", asked)})
        parts = time.strptime(text, "%Y-%m-%dT%H:%M:%S")
        readings = [time.mktime((*parts[:8], dst)) for dst in (-1, 0, 1)]
        assert max(readings) < asked
    finally:
        monkeypatch.undo()
        time.tzset()


def write_broken(folder: Path) -> list[str]:
    """Packages that are built for another Python: some that we import, and some that only those import in turn."""
    names = ["antlr4", "markupsafe", "numpy", "packaging", "psutil", "typing_extensions", "yaml"]
    for name in names:
        (folder / f"{name}.py").write_text("raise ImportError('built for another Python')\n")
    return names


def test_a_modules_packages_are_seen_before_they_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = write_broken(tmp_path)
    (tmp_path / "no_requirement.py").touch()
    (tmp_path / "torch").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{PROJECT}")
    assert foreign_packages() == dict.fromkeys(broken, str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    leave_foreign()
    assert str(tmp_path) not in sys.path and str(PROJECT) in (*sys.path, str(PROJECT))


def test_doctor_names_a_modules_package_and_other_verbs_say_what_to_do(tmp_path: Path) -> None:
    broken = write_broken(tmp_path)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}", "COLUMNS": "900"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "orchestrator", *words]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    doctor = run("doctor")
    assert "Traceback" not in doctor.stderr
    assert all(f"{name} from {tmp_path}" in doctor.stdout for name in broken), doctor.stdout
    report = run("report", f"results={tmp_path}", "store.url=sqlite:///none.sqlite", "x")
    assert report.returncode == 64 and "Unset PYTHONPATH" in report.stderr and "Traceback" not in report.stderr


def test_a_compilers_command_with_options_is_its_program() -> None:
    assert named_compiler("cc -shared") == __import__("shutil").which("cc")
    assert named_compiler("/opt/cray/bin/cc -craype-verbose") == "/opt/cray/bin/cc"
    assert named_compiler("") is None


def test_ranks_draw_into_files_and_openmp_binds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    plain: Any = {"environment": {}}
    close: Any = {"environment": {"OMP_PROC_BIND": "close"}}
    assert rank_environment(plain, 2)["MPLBACKEND"] == "Agg"
    assert rank_environment(plain, 2)["OMP_PROC_BIND"] == "false"
    assert rank_environment(plain, 2)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID", "they are dealt out in that order"
    assert rank_environment(close, 2)["OMP_PROC_BIND"] == "close"


def test_a_loopback_address_is_never_told_to_other_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian gives a host's own name 127.0.1.1, and an image that was copied may give it to a peer's."""
    routes = {"n2": "127.0.0.1", "n3": "10.1.0.7"}
    monkeypatch.setattr(rendezvous, "source_address", routes.get)
    own, *others = (rendezvous.Host(name, name) for name in ("n1", "n2", "n3"))
    assert rendezvous.own_address(own, [own, *others]) == "10.1.0.7"
    monkeypatch.setattr(rendezvous, "source_address", lambda host: "127.0.1.1")
    assert not rendezvous.own_address(own, [own, others[0]]).startswith("127.")
    assert rendezvous.own_address(own, [own, own]) == "127.0.0.1"


def test_hosts_of_one_name_meet_at_an_address_or_say_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are called "localhost", as copies of an image are, and each takes that name for itself."""
    one, other = rendezvous.Host("localhost", "boot-1/4"), rendezvous.Host("localhost", "boot-2/4")
    monkeypatch.setattr(rendezvous, "source_address", lambda host: "127.0.0.1")
    monkeypatch.setattr(rendezvous, "first_outside_address", lambda: "10.1.0.7")
    assert rendezvous.own_address(one, [one, other, other]) == "10.1.0.7"
    monkeypatch.setattr(rendezvous, "first_outside_address", lambda: None)
    with pytest.raises(rendezvous.RendezvousError, match=r"on 2 hosts that cannot be told apart \(localhost\)"):
        rendezvous.own_address(one, [one, other, other])
    assert rendezvous.own_address(one, [one, one]) == "127.0.0.1"
    assert rendezvous.own_host() == rendezvous.own_host()


def test_gloo_gets_an_interface_that_others_reach_unless_it_talks_to_this_host_alone() -> None:
    assert rendezvous.interface_towards("localhost") != "lo"
    assert rendezvous.interface_towards("127.0.0.1") == "lo"
