from pathlib import Path
from typing import Any

import pytest
import yaml

import workloads.stemdl
from workloads.stemdl.dataset import StemdlDataset
from workloads.stemdl.synthesis import Recipe, choose_materials
from workloads.stemdl.task import StemdlTask

BENCHMARK = yaml.safe_load((Path(workloads.stemdl.__file__).parent / "benchmark.yaml").read_text())


def with_recipe(name: str) -> Any:
    """The benchmark's settings with one recipe laid over them, section by section."""
    chosen = BENCHMARK["recipes"][name]
    sections = {key: value for key, value in BENCHMARK.items() if isinstance(value, dict) and key != "recipes"}
    return {key: {**value, **chosen.get(key, {})} for key, value in sections.items()}


def parameters(name: str) -> int:
    model = StemdlTask(with_recipe(name), Path("nowhere")).build_model()
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_reference_recipe_is_the_published_benchmark() -> None:
    settings = with_recipe("reference")
    assert parameters("reference") == 23_981_351
    assert settings["training"]["epochs"] == 10 and settings["training"]["batch_size"] == 32
    assert settings["training"]["optimizer"] == {"name": "adamw", "learning_rate": 1e-3, "weight_decay": 5e-5}


@pytest.mark.parametrize(
    ("recipe", "split", "target"), [("reference", "material", 0.43), ("reference_random", "random", 0.9)]
)
def test_each_split_has_its_own_published_target(recipe: str, split: str, target: float) -> None:
    settings = with_recipe(recipe)
    assert settings["dataset"]["split"] == split and settings["quality"]["target"] == target
    assert StemdlDataset(settings["dataset"]).folder_name.endswith(split)


def test_the_small_preset_has_enough_materials_of_enough_space_groups() -> None:
    recipe = Recipe.of(with_recipe("small")["dataset"])
    materials = choose_materials(recipe)
    assert len(materials) == 24
    assert {len({material.name for material in members}) for members in materials.values()} == {40}
    assert all(material.space_group == group for group, members in materials.items() for material in members)


def test_the_small_model_is_small_and_the_same_for_both_splits() -> None:
    assert parameters("small") == parameters("small_random") == 339_255
    by_material, random = with_recipe("small"), with_recipe("small_random")
    assert by_material["training"] == random["training"]
    assert (by_material["dataset"]["split"], random["dataset"]["split"]) == ("material", "random")
