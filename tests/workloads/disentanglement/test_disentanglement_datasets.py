"""Data sets of factors: what they hold, that they are made the same by anybody, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from orchestrator.config.families import DATASETS
from workloads.data import Work
from workloads.disentanglement.datasets.arrow import FILE as ARROW
from workloads.disentanglement.datasets.base import FactorDataset
from workloads.disentanglement.datasets.sheets import CELL, COLUMNS, LAYERS
from workloads.disentanglement.datasets.sprites import ACTIONS
from workloads.runtime.dataset import load_dataset
from workloads.runtime.errors import DatasetError, MissingDatasetError
from workloads.runtime.samples.consolidated import DESCRIPTION, ConsolidatedSet, read_description

NAMES = DATASETS.options("disentanglement")
IMAGES = {
    "xyc": 14_045, "arrow": 4_096, "airplane": 4_096, "teapots": 200_000, "shapes3d": 480_000, "face": 127_050,
    "sprites": 93_312, "dsprites": 737_280,
}  # fmt: skip
"""How many are published."""


def dataset_of(name: str, **settings: object) -> FactorDataset:
    """A data set, as its file and these settings choose it: the tiny stand-in unless they say otherwise."""
    content = DATASETS.content("disentanglement", name)
    usual = {"source": "stand-in", "split": "all", "seed": 1, "evaluation_images": None, "preset": "tiny"}
    chosen = {**usual, **content["dataset"], **settings}
    dataset = load_dataset(content["dataset_class"], {**chosen, "version": chosen["versions"][chosen["source"]]})
    assert isinstance(dataset, FactorDataset)
    return dataset


Made = Callable[[str], tuple[FactorDataset, Path]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A tiny stand-in and its folder, made once."""

    @cache
    def make(name: str) -> tuple[FactorDataset, Path]:
        dataset = dataset_of(name)
        folder = tmp_path_factory.mktemp(name) / dataset.folder_name
        dataset.synthesise(folder, lambda done, total: None, 2)
        return dataset, folder

    return make


def read_part(folder: Path, part: str = "training") -> tuple[np.ndarray, np.ndarray]:
    """All images and factors of a part."""
    samples = ConsolidatedSet(folder, part)
    arrays = samples.read(np.arange(len(samples)))
    return arrays["image"], arrays["factors"]


@pytest.fixture
def published(tmp_path: Path) -> Made:
    """The tiny stand-in, and a folder with it in the published layout."""

    def make(name: str) -> tuple[FactorDataset, Path]:
        dataset = dataset_of(name)
        dataset.write_published(tmp_path, lambda done, total: None, 1)
        return dataset, tmp_path

    return make


