"""What the login side finds by itself (the machine that it is on) and what it leaves behind (its log, its command)."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import socket
from pathlib import Path

import pytest
from stored import stored_run

from orchestrator.__main__ import main
from orchestrator.campaign.log import FILE, Changes, logged
from orchestrator.campaign.state import RunStatus
from orchestrator.cli.common import Options, parse_campaigns, with_own_cluster
from orchestrator.cli.parsers import parse
from orchestrator.cli.run import compose_configurations, on_login_node, repeating_command
from orchestrator.errors import UsageError
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.report.document import report_document
from orchestrator.report.html.provenance import campaign_provenance, run_provenance

HOST = socket.gethostname()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's folder whose machine has this host for a login node."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "site" / "cluster"
    folder.mkdir(parents=True)
    (folder / "alpine.yaml").write_text(
        f"name: alpine\nhosts: [other, '{HOST[:-1]}?']\nscheduler: local\nlauncher: mpirun\n"
    )
    (folder / "far.yaml").write_text("name: far\nhosts: [login*.far.org]\n")
    return folder.parent


def test_on_a_login_node_the_profile_that_holds_there_is_taken_and_said(site: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(["plan", "benchmark=stemdl", "--config-dir", str(site), "--json"]) == 0
    (run,) = json.loads(out.getvalue())["runs"]
    assert run["cluster"] == "alpine" and f"cluster=alpine, whose profile holds on {HOST}" in err.getvalue()


def test_a_sites_folder_is_the_one_named_else_that_of_the_shell_else_that_in_ones_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("ORCHESTRATOR_CONFIG_DIR", raising=False)
    assert parse("plan", []).config_dir is None
    (tmp_path / "sciml-orchestrator").mkdir()
    assert parse("plan", []).config_dir == str(tmp_path / "sciml-orchestrator")
    monkeypatch.setenv("ORCHESTRATOR_CONFIG_DIR", "/shared/config")
    assert parse("plan", []).config_dir == "/shared/config"
    assert parse("plan", ["--config-dir", "site"]).config_dir == "site"


def test_one_variable_says_where_results_and_data_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["benchmark=stemdl", "cluster=local"]
    assert parse_campaigns([], "status").results == tmp_path / "results"
    monkeypatch.setenv("ORCHESTRATOR_HOME", "/shared/bench")
    assert parse_campaigns([], "status").results == Path("/shared/bench/results")
    assert compose_configurations(Options(words))[0]["results"] == "/shared/bench/results"
    assert compose_configurations(Options(words))[0]["cluster"]["paths"]["data"] == "/shared/bench/data"
    (config,) = compose_configurations(Options([*words, "cluster.paths.data=/local/data"]))
    assert config["cluster"]["paths"]["data"] == "/local/data"


def test_training_on_a_login_node_is_not_begun_unsaid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert not on_login_node(["benchmark=stemdl"]), "no Slurm here"
    (tmp_path / "sbatch").touch(mode=0o755)
    assert on_login_node(["benchmark=stemdl"])
    assert not on_login_node(["benchmark=stemdl", "cluster=local"]), "it was asked for"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert not on_login_node(["benchmark=stemdl"]), "a job may start ranks on its node"


def test_a_cluster_that_is_named_wins_and_two_that_hold_are_refused(site: Path) -> None:
    assert with_own_cluster(["cluster=local"], str(site)) == ["cluster=local"]
    assert with_own_cluster(["nodes=2"], None) == ["nodes=2"], "no shipped profile holds anywhere"
    (site / "cluster" / "twin.yaml").write_text("name: twin\nhosts: ['*']\n")
    with pytest.raises(UsageError, match="alpine, twin"):
        with_own_cluster([], str(site))
    (site / "cluster" / "twin.yaml").write_text("name: twin\nhosts: login1\n")
    with pytest.raises(UsageError, match="hosts must be a list"):
        with_own_cluster([], str(site))


def test_the_command_that_repeats_a_campaign_has_its_words_but_neither_its_name_nor_a_secret() -> None:
    options = Options(["benchmark=stemdl", "campaign=c", "seed=1,2", "store.url=postgresql://u:pw@h/d"], multirun=True)
    assert repeating_command(options) == (
        "python -m orchestrator benchmark=stemdl seed=1,2 store.url=postgresql://u:***@h/d -m"
    )


def test_the_pages_show_the_command(tmp_path: Path) -> None:
    record = stored_run(tmp_path)
    document = report_document("weekly", [record])
    manifest = {"provenance": {"command": "python -m orchestrator benchmark=stemdl"}}
    shown = ("repeated by", "python -m orchestrator benchmark=stemdl")
    assert shown in run_provenance(document["runs"][0], manifest)  # type: ignore[arg-type]
    assert shown in campaign_provenance(document, {"r": manifest, "s": manifest})  # type: ignore[dict-item]


def test_what_the_scheduler_is_asked_and_how_runs_go_is_kept_beside_the_runs(tmp_path: Path) -> None:
    changes = Changes()
    with logged(tmp_path):
        query_slurm(["sh", "-c", "echo no such partition >&2; exit 3"])
        changes.note([RunStatus("r0", "planned"), RunStatus("r1", "pending", attempts=1, reason="Priority")])
        changes.note([RunStatus("r0", "planned"), RunStatus("r1", "pending", attempts=1, reason="Priority")])
        changes.note([RunStatus("r1", "failed", attempts=1, cause="http://u:pw@h is away")])
    query_slurm(["true"])
    begun, asked, waiting, failed = (tmp_path / FILE).read_text().splitlines()
    assert "code 3" in asked and "no such partition" in asked
    assert waiting.endswith("r1: pending, attempt 1 (Priority)")
    assert failed.endswith("r1: failed, attempt 1 (http://u:***@h is away)") and begun


def test_without_horovod_another_communicator_takes_its_place_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: name != "horovod" and found(name, *rest))

    def chosen(*words: str) -> str:
        (config,) = compose_configurations(Options(["benchmark=stemdl", *words]))
        return config["comm"]

    assert chosen() == "mpi" and "comm=mpi, since horovod is not installed" in capsys.readouterr().err
    assert chosen("comm=horovod") == "horovod", "who asks for it is told what is missing"
    assert chosen("cluster.python=/opt/ranks/bin/python") == "horovod", "the ranks' Python is another"
    assert capsys.readouterr().err == ""


def test_a_folder_of_another_user_is_worked_on_without_a_log(tmp_path: Path) -> None:
    with logged(tmp_path / "nowhere"):
        query_slurm(["true"])
    assert not (tmp_path / "nowhere").exists()
