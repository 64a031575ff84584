"""Data sets and methods of a benchmark are files: what they may say, and what wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.campaign.preflight import check_method
from orchestrator.config import families
from orchestrator.config.compose import compose_all
from orchestrator.config.validate import pair_of_dataset_and_method
from orchestrator.errors import UsageError
from orchestrator.plan import Site, plan
from orchestrator.records.settings import BenchmarkSettings, Configuration

BENCHMARK = """
name: family
dataset_name: ???
method: ???
task: nowhere:Task
dataset_class: nowhere:Nothing
dataset: {source: stand-in, size: 1}
model: {width: 1}
training: {epochs: 1}
quality: {metric: accuracy, target: 0.5, basis: chosen}
published: [{metric: accuracy, value: 0.7, source: a paper, dataset: apples, method: plain}]
pairs: {some: [apples/clever, pears/plain]}
targets:
  small:
    apples: {clever: {target: 0.8, basis: three seeds}}
    pears: {clever: {target: 0.9, source: real, basis: "real ones, three seeds: \\"held\\" out"}}
recipes:
  small: {training: {epochs: 2, batch_size: 4}}
"""
FILES = {
    "datasets/apples.yaml": "{dataset: {size: 10}, training: {epochs: 10}}",
    "datasets/pears.yaml": "{dataset: {size: 20}, recipes: {small: {training: {batch_size: 8}}}}",
    "methods/plain.yaml": "{}",
    "methods/clever.yaml": """
task: nowhere:Clever
model: {width: 2}
published: [{metric: accuracy, value: 0.9, source: another, dataset: apples}]
recipes:
  small: {training: {epochs: 5}}
  quick: {training: {epochs: 1}}
""",
}


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one benchmark of two data sets and two methods, and the machine "local"."""
    folder = tmp_path / "workloads" / "family"
    for name, text in {"benchmark.yaml": BENCHMARK, **FILES}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "cluster_profiles").symlink_to(families.ROOT / "cluster_profiles")
    (tmp_path / "orchestrator").symlink_to(families.ROOT / "orchestrator")
    monkeypatch.setattr(families, "ROOT", tmp_path)
    return folder


def composed(*words: str, site: Path | None = None) -> BenchmarkSettings:
    return compose_all(["benchmark=family", *words], False, str(site) if site else None)[0]["benchmark"]


def test_method_wins_over_data_set_over_benchmark_and_recipes_come_last_in_the_same_order(family: Path) -> None:
    found = composed("dataset=pears", "method=clever")
    assert (found["dataset_name"], found["method"]) == ("pears", "clever")
    assert (found["task"], found["dataset"]["size"], found["model"]["width"]) == ("nowhere:Clever", 20, 2)
    assert (found["training"]["epochs"], found["training"]["batch_size"]) == (5, 8)
    plain = composed("dataset=apples", "method=plain")
    assert (plain["training"]["epochs"], plain["training"]["batch_size"]) == (2, 4)
    assert composed("dataset=pears", "method=clever", "benchmark.training.epochs=7")["training"]["epochs"] == 7


