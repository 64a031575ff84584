"""What starts fast stays so: verbs that compose nothing load no Hydra, and none of them what ranks compute with."""

import subprocess
import sys
from pathlib import Path

import pytest
from commands import unpack

KEPT = Path(__file__).resolve().parent / "recorded" / "version-0.1.tar.gz"
HEAVY = {"hydra", "omegaconf", "antlr4", "torch", "mpi4py", "horovod", "plotly"}


def loaded_by(program: str, folder: Path) -> set[str]:
    """Packages that a fresh interpreter has loaded by the end of the program."""
    program += "\nimport sys\nprint(' '.join({name.partition('.')[0] for name in sys.modules}))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    return set(answer.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("verb", ["status", "collect", "report", "cancel", "resume"])
def test_a_verb_on_campaigns_that_exist_loads_neither_hydra_nor_what_ranks_compute_with(
    tmp_path: Path, verb: str
) -> None:
    unpack(KEPT, tmp_path)
    program = f"from orchestrator.__main__ import main\nassert main(['{verb}', 'version-0.1']) in (0, 2)"
    assert not loaded_by(program, tmp_path) & HEAVY


def test_a_report_that_was_made_before_is_printed_without_what_it_was_made_with(tmp_path: Path) -> None:
    unpack(KEPT, tmp_path)
    program = "import orchestrator\norchestrator.LOADED_NS += 10**12\nfrom orchestrator.__main__ import main\n"
    program += "assert main(['report', 'version-0.1']) == 0"
    assert {"sqlalchemy", "numpy"} <= loaded_by(program, tmp_path)
    assert not loaded_by(program, tmp_path) & (HEAVY | {"sqlalchemy", "numpy", "scipy", "yaml", "sqlite3"})


def test_looking_around_loads_neither(tmp_path: Path) -> None:
    program = "from orchestrator.__main__ import main\nassert [main([verb]) for verb in ('list', 'help')] == [0, 0]"
    assert not loaded_by(program, tmp_path) & HEAVY


def test_what_plans_launches_and_keeps_records_loads_no_hydra(tmp_path: Path) -> None:
    program = "import orchestrator.plan, orchestrator.records, orchestrator.campaign.following"
    assert not loaded_by(program, tmp_path) & HEAVY
