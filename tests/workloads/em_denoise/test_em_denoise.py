import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

import workloads.em_denoise
from workloads.em_denoise import formats
from workloads.em_denoise.dataset import EmDenoiseDataset
from workloads.em_denoise.model import Denoiser
from workloads.em_denoise.quality import DenoisingQuality
from workloads.em_denoise.task import EmDenoiseTask
from workloads.micrographs.graphene import BOND, perfect_sheet
from workloads.micrographs.imaging import clean_image, noisy_image
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Step, to_device

SETTINGS = {
    "source": "stand-in", "version": "1", "split": "test", "preset": "tiny", "seed": 3, "pixels": 64,
    "training_images": 21, "evaluation_images": 5, "inference_images": 2,
}  # fmt: skip
BENCHMARK = yaml.safe_load((Path(workloads.em_denoise.__file__).parent / "benchmark.yaml").read_text())


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    EmDenoiseDataset(SETTINGS).write_published(folder, silent, workers=1)
    return folder


@pytest.fixture(scope="module")
def folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data") / EmDenoiseDataset(SETTINGS).folder_name
    EmDenoiseDataset(SETTINGS).convert(published, made, silent)
    return made


@pytest.fixture
def damaged(tmp_path: Path, published: Path) -> Path:
    import shutil

    return shutil.copytree(published, tmp_path / "copy")


def test_the_model_has_as_many_parameters_as_the_published_one() -> None:
    assert sum(parameter.numel() for parameter in Denoiser().parameters()) == 122_737


def test_the_reference_recipe_is_the_published_training_of_the_published_data() -> None:
    training, recipe = BENCHMARK["training"], BENCHMARK["recipes"]["reference"]
    assert (training["epochs"], training["batch_size"]) == (10, 128)
    assert training["optimizer"] == {"name": "adam", "learning_rate": 0.01}
    assert recipe == {"dataset": {"source": "real", "pixels": 256}}


def test_neighbours_in_a_perfect_sheet_are_a_bond_apart_and_three() -> None:
    atoms = perfect_sheet(30.0, 0.4, np.zeros(2))
    centre = atoms[np.linalg.norm(atoms, axis=1).argmin()]
    distance = np.sort(np.linalg.norm(atoms - centre, axis=1))
    assert distance[1:4] == pytest.approx([BOND] * 3) and distance[4] == pytest.approx(BOND * 3**0.5)


def test_an_atom_is_bright_where_it_stands_and_vacuum_is_grey() -> None:
    assert clean_image(np.empty((0, 2)), 64, 0.15, 55.0, 10.0) == pytest.approx(0.5)
    image = clean_image(np.zeros((1, 2)), 65, 0.15, 55.0, 10.0)
    assert np.argwhere(image == image.max()).tolist() == [[32, 32]]


def test_noise_is_as_strong_as_counting_electrons_makes_it() -> None:
    clean = np.full((128, 128), 0.5, np.float32)
    noisy = noisy_image(clean, np.random.default_rng(1))
    assert noisy.max() < 1.5 and 0 < noisy.std() < 0.3 and noisy.mean() < clean.mean()


def test_the_published_layout_is_written_and_passes_its_own_check(published: Path) -> None:
    with h5py.File(published / "train" / "graphene_img_noise.h5") as file:
        assert file["images"].shape == (21, 64, 64, 1) and file["images"].dtype == np.float32
    found = EmDenoiseDataset(SETTINGS).check_published(published)
    assert (found["train_images"], found["test_images"], found["inference_images"]) == (21, 5, 2)


def test_conversion_changes_no_value(published: Path, folder: Path) -> None:
    samples = ConsolidatedSet(folder, "training").read(np.arange(21))
    for name, file in formats.FILES.items():
        with h5py.File(published / "train" / file) as opened:
            assert np.array_equal(samples[name][:, 0], opened["images"][..., 0])
    told = EmDenoiseDataset(SETTINGS).verify(folder, thorough=True)
    assert (told["training_samples"], told["evaluation_samples"]) == (21, 5)


def test_the_last_tenth_of_the_training_images_can_be_held_out(published: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "split": "held_out"}
    EmDenoiseDataset(settings).convert(published, tmp_path / "set", silent)
    told = EmDenoiseDataset(settings).verify(tmp_path / "set", thorough=False)
    assert (told["training_samples"], told["evaluation_samples"]) == (19, 2)