def convert(dataset: FactorDataset, layout: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and factors of files in the published layout."""
    found = dataset.read_published(layout)
    return np.concatenate(list(found.slabs)), found.classes


def test_there_are_as_many_images_and_combinations_as_published() -> None:
    assert sorted(NAMES) == sorted(IMAGES)
    assert {name: dataset_of(name, preset="full").images for name in NAMES} == IMAGES
    for name in set(NAMES) - {"teapots"}:
        assert dataset_of(name, source="real", preset="tiny").images == IMAGES[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_stand_in_says_what_it_is_and_holds_every_combination_of_factors_in_order(name: str, made: Made) -> None:
    dataset, folder = made(name)
    told, (images, factors) = dataset.verify(folder, thorough=True), read_part(folder)
    assert (told["set"], told["source"]) == (name, "stand-in")
    assert told["made"] == ("exact" if name == "xyc" else "rendered")
    assert told["factor_names"] == list(dataset.factors) and told["factor_sizes"] == list(dataset.factors.values())
    assert images.dtype == np.uint8 and images.shape[1:] == dataset.SHAPE and len(images) == dataset.images
    if name == "teapots":
        assert factors.min() >= 0 and factors.max() < 10
        return
    sizes = tuple(dataset.factors.values())
    np.testing.assert_array_equal(np.ravel_multi_index(tuple(factors.T), sizes), np.arange(len(images)))
    # Whatever factor changes, the image does.
    grid = images.reshape(*sizes, -1)
    for axis in range(len(sizes)):
        different = (np.diff(grid.astype(np.int16), axis=axis) != 0).any(-1)
        assert different.all(), f"images do not show {list(dataset.factors)[axis]}"


@pytest.mark.parametrize("name", ["airplane", "face", "teapots"])
def test_a_stand_in_is_the_same_bit_for_bit_for_any_number_of_workers(name: str, made: Made, tmp_path: Path) -> None:
    dataset, folder = made(name)
    dataset.synthesise(tmp_path / "again", lambda done, total: None, 3)
    assert read_description(tmp_path / "again")["checksum"] == read_description(folder)["checksum"]


def test_xyc_is_the_published_rule_pixel_for_pixel(made: Made) -> None:
    _, folder = made("xyc")
    images, factors = read_part(folder)
    for image, (x, y, colour) in zip(images[::7, 0], (factors * (17, 17, 1))[::7].tolist(), strict=True):
        row, column = np.indices((84, 84))
        away = np.linalg.norm(np.stack([row - (15 + y), column - (15 + x)]), axis=0)
        np.testing.assert_array_equal(image, np.where(away < 15, 51 * (colour + 1), 0))
        # The published greys are float32 fifths.
        assert np.float32(image.max()) / np.float32(255) == np.float32(0.2 * (colour + 1))


def test_held_out_images_are_not_trained_on(tmp_path: Path) -> None:
    dataset = dataset_of("xyc", split="held_out")
    dataset.synthesise(tmp_path / "held", lambda done, total: None, 1)
    (images, trained), (_, judged) = read_part(tmp_path / "held"), read_part(tmp_path / "held", "evaluation")
    assert (len(images), len(judged)) == (72, 8)
    assert len({*map(tuple, trained.tolist()), *map(tuple, judged.tolist())}) == 80


def test_quality_is_measured_on_at_most_so_many_images_drawn_by_the_seed() -> None:
    parts = [dataset_of("xyc", evaluation_images=30, seed=seed).parts_of(80) for seed in (1, 1, 2)]
    drawn = [part["evaluation"].tolist() for part in parts]
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 30 and sorted(set(drawn[0])) == drawn[0]
    assert len(dataset_of("xyc", evaluation_images=1000).parts_of(80)["evaluation"]) == 80
    with pytest.raises(DatasetError, match=r"evaluation_images is 0.*80 images"):
        dataset_of("xyc", evaluation_images=0).parts_of(80)


def test_a_preset_that_there_is_not_is_named() -> None:
    with pytest.raises(DatasetError, match=r"preset is 'huge'; expected one of tiny, small, full"):
        _ = dataset_of("arrow", preset="huge").grid


def test_different_data_have_different_folders() -> None:
    kinds: list[dict[str, object]] = [
        {"source": "real"},
        {"preset": "small"},
        {"seed": 2},
        {"split": "held_out"},
        {"evaluation_images": 9},
    ]
    folders = [dataset_of(name, **kind).folder_name for name in NAMES for kind in [{}, *kinds]]
    assert len(set(folders)) == len(folders)
    assert dataset_of("face", source="real").folder_name == dataset_of("face", source="real", preset="x").folder_name


def test_sprites_take_the_cells_that_the_published_scripts_take(tmp_path: Path) -> None:
    """Sheets whose cells say their number: 13 a row, as the published scripts count them."""
    for layer in LAYERS:
        (tmp_path / layer).mkdir()
        for variant in range(6):
            Image.new("RGBA", (COLUMNS * CELL, 21 * CELL)).save(tmp_path / layer / f"{variant}.png")
    numbered = np.zeros((21, CELL, COLUMNS, CELL, 4), np.uint8)
    numbered[..., 3] = 255
    numbered[..., 0] = np.arange(21)[:, None, None, None]
    numbered[..., 1] = np.arange(13)[None, None, :, None]
    (tmp_path / "shoes").mkdir()
    Image.fromarray(numbered.reshape(21 * CELL, COLUMNS * CELL, 4)).save(tmp_path / "shoes/1.png")
    found = dataset_of("sprites", source="real").read_published(tmp_path)
    first = next(iter(found.slabs))
    cells = (13 * first[:, 0, 5, 5] + first[:, 1, 5, 5].astype(int)).reshape(9, 8).tolist()
    frames = dict(zip(ACTIONS, cells, strict=True))
    assert frames["walk", "front"] == [138, *range(131, 138)] and frames["walk", "left"] == [125, *range(118, 125)]
    assert frames["spellcard", "right"] == [39, 40, 41, 42, 43, 44, 43, 45]
    assert frames["slash", "left"] == [169, 170, 171, 172, 173, 174, 173, 169]
    assert [label for label, _ in enumerate(ACTIONS) if ACTIONS[label] == ("spellcard", "left")] == [4]


def test_clothes_lie_over_a_body_as_opaque_as_they_are(published: Made) -> None:
    dataset, layout = published("sprites")
    half = Image.new("RGBA", (COLUMNS * CELL, 21 * CELL), (0, 255, 0, 128))
    half.save(layout / "shoes/1.png")
    images, _ = convert(dataset, layout)
    # The corner of a cell holds nothing else: half green on black.
    assert images[:, :, 0, 0].tolist() == [[0, 128, 0]] * len(images)


def write_with_numpy(name: str, layout: Path, images: np.ndarray, dataset: Any) -> None:
    """The published file, as its publisher's tools write it."""
    last = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    if name == "xyc":
        np.savez(layout / "xyc.npz", imgs=np.float32(images[:, 0] / 255), labs=dataset.labels)
    if name == "teapots":
        np.savez(layout / "teapots.npz", images=last.astype(np.int32), gts=dataset.values)
    if name == "dsprites":
        latents = np.insert(dataset.grid.published_classes, 0, 0, axis=1)
        metadata = np.array({"title": "dSprites dataset"}, object)
        path = layout / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
        np.savez_compressed(path, metadata=metadata, imgs=images[:, 0] // 255, latents_classes=latents,
                            latents_values=dataset.labels)  # fmt: skip
    if name == "shapes3d":
        with h5py.File(layout / "3dshapes.h5", "w") as file:
            file.create_dataset("images", data=last, chunks=(8, 64, 64, 3), compression="gzip")
            file["labels"] = dataset.labels
    sizes = tuple(dataset.factors.values())
    if name == "airplane":
        (layout / "data/modelnet40").mkdir(parents=True)
        with h5py.File(layout / "data/modelnet40/modelnet_color_single_64_64.h5", "w") as file:
            group = file.create_group("airplane/airplane_0627")
            group["images"] = np.float32(last / 255).reshape(*sizes, 64, 64, 3)
            group["colors"], group["views"] = np.arange(sizes[0]), np.arange(sizes[1])
    if name == "face":
        torch.save(torch.from_numpy(images.reshape(*sizes, 64, 64)), layout / "basel_face_renders.pth")


@pytest.mark.parametrize("name", ["xyc", "teapots", "dsprites", "shapes3d", "airplane", "face"])
def test_a_file_as_its_publisher_writes_it_is_read(name: str, made: Made, tmp_path: Path) -> None:
    dataset, folder = made(name)
    images, factors = read_part(folder)
    write_with_numpy(name, tmp_path, images, dataset)
    found, classes = convert(dataset, tmp_path)
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(classes, factors)
    counts = dataset.check_published(tmp_path)
    assert counts["images"] == len(images) and counts["bytes"] > 0


def only_file(layout: Path) -> Path:
    """The published file, or one of several."""
    return sorted(path for path in layout.rglob("*") if path.is_file())[-1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.quick(3)
def test_a_truncated_a_foreign_and_a_missing_file_are_named(name: str, published: Made) -> None:
    dataset, layout = published(name)
    path = only_file(layout)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.9 * len(whole))])
    with pytest.raises(DatasetError, match=rf"{path.name} \(\d+ bytes\) is not a whole"):
        convert(dataset, layout)
    path.write_bytes(b"something else" * 99)
    with pytest.raises(DatasetError, match=rf"{path.name} \(1386 bytes\) is not a whole"):
        convert(dataset, layout)
    path.unlink()
    with pytest.raises(DatasetError, match=f"{path.name} does not exist"):
        convert(dataset, layout)


