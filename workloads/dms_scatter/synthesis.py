"""The stand-in data set in the published layout: the samples of each part, and their simulation.

Every sample's random choices depend on the seed and its number alone, not on the order in which processes handle it, so
the files are the same for any number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.dms_scatter import formats
from workloads.dms_scatter.lattice import CLASSES
from workloads.dms_scatter.simulation import Spread, simulate_pattern
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.processes import process_pool

PRESETS = {"tiny": 60, "small": 2000, "full": 8060}
"""Patterns for training and test together, half of them of each class; "full" is as large as the published set."""
CHUNK = 8


@dataclass(frozen=True)
class Recipe:
    """The content of the stand-in data set. ``inference_images`` are added to the preset's patterns."""

    preset: str
    seed: int
    evaluation_share: float
    inference_images: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Recipe:
        """Return the recipe in a benchmark's dataset settings; other keys are ignored."""
        try:
            recipe = cls(**{key: settings[key] for key in cls.__dataclass_fields__})
        except KeyError as error:
            raise DatasetError(f"dataset settings lack {error}; expected {sorted(cls.__dataclass_fields__)}") from error
        if recipe.preset not in PRESETS:
            raise DatasetError(f"dataset.preset is {recipe.preset!r}; expected one of {', '.join(PRESETS)}")
        if not 0 < recipe.evaluation_share < 1:
            raise DatasetError(
                f"dataset.evaluation_share is {recipe.evaluation_share}; expected a part between 0 and 1"
            )
        return recipe

    @property
    def parts(self) -> dict[str, NDArray[np.int64]]:
        """Return the numbers of the samples in each part, in random order, with the same number of each class."""
        pairs = np.random.default_rng([self.seed, 0]).permutation(PRESETS[self.preset] // 2)
        held_out = max(1, round(self.evaluation_share * len(pairs)))
        chosen = {"evaluation": pairs[:held_out], "training": pairs[held_out:]}
        shuffled = np.random.default_rng([self.seed, 1])
        return {
            part: shuffled.permutation(np.concatenate([2 * chosen[part], 2 * chosen[part] + 1]))
            for part in formats.GROUPS
        }

    @property
    def inference(self) -> range:
        """Return the numbers of the samples that are written as images."""
        return range(PRESETS[self.preset], PRESETS[self.preset] + self.inference_images)


def label_of(number: int) -> int:
    """Return the class of a sample."""
    return number % len(CLASSES)


def simulate_sample(number: int, seed: int) -> NDArray[np.uint8]:
    """Return the pattern (487, 195, 3) of a sample."""
    return simulate_pattern(label_of(number), Spread(), np.random.default_rng([seed, 2, number]))


def write_layout(published: Path, recipe: Recipe, progress: Callable[[int, int], None], workers: int) -> None:
    """Simulate all samples and write them in the published layout."""
    parts = recipe.parts
    total, done = sum(map(len, parts.values())) + recipe.inference_images, 0
    with process_pool(workers) as pool:
        with formats.create_groups(published, {part: len(numbers) for part, numbers in parts.items()}) as datasets:
            for part, numbers in parts.items():
                images, labels = datasets[part]
                start = 0
                for patterns in simulate_samples(numbers.tolist(), recipe.seed, pool):
                    images[start : start + len(patterns)] = patterns
                    start += len(patterns)
                    progress(done + start, total)
                labels[...] = [label_of(number) for number in numbers.tolist()]
                done += start
        numbered = iter(recipe.inference)
        for patterns in simulate_samples(list(recipe.inference), recipe.seed, pool):
            for pattern, number in zip(patterns, numbered, strict=False):
                path = published / formats.INFERENCE_FOLDER / CLASSES[label_of(number)] / f"{number:05d}.png"
                formats.write_image(path, pattern)
                done += 1
            progress(done, total)


def simulate_samples(numbers: list[int], seed: int, pool: Executor) -> Iterator[NDArray[np.uint8]]:
    """Yield the patterns of the samples in their order, (k, 487, 195, 3) at a time."""
    chunks = [numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK)]
    return pool.map(_simulate, chunks, [seed] * len(chunks))


def _simulate(numbers: list[int], seed: int) -> NDArray[np.uint8]:
    return np.stack([simulate_sample(number, seed) for number in numbers])
