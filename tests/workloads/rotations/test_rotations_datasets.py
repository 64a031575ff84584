"""Radio galaxies, galaxies and proteins: their published forms, what is left out, and images set upright."""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from workloads.rotations.datasets.base import ImagesDataset, averaged
from workloads.rotations.datasets.galaxies import GalaxiesDataset
from workloads.rotations.datasets.poses import set_upright
from workloads.rotations.datasets.proteins import ProteinsDataset, coarser, read_volume, write_volume
from workloads.rotations.datasets.radio_galaxies import RadioGalaxiesDataset, read_batch
from workloads.rotations.making.densities import density_of, make_molecule, project
from workloads.rotations.making.digits import draw_digit
from workloads.rotations.making.each import draw_chunk
from workloads.rotations.making.galaxies import draw_galaxy
from workloads.rotations.making.radio import draw_source
from workloads.rotations.turning import turn_each
from workloads.runtime.dataset import tell_nobody
from workloads.runtime.errors import DatasetError


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "source": "stand-in", "version": "drawn-1", "split": "test", "preset": "t", "seed": 1, "images": 40,
        "poses": "published", "pixels": 16, "crop": 64, "views": 4, "molecules": 2, **changes,
    }  # fmt: skip


def written(dataset: type[ImagesDataset], folder: Path, **changes: Any) -> ImagesDataset:
    made = dataset(settings(**changes))
    made.write_published(folder, tell_nobody, 1)
    return made


def sizes(dataset: ImagesDataset, published: Path) -> dict[str, int]:
    return {part: len(found.labels) for part, found in dataset.parts_of(published).items()}


DRAWN: list[Callable[[int, np.random.Generator], np.ndarray]] = [
    draw_source, draw_galaxy, partial(draw_digit, pixels=28),
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWN, ids=["source", "galaxy", "digit"])
def test_an_image_is_drawn_by_its_number_and_the_seed_alone(draw: Callable[..., np.ndarray]) -> None:
    kinds = np.array([0, 1, 1, 0])
    whole = draw_chunk(draw, 5, kinds, 10)
    assert np.array_equal(draw_chunk(draw, 5, kinds[2:], 12), whole[2:])
    assert not np.array_equal(whole[0], whole[3]) and whole.max() > 200


def shapes(count: int) -> torch.Tensor:
    """Images of an L that no turn and no mirror image leaves as it is."""
    images = torch.zeros(count, 1, 48, 48)
    images[:, :, 12:38, 20:25] = 120
    images[:, :, 10:16, 20:33] = 255
    return images


def test_upright_images_are_the_same_whichever_way_they_lay() -> None:
    angles = torch.tensor([0.0, 37.0, 90.0, 145.0, 200.0, 301.0])
    lying = turn_each(shapes(len(angles)), angles).round().to(torch.uint8).numpy()
    upright = set_upright(lying).astype(float)
    apart = np.abs(upright - upright[0]).mean((1, 2, 3)) / upright.mean()
    assert apart.max() < 0.12 < 0.5 < np.abs(lying - lying[0].astype(float)).mean((1, 2, 3)).max() / upright.mean()
    # Upright: the bright bar of the L is its upper end.
    assert upright[:, :, :24].sum() > upright[:, :, 24:].sum()


def test_images_are_made_coarser_by_whole_pixels() -> None:
    fine = np.arange(2 * 3 * 16, dtype=np.uint8).reshape(2, 3, 4, 4)
    coarse = averaged(fine, 2)
    assert coarse.shape == (2, 3, 2, 2) and coarse[0, 0, 0, 0] == np.rint(fine[0, 0, :2, :2].mean())


# --- radio galaxies


def batch_of(path: Path) -> dict[str, Any]:
    return dict(pickle.loads(path.read_bytes()))


def test_empty_images_are_left_out_and_named(tmp_path: Path) -> None:
    sources = written(RadioGalaxiesDataset, tmp_path, images=45)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*(f"data_batch_{n}" for n in range(1, 9)), "test_batch"]
    batch = batch_of(tmp_path / "data_batch_3")
    batch["data"][1] = 0
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps(batch))
    found = sources.parts_of(tmp_path)
    assert found["training"].left_out == [batch["filenames"][1]] and found["training"].images.shape == (39, 1, 16, 16)
    assert sources.check_published(tmp_path) == {
        "training_images": 39, "evaluation_images": 5, "left_out": 1,
    }  # fmt: skip
    validation = RadioGalaxiesDataset(settings(images=45, split="validation"))
    assert sum(sizes(validation, tmp_path).values()) == 39


def test_both_published_forms_are_read_and_told_apart(tmp_path: Path) -> None:
    """The later one has ten labels, rows of pixels, and a folder of its own in the archive."""
    written(RadioGalaxiesDataset, tmp_path, images=90)
    later = tmp_path / "later" / "batches"
    later.mkdir(parents=True)
    for number in range(1, 9):
        batch = batch_of(tmp_path / f"data_batch_{number}")
        rows = {"labels": list(range(10)), "data": batch["data"].reshape(10, -1)}
        (later / f"data_batch_{number}").write_bytes(pickle.dumps({**batch, **rows}, protocol=2))
    shutil.copy(later / "data_batch_1", later / "test_batch")
    real = {"source": "real", "version": "full"}
    found = RadioGalaxiesDataset(settings(**real)).parts_of(later.parent)
    assert found["training"].labels[:5].tolist() == [0, 0, 0, 1, 1] and len(found["training"].labels) == 40
    with pytest.raises(DatasetError, match=r"labels are \[0, 1, .*expected 0 to 1.*version=full"):
        RadioGalaxiesDataset(settings(source="real", version="confident")).parts_of(later.parent)
    assert sizes(RadioGalaxiesDataset(settings(source="real", version="confident")), tmp_path) == {
        "training": 80, "evaluation": 10,
    }  # fmt: skip


