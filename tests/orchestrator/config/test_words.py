"""A text of a configuration stays as it was written, wherever it is written, and what cannot be read says how to write
it.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from orchestrator.acceptance import references
from orchestrator.acceptance.suite import compose_suite
from orchestrator.config.compose import compose_all
from orchestrator.config.families import FILE_HINTS, ROOT
from orchestrator.config.schema_machine import ClusterConfig
from orchestrator.config.words import Word, settle_value
from orchestrator.config.yaml_words import read_tree
from orchestrator.errors import UsageError
from orchestrator.schedule.making import compose_configuration

RETYPED = ["2026_11_28", "1e3", "1_000", "1e5", "010", "0x10", "0b1", "1:30", "true", "Yes", "off", "nan", "inf", ".5",
           "+7", "1.", "-0"]  # fmt: skip
"""Words that YAML or Hydra's grammar would take for numbers and truth values."""


def composed(*words: str, site: Path | None = None, multirun: bool = False) -> Any:
    return compose_all(["benchmark=stemdl", *words], multirun, str(site) if site else None)[0]


@pytest.mark.parametrize("word", RETYPED)
@pytest.mark.quick(5)
def test_a_text_on_the_command_line_stays_as_it_was_written(word: str) -> None:
    config = composed(
        f"cluster.slurm.account={word}", f"campaign={word}", f"cluster.modules=[{word},cuda/12]",
        f"+cluster.environment.DAY={word}", f"+cluster.slurm.additional.begin={word}",
        f"benchmark.dataset.preset={word}",
    )  # fmt: skip
    assert config["cluster"]["slurm"]["account"] == config["campaign"] == word
    assert config["cluster"]["modules"] == [word, "cuda/12"]
    assert config["cluster"]["environment"]["DAY"] == config["cluster"]["slurm"]["additional"]["begin"] == word
    assert config["benchmark"]["dataset"]["preset"] == word, "an option of the benchmark's own"


def test_so_it_does_in_a_mapping_and_in_a_sweep() -> None:
    assert composed("+cluster.environment={DAY: 1_0, A B: x}")["cluster"]["environment"]["DAY"] == "1_0"
    swept = compose_all(["benchmark=stemdl", "cluster.slurm.account=1_000,1e5,'2_0'"], multirun=True)
    assert [config["cluster"]["slurm"]["account"] for config in swept] == ["1_000", "1e5", "2_0"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (r"benchmark.better=\${0}", "benchmark.better is '${0}', not an object"),
        (r"cluster.modules=\${0}", "cluster.modules is '${0}', not a list"),
    ],
)
def test_a_text_that_an_interpolation_leaves_where_another_type_belongs_is_refused(word: str, expected: str) -> None:
    with pytest.raises(UsageError, match=re.escape(expected)):
        composed(word)


def test_what_is_no_text_is_read_as_ever() -> None:
    config = composed(
        "seed=1_0", "cluster.slurm.gpus_per_node=4", "cluster.slurm.account=null", "cluster.bind_ranks=no"
    )
    assert (config["seed"], config["cluster"]["slurm"]["gpus_per_node"], config["cluster"]["slurm"]["account"]) == (
        10, 4, None,
    )  # fmt: skip
    assert config["cluster"]["bind_ranks"] is False
    assert composed("benchmark.training.channels_last=true")["benchmark"]["training"]["channels_last"] is True
    assert composed("benchmark.training.channels_last=auto")["benchmark"]["training"]["channels_last"] == "auto"