@pytest.mark.parametrize(("name", "key"), [("xyc", "labs"), ("shapes3d", "labels"), ("dsprites", "latents_values")])
def test_another_grid_of_factors_or_another_order_is_named(name: str, key: str, made: Made, tmp_path: Path) -> None:
    images, _ = read_part(made(name)[1])
    dataset: Any = dataset_of(name)
    right = dataset.labels
    for wrong, told in ((right[::-1], "another grid of factors, or another order"), (right[:-1], "has .* rows")):
        labels = type("Labelled", (), {"labels": wrong, "grid": dataset.grid, "factors": dataset.factors})
        write_with_numpy(name, tmp_path, images[: len(wrong)], labels)
        with pytest.raises(DatasetError, match=f"'{key}'.*{told}"):
            convert(dataset, tmp_path)


def test_values_that_no_image_has_are_named(made: Made, tmp_path: Path) -> None:
    dataset, folder = made("xyc")
    images, _ = read_part(folder)
    write_with_numpy("xyc", tmp_path, images * 1.5, dataset)
    with pytest.raises(DatasetError, match=r"'imgs' holds values from 0.0 to 1.5; expected 0 to 1"):
        convert(dataset, tmp_path)


def test_a_teapot_from_nowhere_is_named(made: Made, tmp_path: Path) -> None:
    dataset: Any = dataset_of("teapots")
    dataset.values[3, 1] = 2.0
    write_with_numpy("teapots", tmp_path, read_part(made("teapots")[1])[0], dataset)
    with pytest.raises(DatasetError, match=r"'gts'\[3\] is .*; expected azimuth, elevation"):
        convert(dataset, tmp_path)


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    dataset = dataset_of("xyc")
    np.savez(tmp_path / "xyc.npz", labs=np.array([{"a": 1}], object), imgs=np.zeros(1))
    with pytest.raises(DatasetError, match="'labs' holds objects"):
        convert(dataset, tmp_path)