class Command:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made-by-a-pickle",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps(Command()), "which no array needs"),
        (b"no pickle", "is not a whole batch"),
        (pickle.dumps([1, 2]), "expected a table of labels, data and filenames"),
        (pickle.dumps({"labels": [1], "data": [], "filenames": []}), "1 labels and 0 file names"),
    ],
    ids=["a command", "no pickle", "a list", "too few names"],
)
def test_a_batch_that_is_none_is_refused_and_runs_nothing(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        read_batch(tmp_path / "data_batch_1")
    assert not Path("made-by-a-pickle").exists()


def test_a_folder_without_batches_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no data_batch_\* or no test_batch; unpack"):
        RadioGalaxiesDataset(settings()).parts_of(tmp_path)


# --- galaxies


def test_galaxies_are_read_packed_or_not_in_colour(tmp_path: Path) -> None:
    galaxies = written(GalaxiesDataset, tmp_path)
    plain = galaxies.parts_of(tmp_path)
    assert plain["training"].images.shape == (32, 3, 16, 16) and len(plain["evaluation"].labels) == 8
    for path in tmp_path.glob("*.hdf5"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    packed = galaxies.parts_of(tmp_path)
    assert all(np.array_equal(packed[part].images, plain[part].images) for part in plain)
    assert sum(sizes(GalaxiesDataset(settings(split="validation")), tmp_path).values()) == 32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": np.zeros((4, 8, 8, 3), np.uint8)}, r"expected \(n, 64, 64, 3\)"),
        ({"labels": np.array([0, 1, 2, 7])}, "from 0 to 3"),
        ({"labels": None}, "is not a whole file of GalaxyMNIST"),
    ],
    ids=["other pixels", "a fifth kind", "no labels"],
)
def test_a_file_of_other_galaxies_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    galaxies = GalaxiesDataset(settings(source="real", version="64"))
    with pytest.raises(DatasetError, match=r"does not exist, nor train_dataset.hdf5.gz"):
        galaxies.parts_of(tmp_path)
    arrays = {"images": np.ones((4, 64, 64, 3), np.uint8), "labels": np.arange(4), **change}
    with h5py.File(tmp_path / "train_dataset.hdf5", "w") as file:
        file.update({name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(DatasetError, match=words):
        galaxies.parts_of(tmp_path)


# --- proteins


def test_a_projection_is_the_sum_along_a_line_of_sight() -> None:
    density = coarser(density_of(make_molecule(np.random.default_rng(3)), Rotation.identity()), 32)
    np.testing.assert_allclose(project(density, Rotation.identity()), density.sum(2), atol=1e-4)
    quarter = project(density, Rotation.from_euler("x", 90, degrees=True))
    along_rows = density.sum(1)
    apart = [np.abs(quarter - other).max() for other in (along_rows, along_rows[:, ::-1])]
    assert min(apart) < 1e-3 * quarter.max() < max(apart)


def test_volumes_are_published_maps_and_none_is_in_both_parts(tmp_path: Path) -> None:
    proteins = written(ProteinsDataset, tmp_path)
    paths = sorted(tmp_path.glob("*.mrc"))
    assert len(paths) == 10 and proteins.classes_of(tmp_path) == ["m000", "m001"]
    found = proteins.parts_of(tmp_path)
    assert {part: some.images.shape for part, some in found.items()} == {
        "training": (32, 1, 16, 16), "evaluation": (8, 1, 16, 16),
    }  # fmt: skip
    seen = {image.tobytes() for image in found["evaluation"].images}
    assert len(seen) == 8 and not any(image.tobytes() in seen for image in found["training"].images)
    # Published volumes lie in folders, are called mrcs, and some have several names.
    (tmp_path / "below").mkdir()
    shutil.copy(paths[0], tmp_path / "below" / paths[0].name)
    shutil.copy(paths[2], tmp_path / "below" / f"{paths[2].stem}-2.mrcs")
    paths[1].rename(tmp_path / "below" / f"{paths[1].stem}.mrcs")
    again = ProteinsDataset(settings()).parts_of(tmp_path)
    assert all(np.array_equal(again[part].images, found[part].images) for part in found)
    assert again["training"].left_out == [f"{paths[2].stem}-2.mrcs"]


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: path.write_bytes(b"no map"), "is not a whole MRC file"),
        (lambda path: write_volume(path, np.zeros((8, 8, 8), np.float32)), r"holds \(8, 8, 8\) values; expected 64"),
    ],
    ids=["no map", "another size"],
)
def test_a_volume_that_is_none_is_named(write: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no volumes"):
        ProteinsDataset(settings()).parts_of(tmp_path)
    write(tmp_path / "1abc_0-0-0.mrc")
    with pytest.raises(DatasetError, match=words):
        read_volume(tmp_path / "1abc_0-0-0.mrc")
