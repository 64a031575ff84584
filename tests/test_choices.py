"""The names that there are stand in one table, and whatever they are names of has exactly these."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import nn

from orchestrator.config.schema_benchmark import OptimizerConfig
from orchestrator.launch.launchers import LAUNCHERS
from orchestrator.launch.schedulers import SCHEDULERS, scheduler
from orchestrator.records import choices
from workloads.runtime import communicators
from workloads.runtime.errors import is_communication_failure
from workloads.runtime.procedures.optimization import (
    OPTIMIZERS,
    SCHEDULES,
    LearningRate,
    batch_scaling,
    build_optimizer,
)
from workloads.runtime.procedures.procedure import PROCEDURES

OPTIMIZER: Any = asdict(OptimizerConfig(learning_rate=0.1))


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (communicators.COMMUNICATORS, choices.COMMUNICATORS),
        (LAUNCHERS, choices.LAUNCHERS),
        (SCHEDULERS, choices.SCHEDULERS),
        (PROCEDURES, choices.TASK_MODES),
        (OPTIMIZERS, choices.OPTIMIZERS),
        (SCHEDULES, choices.SCHEDULES),
    ],
    ids=["communicators", "launchers", "schedulers", "procedures", "optimizers", "schedules"],
)
def test_a_table_has_exactly_the_names_that_there_are(table: dict[str, Any], names: dict[str, Any]) -> None:
    assert set(table) == set(names)


def test_each_entry_carries_its_own_name() -> None:
    assert [launcher.name for launcher in LAUNCHERS.values()] == list(LAUNCHERS)
    assert [scheduler(name).name for name in SCHEDULERS] == list(SCHEDULERS)


@pytest.mark.parametrize("name", choices.OPTIMIZERS)
def test_every_optimiser_there_is_can_be_built(name: str) -> None:
    assert build_optimizer(nn.Linear(1, 1), OPTIMIZER | {"name": name}).param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize("name", choices.SCHEDULES)
def test_every_schedule_there_is_stays_between_nothing_and_its_peak(name: str) -> None:
    rate = LearningRate(1.0, 2, 10, name)
    assert all(0 < rate.at(step) <= 1 for step in range(10))


@pytest.mark.parametrize("rule", choices.LEARNING_RATE_RULES)
def test_every_rule_there_is_leaves_the_rate_at_its_own_batch(rule: str) -> None:
    assert batch_scaling(rule, 32, 32) == 1


def test_what_is_missing_is_told_with_the_communicators_that_do_without_it() -> None:
    assert choices.remedy_for("horovod").startswith(
        "run `python -m orchestrator setup` to build it, or add comm=mpi or comm=torch"
    )
    assert choices.remedy_for("mpi4py").startswith(
        "run `python -m orchestrator setup` to install it, or add comm=torch"
    )
    assert "comm=" not in choices.remedy_for("torch")


def named(name: str, module: str) -> Callable[[str], Exception]:
    """A class of exceptions as a library would have it."""
    return type(name, (RuntimeError,), {"__module__": module})


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (named("HorovodInternalError", "horovod.common.exceptions")("a peer is gone"), True),
        (named("Exception", "mpi4py.MPI")("MPI_ERR_OTHER"), True),
        (torch.distributed.DistBackendError("NCCL"), True),
        (RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:525]\nConnection closed by peer"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("Broken pipe"), False),
        (MemoryError(), False),
    ],
    ids=str,
)
def test_a_rank_knows_whether_it_dies_of_another_ranks_end(error: Exception, is_one: bool) -> None:
    assert is_communication_failure(error) is is_one