def test_the_same_settings_make_the_same_bytes_with_any_number_of_workers(folder: Path, tmp_path: Path) -> None:
    EmDenoiseDataset(SETTINGS).synthesise(tmp_path / "set", silent, workers=2)
    checksums = [json.loads((one / "dataset.json").read_text())["checksum"] for one in (folder, tmp_path / "set")]
    assert checksums[0] == checksums[1]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("key", EmDenoiseDataset.MADE_OF[1:])
def test_whatever_changes_the_data_changes_the_folder(key: str) -> None:
    assert EmDenoiseDataset({**SETTINGS, key: 99}).folder_name != EmDenoiseDataset(SETTINGS).folder_name


def images(values: np.ndarray) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        with h5py.File(path, "w") as file:
            file["images"] = values

    return change


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.unlink(), "does not exist"),
        (lambda path: path.write_bytes(b""), "0 bytes"),
        (cut, "not a whole HDF5 file"),
        (lambda path: (path.unlink(), h5py.File(path, "w").close()), "no key 'images'"),
        (images(np.zeros((5, 64, 64), np.float32)), "shape (5, 64, 64); expected (N, 64, 64, 1)"),
        (images(np.zeros((0, 64, 64, 1), np.float32)), "no images"),
        (images(np.zeros((5, 64, 64, 1))), "float64; expected float32"),
        (images(np.zeros((4, 64, 64, 1), np.float32)), "has 4 images; expected 5"),
        (images(np.full((5, 64, 64, 1), np.nan, np.float32)), "'images'[0] holds NaN"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(damaged: Path, change: Callable[[Path], object], said: str) -> None:
    path = damaged / "test" / "graphene_img_clean.h5"
    change(path)
    with pytest.raises(DatasetError) as error:
        EmDenoiseDataset(SETTINGS).check_published(damaged)
    assert str(path) in str(error.value) and said in str(error.value)


def test_a_noisy_image_without_its_truth_is_named(damaged: Path) -> None:
    (damaged / "inference" / "truth" / "graphene_00001.tiff").unlink()
    with pytest.raises(DatasetError, match=r"truth/graphene_00001\.tiff does not exist"):
        EmDenoiseDataset(SETTINGS).check_published(damaged)


def test_metrics_are_those_of_scikit_image_averaged_over_images() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    random = np.random.default_rng(1)
    clean = random.random((5, 1, 40, 48)).astype(np.float32)
    noisy, denoised = (clean + random.normal(0, s, clean.shape).astype(np.float32) for s in (0.3, 0.1))
    quality = DenoisingQuality(1.0)
    for part in (slice(0, 2), slice(2, 5)):
        quality.add(*(torch.from_numpy(array[part]) for array in (denoised, noisy, clean)))
    found = quality.compute(quality.counts, {})
    for suffix, tested in (("", denoised), ("_noisy", noisy)):
        both = [(truth[0].astype(float), image[0].astype(float)) for truth, image in zip(clean, tested, strict=True)]
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        expected = {
            "mse": [metrics.mean_squared_error(*pair) for pair in both],
            "psnr": [metrics.peak_signal_noise_ratio(*pair, data_range=1.0) for pair in both],
            "ssim": [metrics.structural_similarity(*pair, **options) for pair in both],
        }
        for name, values in expected.items():
            assert found[name + suffix] == pytest.approx(np.mean(values), rel=1e-9)


@pytest.mark.parametrize("ranks", [2, 4])
def test_sums_of_any_number_of_ranks_give_the_metrics_of_one(ranks: int) -> None:
    clean, noisy, denoised = torch.rand(3, 9, 1, 24, 24, generator=torch.Generator().manual_seed(1))
    whole, parts = DenoisingQuality(1.0), [DenoisingQuality(1.0) for _ in range(ranks)]
    whole.add(denoised, noisy, clean)
    for rank, part in enumerate(parts):
        part.add(denoised[rank::ranks], noisy[rank::ranks], clean[rank::ranks])
    together = whole.compute(np.sum([part.counts for part in parts], axis=0), {})
    assert together == whole.compute(whole.counts, {})


def test_training_lowers_the_loss(folder: Path) -> None:
    torch.manual_seed(1)
    task = EmDenoiseTask(BENCHMARK, folder)
    model = task.build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batch = to_device(task.training_set.read(np.arange(8)), torch.device("cpu"))
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = task.loss(model, batch, Step())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
