from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from workloads.dms_scatter import formats
from workloads.dms_scatter.dataset import DmsScatterDataset, DmsScatterDescription
from workloads.dms_scatter.synthesis import Recipe, label_of, simulate_sample
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of


def quiet(done: int, total: int) -> None:
    pass


def test_the_stand_in_has_the_published_layout(published: Path) -> None:
    with h5py.File(published / "training/data-binary.h5") as file:
        for group, samples in (("train", 48), ("test", 12)):
            assert file[f"{group}/images"].shape == (samples, 487, 195, 3)
            assert file[f"{group}/images"].dtype == np.float32
            labels = file[f"{group}/labels"][()]
            assert np.bincount(labels).tolist() == [samples // 2, samples // 2]
    assert len(list((published / "inference").rglob("*.png"))) == 4


def test_the_check_counts_what_is_there(published: Path, tiny: dict[str, Any]) -> None:
    found = DmsScatterDataset(tiny).check_published(published)
    size = found.pop("bytes")
    assert size > 60 * 487 * 195 * 3 * 4
    assert found == {
        "training_samples": 48,
        "evaluation_samples": 12,
        "monoclinic": 30,
        "tetragonal": 30,
        "inference_images": 4,
    }


def test_inference_images_carry_their_class_in_the_path_and_are_patterns_of_their_own(
    published: Path, tiny: dict[str, Any]
) -> None:
    files = formats.inference_files(published / "inference")
    for path, truth in files:
        number = int(path.stem)
        assert number >= 60 and label_of(number) == truth and path.parent.name == ["monoclinic", "tetragonal"][truth]
        assert np.array_equal(formats.read_image(path), simulate_sample(number, tiny["seed"]))


def test_a_class_name_above_the_folder_says_nothing_of_the_images(tmp_path: Path) -> None:
    folder = tmp_path / "monoclinic_and_others"
    formats.write_image(folder / "tetragonal/1.png", np.zeros((487, 195, 3), np.uint8))
    assert formats.inference_files(folder) == [(folder / "tetragonal/1.png", 1)]


def test_the_data_are_the_same_for_any_number_of_workers(published: Path, tiny: dict[str, Any], tmp_path: Path) -> None:
    DmsScatterDataset(tiny).write_published(tmp_path, quiet, workers=1)
    one, other = (path / "training/data-binary.h5" for path in (tmp_path, published))
    with h5py.File(one) as first, h5py.File(other) as second:
        for key in ("train/images", "train/labels", "test/images", "test/labels"):
            assert np.array_equal(first[key][()], second[key][()])


def test_no_sample_is_in_two_parts(tiny: dict[str, Any]) -> None:
    parts = Recipe.of({**tiny, "preset": "full"}).parts
    numbers = np.concatenate(list(parts.values()))
    assert len(numbers) == len(set(numbers.tolist())) == 8060
    assert {part: len(numbers) for part, numbers in parts.items()} == {"training": 6448, "evaluation": 1612}


def test_conversion_keeps_every_sample_and_measures_the_training_pixels(
    published: Path, consolidated: Path, tiny: dict[str, Any]
) -> None:
    with h5py.File(published / "training/data-binary.h5") as file:
        images, labels = file["train/images"][()], file["train/labels"][()]
        evaluation = file["test/images"][()]
    training = ConsolidatedSet(consolidated, "training")
    read = training.read(np.arange(48))
    assert np.array_equal(read["input"], images) and np.array_equal(read["target"], labels)
    assert np.array_equal(ConsolidatedSet(consolidated, "evaluation").read(np.arange(12))["input"], evaluation)
    pixels = read_description_of(consolidated, DmsScatterDescription)["pixels"]
    assert pixels["mean"] == pytest.approx(images.mean(dtype=np.float64), rel=1e-5)
    assert pixels["deviation"] == pytest.approx(images.std(dtype=np.float64), rel=1e-4)
    found = DmsScatterDataset(tiny).verify(consolidated, thorough=True)
    assert (found["source"], found["training_samples"], found["evaluation_samples"]) == ("stand-in", 48, 12)


def test_other_settings_live_in_another_folder(tiny: dict[str, Any]) -> None:
    names = {
        DmsScatterDataset({**tiny, **change}).folder_name
        for change in ({}, {"seed": 2}, {"preset": "full"}, {"version": "2"})
    }
    assert len(names) == 4
    assert DmsScatterDataset({**tiny, "source": "real", "version": "dms_sim"}).folder_name == "dms_scatter/real-dms_sim"


def test_real_data_are_not_synthesised(tmp_path: Path, tiny: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="download"):
        DmsScatterDataset({**tiny, "source": "real"}).synthesise(tmp_path / "real", quiet, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"preset": "huge"}, "expected one of tiny, small, full"), ({"evaluation_share": 1.0}, "between 0 and 1")],
)
def test_wrong_settings_are_named(tiny: dict[str, Any], change: dict[str, Any], said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        Recipe.of({**tiny, **change})


GOOD = np.zeros((2, 487, 195, 3), np.float32)


def written(path: Path, **changes: np.ndarray | None) -> None:
    """A training file with two images in each group, some of it changed; None leaves a dataset out."""
    arrays = {f"{group}/{key}": value for group in ("train", "test") for key, value in
              (("images", GOOD), ("labels", np.array([0, 1])))}  # fmt: skip
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        for key, value in {**arrays, **changes}.items():
            if value is not None:
                file[key] = value


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train/images": None}, "no dataset 'train/images'"),
        ({"test/labels": None}, "no dataset 'test/labels'"),
        ({"train/images": GOOD.transpose(0, 3, 1, 2)}, "'train/images' has shape (2, 3, 487, 195); expected"),
        ({"train/images": GOOD[0]}, "'train/images' has shape (487, 195, 3); expected"),
        ({"test/images": GOOD.astype(np.uint8)}, "'test/images' has dtype uint8; expected float32"),
        ({"test/images": GOOD[:0]}, "'test/images' is empty"),
        ({"train/labels": np.array([0, 1, 1])}, "'train/labels' has shape (3,); expected (2,)"),
        ({"train/labels": np.array([0, 2])}, "'train/labels'[1] is 2; expected 0 (monoclinic) or 1 (tetragonal)"),
        ({"train/labels": np.array([b"a", b"b"])}, "'train/labels' has dtype"),
        ({"test/images": GOOD * np.nan}, "'test/images'[0] holds NaN or infinite values"),
    ],
)
def test_a_bad_training_file_is_named_with_what_is_wrong(
    tmp_path: Path, tiny: dict[str, Any], changes: dict[str, np.ndarray | None], said: str
) -> None:
    path = tmp_path / "training/data-binary.h5"
    written(path, **changes)
    dataset = DmsScatterDataset(tiny)
    for use in (lambda: dataset.check_published(tmp_path), lambda: dataset.convert(tmp_path, tmp_path / "out", quiet)):
        with pytest.raises(DatasetError) as error:
            use()
        assert str(path) in str(error.value) and said in str(error.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["training"]


def test_labels_in_a_column_are_as_good(tmp_path: Path, tiny: dict[str, Any]) -> None:
    written(tmp_path / "training/data-binary.h5", **{"train/labels": np.array([[1.0], [0.0]])})
    assert DmsScatterDataset(tiny).check_published(tmp_path)["training_samples"] == 2


def test_a_truncated_an_empty_and_a_missing_training_file_are_named(tmp_path: Path, tiny: dict[str, Any]) -> None:
    path = tmp_path / "training/data-binary.h5"
    with pytest.raises(DatasetError, match="does not exist"):
        DmsScatterDataset(tiny).check_published(tmp_path)
    written(path)
    path.write_bytes(path.read_bytes()[:-100_000])
    with pytest.raises(DatasetError, match="not a whole HDF5 file"):
        DmsScatterDataset(tiny).check_published(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match="0 bytes"):
        DmsScatterDataset(tiny).check_published(tmp_path)


def test_bad_inference_images_are_named(tmp_path: Path, tiny: dict[str, Any]) -> None:
    written(tmp_path / "training/data-binary.h5")
    image = tmp_path / "inference/tetragonal/1.png"
    formats.write_image(image, np.zeros((487, 195, 3), np.uint8))
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=r"1\.png .* not a whole image"):
        DmsScatterDataset(tiny).check_published(tmp_path)
    formats.write_image(image, np.zeros((195, 487, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"1\.png has shape \(195, 487, 3\)"):
        DmsScatterDataset(tiny).check_published(tmp_path)
    image.rename(tmp_path / "inference/1.png")
    with pytest.raises(DatasetError, match="expected one of monoclinic or tetragonal"):
        DmsScatterDataset(tiny).check_published(tmp_path)
