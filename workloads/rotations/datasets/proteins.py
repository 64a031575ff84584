"""proteins: projections of density volumes, as affinity-vae has them, at poses that are uniform over all rotations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

import gemmi
import numpy as np
from numpy.typing import NDArray

from workloads.rotations.datasets.base import ImagesDataset, Labelled, one_of_each
from workloads.rotations.making.densities import VOXELS, density_of, make_molecule, pose_at, project
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import file_digest
from workloads.runtime.samples.parallel import map_in_threads

VOLUMES = ("*.mrc", "*.mrcs")
"""Names are PDB_POSE, such as 1b23_12-321-215: the entry of the Protein Data Bank before the first underline."""
MAP = 2
"""MRC's mode of float32 densities."""


class ProteinsDataset(ImagesDataset):
    """Sums along the line of sight of a volume that was turned, from its least to its greatest value.

    No volume is in both parts: of files with the same content one is taken.
    """

    SET = "proteins"
    MADE = "simulated"
    OWN = ("poses", "pixels", "views")
    SHARED = (*ImagesDataset.SHARED, "seed")
    MADE_OF = ("images", "molecules")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "affinity-vae": Published(
            "rotations/affinity-vae", 82_918_400,
            "the files *.mrcs of its folder tests, 42 volumes of six proteins (BSD-3)",
            page="github.com/alan-turing-institute/affinity-vae",
        )
    }  # fmt: skip

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grey pixels."""
        pixels = int(self.settings["pixels"])
        return 1, pixels, pixels

    @property
    def made_volumes(self) -> int:
        """As many as the images are projections of."""
        return -(-int(self.settings["images"]) // int(self.settings["views"]))

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Volumes made, and their projections."""
        return self.made_volumes, self.made_volumes * int(self.settings["views"])

    @property
    def stand_in_bytes(self) -> float:
        """The volumes'."""
        return 4.0 * VOXELS**3 * self.made_volumes

    def classes_of(self, published: Path) -> list[str]:
        """The entries of the Protein Data Bank, or the names of molecules made here."""
        return sorted({entry_of(path) for path in volumes_in(published)})

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Volumes of molecules in turn, each at a pose of its own, in MRC's form."""
        seed, count = int(self.settings["seed"]), int(self.settings["molecules"])
        molecules = [make_molecule(np.random.default_rng([seed, 0, number])) for number in range(count)]

        def write(number: int) -> None:
            pose = pose_at(np.random.default_rng([seed, 1, number]))
            angles = "-".join(f"{angle % 360:.0f}" for angle in pose.as_euler("zyz", degrees=True))
            name = f"m{number % count:03d}_{angles}-{number}.mrc"
            write_volume(published / name, density_of(molecules[number % count], pose))

        for done, _ in enumerate(map_in_threads(write, range(self.made_volumes), workers), start=1):
            progress(done, self.made_volumes)

    def parts_of(self, published: Path, progress: Progress = tell_nobody, workers: int = 1) -> dict[str, Labelled]:
        """Projections of every fifth volume of a protein, and of the others. Raises DatasetError."""
        (paths, left_out), classes = tell_apart(volumes_in(published)), self.classes_of(published)
        labels = np.array([classes.index(entry_of(path)) for path in paths], np.int64)
        kept = np.arange(len(paths))
        apart = one_of_each(labels)
        if self.settings["split"] == "validation":
            kept = kept[~apart]
            apart = one_of_each(labels[kept])
        look = partial(self.look_at, paths)
        views = np.stack(list(map_in_threads(look, kept.tolist(), workers)))
        return {
            part: Labelled(
                views[chosen].reshape(-1, *self.shape),
                labels[kept][chosen].repeat(int(self.settings["views"])),
                left_out if part == "training" else [],
            )
            for part, chosen in (("training", ~apart), ("evaluation", apart))
        }

    def look_at(self, paths: list[Path], number: int) -> NDArray[np.uint8]:
        """The projections (views, 1, h, w) of a volume. Raises DatasetError."""
        density = coarser(read_volume(paths[number]), self.shape[1])
        random = np.random.default_rng([int(self.settings["seed"]), 2, number])
        seen = np.stack([project(density, pose_at(random)) for _ in range(int(self.settings["views"]))])
        low, high = seen.min((1, 2), keepdims=True), seen.max((1, 2), keepdims=True)
        levels: NDArray[np.uint8] = np.rint(255 * (seen - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)
        return levels[:, None]


def volumes_in(published: Path) -> list[Path]:
    """The volumes in a folder and those below, once each, by name. Raises DatasetError."""
    found = {path.stem: path for pattern in VOLUMES for path in sorted(published.rglob(pattern))}
    if not found:
        raise DatasetError(f"{published} holds no volumes {' or '.join(VOLUMES)}")
    return [found[name] for name in sorted(found)]


def tell_apart(paths: list[Path]) -> tuple[list[Path], list[str]]:
    """The files of different content, and the names of those that are copies: published are 79 files of 42 volumes."""
    first = dict[str, Path]()
    for path in paths:
        first.setdefault(file_digest(path), path)
    return list(first.values()), [path.name for path in paths if path not in first.values()]


def entry_of(path: Path) -> str:
    """What a volume is of."""
    return path.stem.partition("_")[0]


def read_volume(path: Path) -> NDArray[np.float32]:
    """The densities (64, 64, 64) of an MRC file. Raises DatasetError."""
    try:
        density = np.array(gemmi.read_ccp4_map(str(path)).grid, np.float32)
    except (OSError, RuntimeError, ValueError) as error:
        raise DatasetError(f"{path} is not a whole MRC file: {error}; get it again") from error
    if density.shape != (VOXELS,) * 3 or not np.isfinite(density).all():
        raise DatasetError(f"{path} holds {density.shape} values; expected {VOXELS} along each axis, all finite")
    return density


def write_volume(path: Path, density: NDArray[np.float32]) -> None:
    """An MRC file of densities (v, v, v)."""
    volume = gemmi.Ccp4Map()
    volume.grid = gemmi.FloatGrid(density)
    volume.grid.unit_cell = gemmi.UnitCell(VOXELS, VOXELS, VOXELS, 90, 90, 90)
    volume.grid.spacegroup = gemmi.SpaceGroup("P1")
    volume.update_ccp4_header(MAP)
    volume.write_ccp4_map(str(path))


def coarser(density: NDArray[np.float32], voxels: int) -> NDArray[np.float32]:
    """A density (v, v, v) by means of whole voxels as (voxels, voxels, voxels)."""
    factor = len(density) // voxels
    means: NDArray[np.float32] = density.reshape(voxels, factor, voxels, factor, voxels, factor).mean((1, 3, 5))
    return means
