"""A configuration's value is refused or arrives as it stands; it is never a command. Folders are their owner's."""

from __future__ import annotations

import os
import random
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.campaign import following as campaigns
from orchestrator.cli import common
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.config.safety import refuse_unsafe
from orchestrator.config.validate import validate
from orchestrator.errors import UsageError
from orchestrator.launch.base import Run
from orchestrator.launch.job import rank_command
from orchestrator.launch.slurm.scheduler import SlurmScheduler, batch_of
from orchestrator.launch.slurm.script import batch_script
from orchestrator.plan import Site, plan
from orchestrator.records.settings import Configuration

PIECES = [" ", "'", '"', "$(touch OWNED)", "`touch OWNED`", "\n", "\ntouch OWNED\n", ";", "; touch OWNED;", "#", "\\",
          "&& touch OWNED", "|", "%j", "$HOME", "*", "a", "é", "-x", "=", "\t", "\x00", "]", "%%"]  # fmt: skip
KEYS = ["campaign", "results", "cluster.slurm.partition", "cluster.slurm.account", "cluster.slurm.constraint",
        "cluster.python", "cluster.paths.data", "cluster.slurm.exclude"]  # fmt: skip
LISTS = ["cluster.modules", "cluster.container", "cluster.launcher_options"]


def base() -> Configuration:
    (config,) = compose_configurations(Options(["benchmark=stemdl", "cluster=a100x8", "nodes=2"]))
    return config


def with_value(config: Any, key: str, value: Any) -> Any:
    first, _, rest = key.partition(".")
    return {**config, first: with_value(config[first], rest, value) if rest else value}


def script_of(config: Configuration, folder: Path) -> tuple[str, Run]:
    run = campaigns.create(plan([config], "stamp", Site(4, folder)), {})[0]
    run[1].attempts = 1
    SlurmScheduler().mark([run])
    return batch_script(batch_of([run])), run


def run_without_slurm(text: str, folder: Path) -> None:
    """The script as a shell would run it, up to where it would become the supervisor."""
    script = text.replace("exec ", "printf '%s\\n' ")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    subprocess.run(
        ["bash", "-c", f"module() {{ :; }}\n{script}"], cwd=folder, env=environment, capture_output=True, timeout=20
    )


@pytest.mark.parametrize("seed", range(4))
def test_no_value_of_a_configuration_is_ever_executed(seed: int, tmp_path: Path) -> None:
    chance, config, passed = random.Random(seed), base(), 0
    for number in range(40):
        value = "".join(chance.choices(PIECES, k=chance.randint(1, 5)))
        key = chance.choice(KEYS + LISTS)
        changed = with_value(config, key, [value] if key in LISTS else value)
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            validate(changed)
            text, run = script_of(changed, folder)
        except UsageError as error:
            assert key.split(".")[-1] in str(error), f"{key}={value!r}: the message names the key: {error}"
            continue
        passed += 1
        run_without_slurm(text, folder)
        assert not list(folder.rglob("OWNED")), f"{key}={value!r}"
        if key in ("cluster.container", "cluster.launcher_options"):
            words = rank_command(run[1], run[0].path, 1).words
            assert value in words, "it arrives as it stands, as one word"
            assert shlex.split(shlex.join(words)) == words
    assert passed > 3


def test_a_benchmark_by_a_name_that_is_a_command_does_not_exist() -> None:
    for name in ("$(touch x)", "a;b", "../../etc"):
        with pytest.raises(UsageError):
            compose_configurations(Options([f"benchmark={name}"]))


def test_a_secret_among_the_variables_is_refused_before_it_is_written() -> None:
    config = with_value(base(), "cluster.environment", {"WANDB_API_KEY": "abc"})
    with pytest.raises(UsageError, match="WANDB_API_KEY looks like a secret"):
        refuse_unsafe(config)


def test_a_database_password_is_not_written_and_resume_asks_for_it(tmp_path: Path) -> None:
    config = with_value(base(), "store.url", "postgresql://someone:pa55word@db/results")
    directory, _ = campaigns.create(plan([config], "stamp", Site(4, tmp_path)), {})[0]
    assert "pa55word" not in directory.manifest.read_text()
    with pytest.raises(UsageError, match="password"):
        common.campaign_store_url(None, directory.read_manifest().config, tmp_path)


def test_run_folders_are_their_owners_alone_and_hold_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET_TOKEN", "s3cr3t-value")
    monkeypatch.setenv("UNRELATED", "unrelated-value")
    old = os.umask(0)
    try:
        text, (directory, _) = script_of(with_value(base(), "results", "r"), tmp_path)
    finally:
        os.umask(old)
    (directory.path / "script").write_text(text)
    for path in [directory.path.parent, *directory.path.parent.rglob("*")]:
        if path.is_dir():
            assert path.stat().st_mode & 0o077 == 0
        else:
            content = path.read_text()
            assert "s3cr3t-value" not in content
            assert "unrelated-value" not in content
