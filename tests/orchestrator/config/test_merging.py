"""A configuration is composed as Hydra composes it, by fewer steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from orchestrator.config.compose import PRIMARY, explain, hydra_session, register
from orchestrator.config.merging import merge_groups

COMMANDS = [
    ["benchmark=stemdl"],
    ["benchmark=operators", "dataset=stokes", "method=pinn", "+cluster.environment.NAME=value"],
    ["benchmark=stemdl", "cluster=site", "training=3"],
    ["benchmark=stemdl", "comm=mpi", "benchmark.training.epochs=2", "seed=7", "nodes=[1,2]", "scale=weak"],
    ["benchmark=none"],
    ["benchmark=stemdl", "benchmark.training.epoch=2"],
    ["benchmark=stemdl", "seed=many"],
    ["seed=1"],
]


@pytest.mark.parametrize("overrides", COMMANDS, ids=" ".join)
def test_what_hydra_composes_is_what_we_compose_of_the_same_words_or_the_same_error(
    overrides: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "site.yaml").write_text("defaults: [local]\nname: site\n")

    def outcome(merge: object) -> object:
        try:
            return OmegaConf.to_container(merge(), resolve=False)  # type: ignore[operator]
        except Exception as error:
            return explain(error)

    with hydra_session(str(tmp_path)):
        ours = outcome(lambda: merge_groups(PRIMARY, overrides))
    register()
    with initialize_config_dir(config_dir=str(tmp_path), version_base="1.3"):
        theirs = outcome(lambda: compose(config_name=PRIMARY, overrides=overrides))
    assert ours == theirs