def test_a_file_of_other_faces_and_an_arrow_of_another_size_are_named(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "basel_face_renders.pth")
    with pytest.raises(DatasetError, match=r"holds dict; expected one tensor of \(50, 21, 11, 11, 64, 64\)"):
        convert(dataset_of("face", source="real"), tmp_path)
    (tmp_path / ARROW).parent.mkdir(parents=True)
    Image.new("RGB", (32, 64)).save(tmp_path / ARROW)
    with pytest.raises(DatasetError, match="is of 32 x 64 pixels; expected 64 x 64"):
        convert(dataset_of("arrow", source="real"), tmp_path)


def test_a_folder_of_another_data_set_is_named(made: Made) -> None:
    (_, arrows), (other, _) = made("arrow"), made("airplane")
    with pytest.raises(DatasetError, match="'set' is 'arrow'; expected 'airplane'"):
        other.verify(arrows, thorough=False)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"split": "held_out"}, "there are 8 samples: more than the 10 bins"),
        ({"preset": "one"}, "constant factors: y"),
    ],
)
def test_images_that_no_score_can_be_computed_on_are_told_before_training(
    changed: dict[str, object], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = dataset_of("xyc", **changed)
    monkeypatch.setattr(dataset, "PRESETS", {**dataset.PRESETS, "one": {"x": 17, "y": 53}})
    dataset.synthesise(tmp_path / "xyc", lambda done, total: None, 1)
    with pytest.raises(DatasetError, match=f"{told}.*benchmark.dataset.evaluation_images, split, seed or preset"):
        dataset.verify(tmp_path / "xyc", thorough=False)


def test_a_damaged_folder_is_named(made: Made, tmp_path: Path) -> None:
    dataset = dataset_of("xyc")
    dataset.synthesise(tmp_path / "xyc", lambda done, total: None, 1)
    path = tmp_path / "xyc" / DESCRIPTION
    description: Mapping[str, object] = json.loads(path.read_text())
    path.write_text(json.dumps({**description, "factor_sizes": [4, 4, 6]}))
    with pytest.raises(DatasetError, match=r"'factor_sizes' is \[4, 4, 6\]; expected \[4, 4, 5\]"):
        dataset.verify(tmp_path / "xyc", thorough=False)
    path.write_text(json.dumps(description))
    shard = tmp_path / "xyc" / "training-00000-of-00002.h5"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=shard.name):
        dataset.verify(tmp_path / "xyc", thorough=False)


@pytest.mark.parametrize("name", NAMES)
def test_what_no_bucket_holds_is_told_where_to_get(name: str, tmp_path: Path) -> None:
    content = DATASETS.content("disentanglement", name)
    settings = dict(dataset_of(name, source="real").settings)
    work = Work({
        "benchmark": "disentanglement", "class": content["dataset_class"], "dataset": settings, "root": str(tmp_path),
        "scratch": None, "download": {"endpoints": [], "prefix": None, "connections": 1, "folder": None},
    })  # fmt: skip
    with pytest.raises(MissingDatasetError, match=r"get it from (github|console\.cloud\.google)\.com/.*folder"):
        work.download()
