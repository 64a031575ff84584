"""The command line: what is refused, what it says, and what it does not import."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Command, environment


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["benchmark=stemld"], "Did you mean stemdl?"),
        (["benchmark=stemdl", "cluster=locl"], "Did you mean local?"),
        (["benchmark=stemdl", "recipe=smal"], "Did you mean small?"),
        (["benchmark=stemdl", "scale=weka"], "Did you mean weak?"),
        (["benchmark=stemdl", "comm=horovd"], "Did you mean horovod?"),
        (["benchmark=stemdl", "nods=2"], "Did you mean nodes?"),
        (["benchmark=stemdl", "benchmark.training.epoch=2"], "Did you mean benchmark.training.epochs?"),
        (["benchmark=stemdl", "+benchmark.training.epoch=2"], "Did you mean benchmark.training.epochs?"),
        (["benchmark=stemdl", "+anything=2"], "no configuration key 'anything'"),
        (["benchmark=stemdl", "benchmark.training.epochs=many"], "'many'"),
        (["benchmark=stemdl", "benchmark.training.epochs=0"], "must be at least 1"),
        (["benchmark=stemdl", "nodes=0"], "positive whole numbers"),
        (["benchmark=stemdl", "nodes=two"], "positive whole numbers"),
        (["benchmark=stemdl", "nodes=[1,1]"], "given twice"),
        (["benchmark=stemdl", "nodes=[]"], "at least one"),
        (["benchmark=stemdl", "campaign=../elsewhere"], "letters, digits"),
        (["benchmark=stemdl", "seed=1,2"], "needs -m"),
        (["benchmark=stemdl", "benchmark.training.global_batch_size=1", "nodes=2"], "less than the 2 ranks"),
        (["benchmark=stemdl", "benchmark.training.kernels=owm"], "Did you mean own?"),
        (
            ["benchmark=stemdl", "benchmark.training.kernels=own", "benchmark.training.channels_last=false"],
            "kernels=own needs benchmark.training.channels_last=true, not false",
        ),
        (
            ["benchmark=em_denoise", "benchmark.training.kernels=own"],
            "kernels=own needs benchmark.training.channels_last=true, not auto",
        ),
        (["benchmark=stemdl", "--jsn"], "no option --jsn"),
        (["repot"], "Did you mean report?"),
        (["seed=2"], "benchmark=NAME"),
        (["benchmark=stemdl", "--config-dir", "/nowhere"], "no such folder"),
        (["report"], "no store"),
        (["status"], "no campaign"),
    ],
)
@pytest.mark.quick(6)
def test_what_is_wrong_is_refused_with_the_nearest_right_thing(
    orchestrator: Command, tmp_path: Path, words: list[str], expected: str
) -> None:
    answer = orchestrator(*words)
    assert answer.code == 64
    assert expected in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert not (tmp_path / "results").exists()


def test_plan_prints_every_run_and_its_command_line_and_submits_nothing(orchestrator: Command, tmp_path: Path) -> None:
    answer = orchestrator("plan", "benchmark=stemdl", "nodes=[1,2]", "repeats=2", "comm=mpi")
    assert answer.code == 0
    for name in ("n1-r0", "n1-r1", "n2-r0", "n2-r1"):
        assert f"stemdl-small-mpi-{name}: " in answer.out
    assert answer.out.count("-m workloads.entry") == 4
    assert "export OMP_NUM_THREADS=" in answer.out
    assert list(tmp_path.iterdir()) == []


def test_plan_as_json_holds_specifications_and_scripts(orchestrator: Command) -> None:
    document = orchestrator("plan", "benchmark=stemdl", "nodes=2", "--json").document
    (run,) = document["runs"]
    assert document["schema"] == "orchestrator.plan/1"
    assert (run["nodes"], run["ranks"], run["comm"]) == (2, 2, "horovod")
    assert "mpirun" in run["script"]


def test_an_override_wins_over_the_recipe_and_the_recipe_over_the_benchmark(orchestrator: Command) -> None:
    def training(*words: str) -> dict[str, Any]:
        (run,) = orchestrator("plan", "benchmark=stemdl", "--json", *words).document["runs"]
        settings: dict[str, Any] = run["settings"]["training"]
        return settings

    assert training("recipe=reference")["precision"] == "float32"
    assert training("recipe=small")["precision"] == "auto"
    assert training("recipe=small", "benchmark.training.precision=float32")["precision"] == "float32"


def test_a_sweep_with_m_is_one_campaign(orchestrator: Command) -> None:
    sweep = ("plan", "benchmark=stemdl", "comm=mpi,torch", "-m", "--json")
    document = orchestrator(*sweep, "scale.shuffle=false").document
    assert [run["comm"] for run in document["runs"]] == ["mpi", "torch"]
    # Else the order is drawn from the seed, so that drift does not pass for a difference between the choices.
    assert sorted(run["comm"] for run in orchestrator(*sweep).document["runs"]) == ["mpi", "torch"]
    assert len({run["campaign"] for run in document["runs"]}) == 1


def test_a_site_adds_a_cluster_by_config_dir(orchestrator: Command, tmp_path: Path) -> None:
    (tmp_path / "site" / "cluster").mkdir(parents=True)
    (tmp_path / "site" / "cluster" / "bench9.yaml").write_text(
        "name: bench9\nscheduler: local\nlauncher: mpirun\nranks_per_node: 3\n"
    )
    document = orchestrator(
        "plan", "benchmark=stemdl", "cluster=bench9", "--config-dir", str(tmp_path / "site"), "--json"
    ).document
    assert document["runs"][0]["ranks"] == 3


def test_hydras_own_flags_work(orchestrator: Command) -> None:
    shown = orchestrator("benchmark=stemdl", "nodes=7", "--cfg", "job")
    assert shown.code == 0
    assert "nodes: 7" in shown.out
    assert orchestrator("benchmark=stemdl", "--info", "searchpath").code == 0


def test_without_words_the_usage_is_printed(orchestrator: Command) -> None:
    answer = orchestrator()
    assert answer.code == 64
    assert "doctor" in answer.out


def test_planning_imports_no_compute_library() -> None:
    code = (
        "import sys; from orchestrator.__main__ import main; main(['plan', 'benchmark=stemdl']); "
        "import json; print(json.dumps([name for name in ('torch', 'mpi4py', 'horovod', 'h5py', 'sqlalchemy') "
        "if name in sys.modules]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert json.loads(answer.stdout.splitlines()[-1]) == []


def test_doctor_reports_what_is_there(orchestrator: Command) -> None:
    answer = orchestrator("doctor", "--json")
    subjects = {item["subject"]: item for item in answer.document["findings"]}
    assert {"MPI", "horovod", "torch", "accelerators", "cores", "results folder", "store"} <= set(subjects)
    assert subjects["MPI"]["state"] == "ok"


def test_doctor_names_a_results_folder_that_cannot_be_written(orchestrator: Command) -> None:
    answer = orchestrator("doctor", "results=/proc/nowhere", "--json")
    (finding,) = [item for item in answer.document["findings"] if item["subject"] == "results folder"]
    assert answer.code == 1
    assert finding["state"] == "error"
    assert "results=" in finding["remedy"]