def test_published_values_of_all_files_are_told_each_of_its_data_set_and_method(family: Path) -> None:
    found = composed("dataset=pears", "method=clever")["published"]
    assert [(item["dataset"], item["method"], item["value"]) for item in found] == [
        ("apples", "plain", 0.7), ("apples", "clever", 0.9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dataset=aples", "method=plain"], "no data set 'aples'. Did you mean apples? There are: apples, pears."),
        (["dataset=apples", "method=clevr"], "no method 'clevr'. Did you mean clever? There are: clever, plain."),
        (["method=plain"], "several data sets: say which, dataset=NAME. There are: apples, pears."),
        (["dataset=apples", "method=plain", "recipe=quick"], "no recipe 'quick' for dataset=apples and method=plain"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(family: Path, words: list[str], expected: str) -> None:
    with pytest.raises(UsageError, match=expected.replace("?", r"\?")):
        composed(*words)


def test_a_method_whose_packages_are_missing_is_refused_with_what_installs_them(family: Path) -> None:
    """Unless ranks run in another installation, of which nothing is known here."""
    (family / "methods" / "clever.yaml").write_text("needs: {no_such_package: pip install it, numpy: never}")
    families.read_family_file.cache_clear()
    (config,) = compose_all(["benchmark=family", "dataset=apples", "method=clever"], False)
    with pytest.raises(UsageError, match=r"method=clever of family needs no_such_package.*: pip install it"):
        check_method(config)
    elsewhere: Configuration = {**config, "cluster": {**config["cluster"], "python": "/opt/python"}}
    check_method(elsewhere)
    (plain,) = compose_all(["benchmark=family", "dataset=apples", "method=plain"], False)
    check_method(plain)


def test_benchmark_yaml_says_what_is_meant_where_none_is_named(family: Path) -> None:
    text = BENCHMARK.replace("dataset_name: ???", "dataset_name: pears").replace("method: ???", "method: plain", 1)
    (family / "benchmark.yaml").write_text(text)
    families.read_family_file.cache_clear()
    found = composed()
    assert (found["dataset_name"], found["dataset"]["size"], found["method"]) == ("pears", 20, "plain")
    assert composed("dataset=apples")["dataset_name"] == "apples"


def test_a_data_set_and_a_method_are_added_to_a_benchmark_of_one_each_by_a_file_each(family: Path) -> None:
    text = BENCHMARK.replace("dataset_name: ???\n", "").replace("method: ???\n", "", 1)
    (family / "benchmark.yaml").write_text(text)
    families.read_family_file.cache_clear()
    found = composed()
    assert (found["dataset_name"], found["dataset"]["size"], found["method"]) == ("family", 1, "reference")
    added = composed("dataset=pears", "method=clever")
    assert (added["dataset_name"], added["dataset"]["size"], added["method"]) == ("pears", 20, "clever")
    assert families.DATASETS.options("family") == ["apples", "family", "pears"]


def test_a_method_that_cannot_do_with_every_data_set_is_refused_the_others(family: Path) -> None:
    path = family / "methods" / "clever.yaml"
    path.write_text("takes: [pears]\n" + path.read_text())
    families.read_family_file.cache_clear()
    for dataset, method in (("pears", "clever"), ("apples", "plain")):
        pair_of_dataset_and_method(
            compose_all(["benchmark=family", f"dataset={dataset}", f"method={method}"], False)[0]
        )
    (refused,) = compose_all(["benchmark=family", "dataset=apples", "method=clever"], False)
    with pytest.raises(UsageError, match=r"takes dataset=pears, not dataset=apples, which method=plain takes"):
        pair_of_dataset_and_method(refused)
    assert families.methods_taking("family", "apples") == ["plain"]
    assert families.datasets_taken("family", "plain") == ["apples", "pears"]


def test_a_site_adds_a_data_set_and_a_method(family: Path, tmp_path: Path) -> None:
    for folder, text in (("datasets", "{dataset: {size: 99}}"), ("methods", "{model: {width: 99}}")):
        (tmp_path / "site" / folder / "family").mkdir(parents=True)
        (tmp_path / "site" / folder / "family" / "own.yaml").write_text(text)
    found = composed("dataset=own", "method=own", site=tmp_path / "site")
    assert (found["dataset_name"], found["dataset"]["size"], found["model"]["width"]) == ("own", 99, 99)
    with pytest.raises(UsageError, match=r"no data set 'onw'. Did you mean own\? There are: apples, own, pears"):
        composed("dataset=onw", "method=plain", site=tmp_path / "site")


def test_a_sweep_over_data_sets_methods_and_seeds_is_one_run_each_under_its_own_name(family: Path) -> None:
    configs = compose_all(["benchmark=family", "dataset=apples,pears", "method=clever,plain", "seed=1,2"], True)
    runs = plan(configs, "stamp", Site(2, Path("/"))).runs
    assert {run.spec.run for run in runs} == {
        f"family-{dataset}-{method}-small-horovod-n1-r{repeat}"
        for dataset in ("apples", "pears")
        for method in ("clever", "plain")
        for repeat in (0, 1)
    }
    assert {(run.spec.dataset, run.spec.method) for run in runs} == {
        ("apples", "clever"), ("apples", "plain"), ("pears", "clever"), ("pears", "plain"),
    }  # fmt: skip
    # What the ranks are told of the model does not depend on what a report shows beside it.
    assert not {"published", "download", "dataset_name", "method"} & set(runs[0].spec.settings)


def test_a_target_that_was_confirmed_for_a_pair_holds_for_no_other(family: Path) -> None:
    configs = compose_all(["benchmark=family", "dataset=apples,pears", "method=clever,plain"], True)
    targets = {
        (config["benchmark"]["dataset_name"], config["benchmark"]["method"]): config["benchmark"]["quality"]["target"]
        for config in configs
    }
    assert targets.pop(("apples", "clever")) == 0.8 and set(targets.values()) == {0.5}
    (quick,) = compose_all(["benchmark=family", "dataset=apples", "method=clever", "recipe=quick"], False)
    assert quick["benchmark"]["quality"]["basis"] == "chosen"


def test_a_target_that_was_confirmed_on_real_data_judges_no_stand_in(family: Path) -> None:
    words = ["benchmark=family", "dataset=pears", "method=clever"]

    def quality_of(*more: str) -> tuple[float | None, str]:
        (config,) = compose_all([*words, *more], False)
        return config["benchmark"]["quality"]["target"], config["benchmark"]["quality"]["basis"]

    assert quality_of() == (0.5, "chosen")
    assert quality_of("benchmark.dataset.source=real") == (0.9, 'real ones, three seeds: "held" out')
    assert quality_of("benchmark.quality.target=0.7")[0] == 0.7


def test_a_list_of_pairs_is_a_run_for_each_pair_and_seed_and_no_other(family: Path) -> None:
    configs = compose_all(["benchmark=family", "pairs=some", "seed=1,2"], True)
    found = [(config["benchmark"]["dataset_name"], config["benchmark"]["method"], config["seed"]) for config in configs]
    assert found == [("apples", "clever", 1), ("apples", "clever", 2), ("pears", "plain", 1), ("pears", "plain", 2)]


@pytest.mark.parametrize(
    ("words", "multirun", "expected"),
    [
        (["pairs=sme"], True, "benchmark family has no list of pairs 'sme'. Did you mean some? There are: some."),
        (["pairs=some", "dataset=apples"], True, "pairs=some chooses data sets and methods: leave out dataset=apples."),
        (["pairs=some"], False, "a list of pairs needs -m."),
    ],
)
def test_a_list_of_pairs_that_cannot_be_meant_is_refused(
    family: Path, words: list[str], multirun: bool, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected.replace("?", r"\?")):
        compose_all(["benchmark=family", *words], multirun)


def test_a_benchmark_with_one_of_each_has_them_without_files() -> None:
    (run,) = plan(compose_all(["benchmark=stemdl"], False), "stamp", Site(2, Path("/"))).runs
    assert (run.spec.dataset, run.spec.method, run.spec.run) == ("stemdl", "reference", "stemdl-small-horovod-n1-r0")
    (named,) = plan(compose_all(["benchmark=stemdl", "dataset=stemdl", "method=reference"], False), "stamp",
                    Site(2, Path("/"))).runs  # fmt: skip
    assert named.config_hash == run.config_hash


@pytest.mark.parametrize("benchmark", families.benchmarks())
def test_the_options_of_every_benchmark_are_typed(benchmark: str) -> None:
    config = compose_all([f"benchmark={benchmark}"], False)[0]["benchmark"]
    classes = families.option_classes(config)
    assert set(classes) == {"model", "dataset"}
    assert {"model": set(config["model"]), "dataset": set(config["dataset"])} == {
        name: set(options.__dataclass_fields__) for name, options in classes.items()
    }


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("+benchmark.model.dpeth=5", "'benchmark.model.dpeth'. Did you mean benchmark.model.depth?"),
        ("benchmark.model.dpeth=5", "'benchmark.model.dpeth'. Did you mean benchmark.model.depth?"),
        ("+benchmark.dataset.sede=5", "'benchmark.dataset.sede'. Did you mean benchmark.dataset.seed?"),
        ("benchmark.model.depth=deep", "benchmark.model.depth: Value 'deep'"),
    ],
)
def test_an_option_that_a_model_or_data_set_does_not_have_is_refused(word: str, expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        compose_all(["benchmark=stemdl", word], False)
    assert expected in str(refused.value)
    assert refused.value.exit_code == 64


@pytest.mark.parametrize("benchmark", families.benchmarks())
def test_every_shipped_benchmark_says_which_options_its_model_and_its_data_have(benchmark: str) -> None:
    """Where a class is missing, any name is taken for an option."""
    for dataset in families.DATASETS.options(benchmark):
        for method in families.METHODS.options(benchmark):
            chosen = {"name": benchmark, "dataset_name": dataset, "method": method}
            assert set(families.option_classes(chosen)) == {"model", "dataset"}