@pytest.mark.parametrize("word", RETYPED)
@pytest.mark.quick(4)
def test_so_does_a_text_in_every_file_of_a_sites_folder(word: str, tmp_path: Path) -> None:
    files = {
        "cluster/own.yaml": f"name: own\nscheduler: local\nslurm: {{account: {word}, additional: {{begin: {word}}}}}\n"
        f"modules: [{word}]\nenvironment:\n  DAY: {word}\n",
        f"recipes/stemdl/{word}.yaml": f"training: {{schedule: constant}}\nsummary: {word}\n",
        "acceptance/own.yaml": f"summary: {word}\nworkloads: {{w: {{benchmark: stemdl, recipe: {word}, "
        f"overrides: [cluster.slurm.account={word}]}}}}\n",
        "schedule/site.yaml": f"words: {word}\nenvironment: {{DAY: {word}}}\nslurm: {{account: {word}}}\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    cluster = composed("cluster=own", f"recipe={word}", site=tmp_path)
    assert cluster["recipe"] == cluster["benchmark"]["summary"] == word, "by a file of that name"
    own = cluster["cluster"]
    assert own["slurm"]["account"] == own["slurm"]["additional"]["begin"] == own["environment"]["DAY"] == word
    assert own["modules"] == [word]
    suite = compose_suite(["suite=own", f"name={word}"], str(tmp_path))
    assert suite["suite"]["summary"] == suite["suite"]["workloads"]["w"]["recipe"] == suite["name"] == word
    schedule = compose_configuration(["cluster=own"], str(tmp_path))["schedule"]
    assert schedule["words"] == schedule["environment"]["DAY"] == schedule["slurm"]["account"] == word


def test_a_references_words_stay_or_are_refused_with_quote_it(tmp_path: Path) -> None:
    entry = asdict(references.Entry("stemdl", "small", "training", "mpi", 2, "throughput", 1.5, "samples/s", "b", -0.1))
    lines = "".join(f"    {key}: {'null' if value is None else value}\n" for key, value in entry.items())
    path = tmp_path / "references.yaml"
    path.write_text("cluster: 2026_1\nreferences:\n  r:\n" + lines.replace("settings: null", "settings: 12e456789012"))
    cluster: Any = {"name": "2026_1", "references": {}}
    assert references.load_references(str(path), cluster)["r"].settings == "12e456789012"
    profile = {"r": {**entry, "settings": 123456789012}}
    with pytest.raises(UsageError, match=r"settings is 123456789012, not a text.*quotes"):
        references.load_references(None, cluster | {"references": profile})


def test_no_shipped_file_has_a_text_that_reads_like_a_number() -> None:
    def words(tree: Any, settled: Any) -> list[Any]:
        if isinstance(tree, dict):
            pairs = zip(tree.values(), settled.values(), strict=True)
            return [found for pair in pairs for found in words(*pair)]
        if isinstance(tree, list):
            return [found for pair in zip(tree, settled, strict=True) for found in words(*pair)]
        return [tree.text] if isinstance(tree, Word) and isinstance(settled, str) else []

    hints = {"cluster_profiles/*.yaml": ClusterConfig, "workloads/*/benchmark.yaml": FILE_HINTS}
    for pattern, hint in hints.items():
        for path in ROOT.glob(pattern):
            tree = read_tree(path)
            assert words(tree, settle_value(tree, hint)) == [], path


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("~nodes", "~nodes: only what stands in a free mapping can be taken away"),
        ("~comm", "set comm to another value instead"),
        ("~cluster", "set cluster to another value"),
        ("~benchmark.training.epochs=3", "set benchmark.training.epochs to another value"),
        ("cluster.slurm.exclude=node[01-03,7]", "write \"cluster.slurm.exclude='node[01-03,7]'\""),
        ("cluster.slurm.constraint=a100&ib", "write \"cluster.slurm.constraint='a100&ib'\""),
        ("results=~/bench", "write \"results='~/bench'\""),
        ("results='half", "results='half: not a text that can be read without quotes; write "),
        ("campaign=${", "campaign=${: not a text"),
        ("cluster.launcher_options=[--export=NONE]", "cluster.launcher_options=['…','…']"),
        ("cluster.environment.X=1", "write +cluster.environment.X=VALUE"),
        ("cluster.slurm.additional.nice=1", "write +cluster.slurm.additional.nice=VALUE"),
        ("cluster.environment={X: 1}", "write +cluster.environment=VALUE to add it"),
        ("+cluster.environment={1_0: x}", "a name that reads like a number"),
        ("+nodes=2", "write nodes=VALUE, without the +"),
        ("nodes=[1", "nodes=[1: not a value that can be read"),
        ("seed=" + "9" * 5000, "seed=99999999999999999999…: that is no value that it takes"),
        ("campaign=" + "[" * 3000, "campaign="),
        ("cluster.slurm.account=choice(1_000,x)", "put in quotes"),
        ("hydra.run.dir=x", "Hydra's own keys have no effect here"),
        ("cluster@place=local", "no configuration key 'cluster@place'"),
        ("defaults=[]", "no configuration key 'defaults'"),
        ("benchmark.better='${seed}'", "benchmark.better is 1, not an object"),
        ("=x", "''"),
    ],
)
@pytest.mark.quick(6)
def test_what_cannot_be_read_is_answered_with_the_key_and_how_to_write_it(word: str, expected: str) -> None:
    with pytest.raises(UsageError) as error:
        compose_all(["benchmark=stemdl", word], multirun="choice" in word)
    assert expected in str(error.value)


def test_what_the_message_says_to_write_is_read() -> None:
    config = composed("cluster.slurm.exclude='node[01-03,7]'", "+cluster.environment.X=1", "+cluster.modules=['a&b']")
    assert config["cluster"]["slurm"]["exclude"] == "node[01-03,7]"
    assert composed("+cluster.environment.X=1", "~cluster.environment.HOROVOD_CYCLE_TIME")["cluster"]["environment"][
        "X"
    ]


def test_a_file_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    for text, expected in (
        ("name: own\nname: again\n", "line 2: name is there twice"),
        ("name: own\n\tx: 1\n", "line 2: "),
        ("- a\n", "must hold a mapping"),
        ("limits: {time_min: *nowhere}\n", "line 1: found undefined alias 'nowhere'"),
        (f"limits: {{time_min: {'9' * 5000}}}\n", "line 1: 9999"),
    ):
        (tmp_path / "cluster" / "own.yaml").write_text(text)
        with pytest.raises(UsageError, match=r"own\.yaml") as error:
            composed("cluster=own", site=tmp_path)
        assert expected in str(error.value) and "\n" not in str(error.value)
