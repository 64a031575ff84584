"""Options that are passed through do not replace those by which the program steers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.campaign import following as campaigns
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.config.owned import LAUNCHER, SBATCH, SCHEDULE, SHARED, YIELDED
from orchestrator.errors import UsageError
from orchestrator.installation.mpi import Mpi
from orchestrator.launch.launchers import LAUNCHERS, Ranks
from orchestrator.launch.slurm.scheduler import SlurmScheduler, batch_of
from orchestrator.launch.slurm.script import batch_script
from orchestrator.plan import Site, plan
from orchestrator.records.settings import Configuration
from orchestrator.schedule.templates import TEMPLATES


def composed(*words: str) -> Configuration:
    (config,) = compose_configurations(Options(["benchmark=stemdl", "cluster=a100x8", *words]))
    return config


def script_of(config: Configuration, folder: Path) -> str:
    run = campaigns.create(plan([config], "stamp", Site(4, folder)), {})[0]
    run[1].attempts = 1
    SlurmScheduler().mark([run])
    return batch_script(batch_of([run]))


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("+cluster.slurm.additional.job-name=x", "campaign"),
        ("+cluster.slurm.additional.signal=x", "cluster.limits.warning_s"),
        ("+cluster.slurm.additional.sig=x", "cluster.limits.warning_s"),
        ("+cluster.slurm.additional.account=x", "cluster.slurm.account"),
        ("+cluster.slurm.additional.acc=x", "cluster.slurm.account"),
        ("+cluster.slurm.additional.nodes=9", "nodes"),
        ("+cluster.slurm.additional.test-only=true", "leave it out"),
        ("cluster.launcher_options=['--mpi=none']", "cluster.pmi"),
        ("cluster.launcher_options=['--mp=none']", "cluster.pmi"),
        ("cluster.launcher_options=['-n4']", "cluster.ranks_per_node"),
        ("cluster.launcher_options=['--export=NONE']", "cluster.environment"),
    ],
)
@pytest.mark.quick(4)
def test_an_option_of_the_programs_own_is_refused_with_the_key_to_use(word: str, key: str) -> None:
    with pytest.raises(UsageError, match=r"is set by the program.*" + re.escape(key)):
        composed(word)


def test_what_a_key_says_already_is_not_said_twice() -> None:
    with pytest.raises(UsageError, match=r"cluster\.slurm\.memory_gb says the same"):
        composed("+cluster.slurm.additional.mem=0", "cluster.slurm.memory_gb=4")


def test_a_persons_own_comment_and_other_options_reach_sbatch(tmp_path: Path) -> None:
    words = ("+cluster.slurm.additional.comment=projectX", "+cluster.slurm.additional.gpus=4",
             "+cluster.slurm.additional.licenses=a", "cluster.slurm.gpus_per_node=null")  # fmt: skip
    text = script_of(composed(*words, "campaign=c"), tmp_path)
    assert re.search(r"#SBATCH --comment='orchestrator:c/stemdl-reference-horovod-n1-r0#1~\w{8} projectX'", text)
    assert "#SBATCH --gpus=4" in text and "#SBATCH --licenses=a" in text


def test_all_that_batch_scripts_set_is_owned(tmp_path: Path) -> None:
    words = [f"cluster.slurm.{key}=x" for key in ("partition", "account", "qos", "reservation", "constraint", "wckey",
                                                   "gres", "exclude")]  # fmt: skip
    text = script_of(composed(*words, "cluster.slurm.memory_gb=1", "cluster.slurm.exclusive=true"), tmp_path)
    options = set(re.findall(r"^#SBATCH --([a-z-]+)", text, re.MULTILINE))
    assert options - {*SBATCH, *SHARED, *YIELDED, "comment"} == set() and len(options) > 15
    template = (TEMPLATES / "resubmit.sh").read_text()
    assert set(re.findall(r"^#SBATCH --([a-z-]+)", template, re.MULTILINE)) <= set(SCHEDULE)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_all_that_a_launcher_is_started_with_is_owned(name: str) -> None:
    cluster = composed("cluster.scheduler=slurm")["cluster"]
    mpi = Mpi("site", None, Path("/usr/bin/mpirun"), "mpirun (Open MPI) 5.0.0")
    words = LAUNCHERS[name].command(Ranks(2, 2, 2, 8), {**cluster, "environment": {}}, mpi, ["python"])
    options = {word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")}
    assert options and options <= {*LAUNCHER[name], *YIELDED}


def test_every_key_to_use_instead_is_one() -> None:
    config = composed()
    for table in (SBATCH, *LAUNCHER.values()):
        for key in {key for key in table.values() if key}:
            node: object = config
            for part in key.split("."):
                assert isinstance(node, dict) and part in node, key
                node = node[part]
