"""The stand-in data set: its materials, their split, and their simulation on several processes.

Every random choice depends on the seed and on its purpose (a prototype, a material, a sample), not on the order in
which processes handle it, so the files are the same for any number of workers.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import PARTS
from workloads.runtime.samples.processes import process_pool
from workloads.stemdl.crystals import Crystal, load_prototypes, materials_of
from workloads.stemdl.diffraction import Microscope
from workloads.stemdl.formats import Sample
from workloads.stemdl.simulation import Spread, processed_stack, random_views

CHUNK = 16


@dataclass(frozen=True)
class Recipe:
    """The content of the stand-in data set."""

    seed: int
    split: str
    space_groups: int
    materials_per_space_group: int
    samples_per_material: int
    evaluation_share: float
    largest_cell: int
    """Most atoms of a conventional cell."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe in a benchmark's dataset settings; other keys are ignored."""
        try:
            recipe = cls(**{key: settings[key] for key in cls.__dataclass_fields__})
        except KeyError as error:
            raise DatasetError(f"dataset settings lack {error}; expected {sorted(cls.__dataclass_fields__)}") from error
        if not 0 < recipe.evaluation_share < 1:
            raise DatasetError(f"evaluation_share is {recipe.evaluation_share}; expected a part between 0 and 1")
        return recipe


@dataclass(frozen=True)
class Specimen:
    """One sample to simulate: a material, and the number of its sample."""

    material: Crystal
    number: int


def choose_materials(recipe: Recipe) -> dict[int, list[Crystal]]:
    """Return materials by space group. Groups with the most prototypes get their places first."""
    prototypes: dict[int, list[Crystal]] = defaultdict(list)
    for prototype in load_prototypes():
        if len(prototype.species) <= recipe.largest_cell:
            prototypes[prototype.space_group].append(prototype)
    chosen: dict[int, list[Crystal]] = {}
    for space_group in sorted(prototypes, key=lambda group: (-len(prototypes[group]), group)):
        families = [materials_of(p, recipe.materials_per_space_group, recipe.seed) for p in prototypes[space_group]]
        # In turn from every prototype, so that each has its share of the materials.
        in_turn = [material for material in chain(*zip_longest(*families)) if material is not None]
        if len(in_turn) >= recipe.materials_per_space_group:
            chosen[space_group] = in_turn[: recipe.materials_per_space_group]
        if len(chosen) == recipe.space_groups:
            return dict(sorted(chosen.items()))
    raise DatasetError(
        f"space_groups is {recipe.space_groups} but only {len(chosen)} have "
        f"{recipe.materials_per_space_group} materials of at most {recipe.largest_cell} atoms; ask for fewer"
    )


def divide_specimens(materials: Mapping[int, list[Crystal]], recipe: Recipe) -> dict[str, list[Specimen]]:
    """Return specimens for training and evaluation, both in random order.

    Split "material": all samples of a material are in one part. Split "random": samples are distributed one by one.
    """
    random = np.random.default_rng([recipe.seed, zlib.crc32(recipe.split.encode())])
    parts: dict[str, list[Specimen]] = {part: [] for part in PARTS}
    for members in materials.values():
        specimens = [[Specimen(material, n) for n in range(recipe.samples_per_material)] for material in members]
        units = specimens if recipe.split == "material" else [[one] for one in chain(*specimens)]
        held_out = max(1, round(recipe.evaluation_share * len(units)))
        for place, unit in enumerate(random.permutation(len(units))):
            parts["evaluation" if place < held_out else "training"] += units[unit]
    return {part: [members[i] for i in random.permutation(len(members))] for part, members in parts.items()}


def simulate_specimen(specimen: Specimen, seed: int) -> NDArray[np.float32]:
    """Return the processed stack (3, 128, 128) of a specimen."""
    random = np.random.default_rng([seed, zlib.crc32(specimen.material.name.encode()), specimen.number])
    views = random_views(specimen.material.space_group, random, Spread())
    return processed_stack(specimen.material, views, Microscope())


def count_samples(recipe: Recipe) -> dict[str, int]:
    """Return the number of samples of each part."""
    return {part: len(specimens) for part, specimens in divide_specimens(choose_materials(recipe), recipe).items()}


def simulate_samples(recipe: Recipe, workers: int) -> Iterator[tuple[str, list[Sample]]]:
    """Yield all samples of the training part, then those of evaluation, some at a time.

    Raises DatasetError, BrokenProcessPool.
    """
    parts = divide_specimens(choose_materials(recipe), recipe)
    with process_pool(workers) as pool:
        for part in PARTS:
            for some in _simulated(parts[part], recipe.seed, pool):
                yield part, some


def _simulated(specimens: list[Specimen], seed: int, pool: Executor) -> Iterator[list[Sample]]:
    chunks = [specimens[start : start + CHUNK] for start in range(0, len(specimens), CHUNK)]
    for chunk, stacks in zip(chunks, pool.map(_simulate_chunk, chunks, [seed] * len(chunks)), strict=True):
        yield [
            Sample(stack, specimen.material.space_group, specimen.material.name)
            for specimen, stack in zip(chunk, stacks, strict=True)
        ]


def _simulate_chunk(specimens: list[Specimen], seed: int) -> NDArray[np.float32]:
    return np.stack([simulate_specimen(specimen, seed) for specimen in specimens])
