"""A configuration is composed as Hydra composes it, by fewer steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from orchestrator.config.compose import PRIMARY, explain, hydra_session, register
from orchestrator.config.merging import merge_groups

COMMANDS = [
    ["benchmark=stemdl"],
    ["benchmark=operators", "dataset=stokes", "method=pinn", "+cluster.environment.NAME=value"],
    ["benchmark=stemdl", "cluster=site", "training=3"],
    ["benchmark=stemdl", "comm=mpi", "benchmark.training.epochs=2", "seed=7", "nodes=[1,2]", "scale=weak"],
    ["benchmark=none"],
    ["benchmark=???"],
    ["benchmark=stemdl", "benchmark.training.epoch=2"],
    ["benchmark=stemdl", "seed=many"],
    ["seed=1"],
]


def outcome_of(merge: Callable[[], DictConfig]) -> object:
    """The configuration, or the error in words."""
    try:
        return OmegaConf.to_container(merge(), resolve=False)
    except Exception as error:
        return explain(error)


@pytest.mark.parametrize("overrides", COMMANDS, ids=" ".join)
def test_what_hydra_composes_is_what_we_compose_of_the_same_words_or_the_same_error(
    overrides: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "site.yaml").write_text("defaults: [local]\nname: site\n")

    with hydra_session(str(tmp_path)):
        ours = outcome_of(lambda: merge_groups(PRIMARY, overrides))
    register()
    with initialize_config_dir(config_dir=str(tmp_path), version_base="1.3"):
        theirs = outcome_of(lambda: compose(config_name=PRIMARY, overrides=overrides))
    assert ours == theirs


SWEPT = [
    [f"benchmark={benchmark}", f"dataset={dataset}", f"method={method}", *more]
    for benchmark, dataset, method, *more in (
        ("operators", "stokes", "pinn"),
        ("operators", "stokes", "zcs"),
        ("operators", "stokes", "nothing"),
        ("operators", "burgers", "zcs", "seed=3"),
        ("operators", "burgers", "zcs", "benchmark.training.epochs=2", "seed=4"),
        ("operators", "burgers", "zcs", "cluster=site"),
        ("operators", "burgers", "zcs", "cluster=choosing"),
        ("operators", "kdv", "pinn", "cluster=choosing", "+cluster.environment.NAME=value"),
        ("rotations", "digits", "cnn", "benchmark.training.epoch=2"),
        ("rotations", "digits", "cnn", "recipe=reference"),
        ("operators", "stokes", "pinn"),
    )
]


def test_what_is_shared_within_a_sweep_gives_each_choice_what_hydra_composes_of_it_alone(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "site.yaml").write_text("defaults: [local]\nname: site\n")
    (tmp_path / "cluster" / "choosing.yaml").write_text(
        "# @package _global_\ndefaults: [/cluster/local@cluster, {override /scale: weak}]\nwatch: {interval_s: 2}\n"
    )
    with hydra_session(str(tmp_path)):
        ours = [outcome_of(partial(merge_groups, PRIMARY, words)) for words in (*SWEPT, *SWEPT)]
    register()
    with initialize_config_dir(config_dir=str(tmp_path), version_base="1.3"):
        theirs = [outcome_of(partial(compose, PRIMARY, words)) for words in SWEPT]
    assert ours == [*theirs, *theirs]
    assert sum(isinstance(one, str) for one in theirs) < len(theirs) / 2 < len({str(one) for one in theirs})


def test_of_what_is_read_once_for_a_sweep_no_choice_changes_what_the_next_one_sees(tmp_path: Path) -> None:
    (tmp_path / "scale").mkdir()
    # Laid at the top, where Hydra changes what it has read.
    (tmp_path / "scale" / "own.yaml").write_text("# @package _global_\nscale: {mode: weak}\nwatch: {interval_s: 2}\n")
    with hydra_session(str(tmp_path)):
        choices = [["benchmark=stemdl", "scale=own", f"watch.interval_s={number}"] for number in (1, 3)]
        first, second = (merge_groups(PRIMARY, choice) for choice in choices)
        last = merge_groups(PRIMARY, ["benchmark=stemdl", "scale=own"])
    assert [one.watch.interval_s for one in (first, second, last)] == [1, 3, 2]
    assert OmegaConf.to_container(first.benchmark) == OmegaConf.to_container(second.benchmark)
