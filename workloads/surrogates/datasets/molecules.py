"""molecules: the energy of atoms from where they are, in the layout that sciml-bench's hydronet keeps QM9 in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import DAMAGE, PARTS, Description, Field
from workloads.runtime.samples.writer import Writer
from workloads.surrogates.config import SPLITS
from workloads.surrogates.solvers.clusters import cluster_energy, draw_cluster

FILE = "qm9.hdf5"
"""``pos`` (n, most, 3) float32, ``z`` (n, most) and ``size`` (n, 1) uint8, ``y`` (n, 1) float32; atoms beyond a
molecule's size are 0.
"""
ONE_OF = 5
CHUNK = 4096


class MoleculesDescription(Description):
    """``set`` is "molecules". ``made`` is "published" or "simulated". ``most``: atoms that a sample has room for.

    ``energy_mean`` and ``energy_deviation`` are an atom's, over the training part.
    """

    set: str
    made: str
    most: Positive
    energy_mean: float
    energy_deviation: float


class MoleculesDataset(FamilyDataset):
    """Samples of positions "pos" (most, 3) float32, atomic numbers "z" (most,) int64, 0 where there is no atom, "size"
    () int64, and "energy" () float32.

    Every fifth molecule is the evaluation part of "test"; of the others every fifth one is that of "validation".
    """

    NAME = "surrogates"
    SET = "molecules"
    DESCRIBED_BY = MoleculesDescription
    SHARED = ("source", "version", "split", "most")
    MADE_OF = ("seed", "molecules", "smallest")
    SPLITS = SPLITS
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "hydronet_ds1": Published("sciml-datasets/ms/hydronet_ds1", None, f"{FILE} is what is read of it")
    }

    @property
    def most(self) -> int:
        """Atoms that a sample has room for."""
        return int(self.settings["most"])

    @property
    def fields(self) -> dict[str, Field]:
        """A molecule."""
        return {
            "pos": Field((self.most, 3), "float32"),
            "z": Field((self.most,), "int64"),
            "size": Field((), "int64"),
            "energy": Field((), "float32"),
        }

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All clusters are made and, for "test", converted."""
        made = int(self.settings["molecules"])
        return made, made if self.settings["split"] == "test" else made - made // ONE_OF

    @property
    def stand_in_bytes(self) -> float:
        """As made and as converted."""
        return 2.0 * sum(field.bytes for field in self.fields.values()) * self.stand_in_counts[0]

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Draw clusters of all sizes from the smallest on."""
        count, smallest = int(self.settings["molecules"]), int(self.settings["smallest"])
        arrays: dict[str, NDArray[Any]] = {
            "pos": np.zeros((count, self.most, 3), np.float32), "z": np.zeros((count, self.most), np.uint8),
            "size": np.zeros((count, 1), np.uint8), "y": np.zeros((count, 1), np.float32),
        }  # fmt: skip
        for place in range(count):
            random = np.random.default_rng([int(self.settings["seed"]), place])
            size = int(random.integers(smallest, self.most + 1))
            positions, numbers = draw_cluster(size, random)
            arrays["pos"][place, :size], arrays["z"][place, :size] = positions, numbers
            # The energy is that of the positions as they are stored.
            stored = arrays["pos"][place, :size].astype(np.float64)
            arrays["size"][place], arrays["y"][place] = size, cluster_energy(stored, numbers)
            progress(place + 1, count)
        with h5py.File(published / FILE, "w", locking=False) as file:
            for name, values in arrays.items():
                file.create_dataset(name, data=values, track_times=False)

    def chunks(self, published: Path, progress: Progress) -> Iterator[tuple[str, dict[str, NDArray[Any]]]]:
        """The molecules of each part, in the file's order, some at a time. Raises DatasetError."""
        path = published / FILE
        if not path.is_file():
            raise DatasetError(f"{path} does not exist; say where it is: benchmark.download.folder=FOLDER")
        try:
            with h5py.File(path, "r", locking=False) as file:
                stored = {name: file[name] for name in ("pos", "z", "size", "y")}
                count = len(stored["pos"])
                for first in range(0, count, CHUNK):
                    read = {name: values[first : first + CHUNK] for name, values in stored.items()}
                    whole = self.checked(path, read)
                    places = np.arange(first, first + len(whole["size"]))
                    for part, chosen in self.parts_of(places).items():
                        if chosen.any():
                            yield part, {name: values[chosen] for name, values in whole.items()}
                    progress(min(first + CHUNK, count), count)
        except DAMAGE as error:
            raise DatasetError(f"{path} is not a file as hydronet has it: {error}; get it again") from error

    def checked(self, path: Path, read: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Published molecules as samples. Raises DatasetError."""
        count = len(read["pos"])
        shapes = {"pos": (count, self.most, 3), "z": (count, self.most), "size": (count, 1), "y": (count, 1)}
        for name, shape in shapes.items():
            if read[name].shape != shape:
                raise DatasetError(f"{path}: {name!r} has shape {read[name].shape}; expected {shape} (dataset.most)")
            if not np.isfinite(read[name]).all():
                raise DatasetError(f"{path}: {name!r} has values that are not finite")
        sizes = read["size"][:, 0].astype(np.int64)
        filled = np.arange(self.most) < sizes[:, None]
        if not ((read["z"] > 0) == filled).all() or (sizes < 1).any():
            raise DatasetError(f"{path}: 'size' and 'z' do not agree on how many atoms a molecule has")
        return {
            "pos": read["pos"].astype(np.float32),
            "z": read["z"].astype(np.int64),
            "size": sizes,
            "energy": read["y"][:, 0].astype(np.float32),
        }

    def parts_of(self, places: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        """Which molecules are in which part, by their place in the file."""
        apart = places % ONE_OF == ONE_OF - 1
        if self.settings["split"] == "test":
            return {"training": ~apart, "evaluation": apart}
        held = ~apart & (places // ONE_OF % ONE_OF == ONE_OF - 1)
        return {"training": ~apart & ~held, "evaluation": held}

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """The published file to the consolidated folder."""
        provenance, counts = self.provenance, dict.fromkeys(PARTS, 0)
        energies = list[NDArray[np.float64]]()
        for part, arrays in self.chunks(published, tell_nobody):
            counts[part] += len(arrays["size"])
            if part == "training":
                energies.append(arrays["energy"].astype(np.float64) / arrays["size"])
        if min(counts.values()) == 0:
            raise DatasetError(f"{published} leaves a part without molecules: {counts}; more are needed")
        each = np.concatenate(energies)
        with Writer(
            folder, provenance, self.fields, counts, self.made_of, progress=progress, workers=workers
        ) as writer:
            for part, arrays in self.chunks(published, tell_nobody):
                writer.append(part, arrays)
            writer.extra.update(
                set="molecules",
                made="simulated" if self.is_stand_in else "published",
                most=self.most,
                energy_mean=float(each.mean()),
                energy_deviation=float(each.std()),
            )

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read all of it; counts of what is there. Raises DatasetError."""
        counts, atoms = dict.fromkeys(PARTS, 0), 0
        for part, arrays in self.chunks(published, progress):
            counts[part] += len(arrays["size"])
            atoms += int(arrays["size"].sum())
        return {**{f"{part}_molecules": count for part, count in counts.items()}, "atoms": atoms}
