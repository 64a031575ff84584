"""Numbers and names that nothing can mean are refused in one line that names the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from fuzzing_suites import SUITE_LEAVES

from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.config.keys import schema_keys
from orchestrator.config.ranges import ALIKE, RANGES
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.config.words import alternatives
from orchestrator.errors import UsageError

MISSPELT: set[str] = set()


def holds_numbers(hint: Any) -> bool:
    items = [kind for one in alternatives(hint) for kind in (get_args(one) if get_origin(one) else (one,))]
    return int in items or float in items


def test_every_number_of_the_schema_has_a_range_and_every_range_a_key() -> None:
    leaves = {key.replace("workloads.NAME", "workload").replace(".0.", "."): hint for key, hint in SUITE_LEAVES.items()}
    of_suites = {key for key, hint in leaves.items() if key.startswith("suite.") and "NAME" not in key}
    hints = schema_keys(ScheduleVerbConfig) | {key: leaves[key] for key in of_suites}
    keys = {key for key, hint in hints.items() if holds_numbers(hint)}
    of_items = {"benchmark.published.value"}
    assert keys - set(RANGES) == MISSPELT
    assert set(RANGES) - keys == of_items
    assert all(any(key.startswith(target) for key in hints) for target in ALIKE.values())


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("cluster.slurm.memory_gb=nan", "cluster.slurm.memory_gb"),
        ("cluster.slurm.memory_gb=1e308", "cluster.slurm.memory_gb"),
        ("cluster.limits.silence_s=nan", "cluster.limits.silence_s"),
        ("benchmark.training.optimizer.learning_rate=nan", "benchmark.training.optimizer.learning_rate"),
        ("benchmark.training.optimizer.betas=[0.9,-inf]", "benchmark.training.optimizer.betas"),
        ("benchmark.quality.target=inf", "benchmark.quality.target"),
        ("watch.interval_s=-1", "watch.interval_s"),
        ("nodes=100000000000", "nodes"),
        ("nodes=[1,100000000000]", "nodes"),
        ("repeats=1000000", "repeats"),
        ("benchmark.modes=[]", "benchmark.modes"),
        ("seed=99999999999999999999", "seed"),
        ("cluster.limits.time_min=-5", "cluster.limits.time_min"),
        ("cluster.threads_per_rank=1e9", "cluster.threads_per_rank"),
        (f"campaign={'n' * 300}", "campaign"),
        (f"results={'r' * 300}", "results"),
        (f"cluster.paths.data={'a/' * 3000}", "cluster.paths.data"),
    ],
)
@pytest.mark.quick(5)
def test_what_nothing_can_mean_names_its_key(word: str, key: str) -> None:
    with pytest.raises(UsageError) as error:
        compose_configurations(Options(["benchmark=stemdl", word]))
    assert error.value.key is not None and error.value.key.startswith(key), str(error.value)
    assert "\n" not in str(error.value)


def test_a_sweep_without_end_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="more choices than a campaign can have runs"):
        compose_configurations(Options(["benchmark=stemdl", "seed=range(1,100000000)"], multirun=True))


def test_an_optimisers_numbers_have_the_same_ranges_for_every_player(tmp_path: Path) -> None:
    player = "+benchmark.training.optimizers={critic: {name: adam, learning_rate: nan}}"
    with pytest.raises(UsageError, match=r"optimizers\.critic\.learning_rate=nan"):
        compose_configurations(Options(["benchmark=stemdl", player]))
