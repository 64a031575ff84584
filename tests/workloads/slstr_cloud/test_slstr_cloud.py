import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from sklearn.model_selection import train_test_split
from torch.utils._python_dispatch import TorchDispatchMode

import workloads.slstr_cloud
from workloads.runtime.errors import DatasetError
from workloads.runtime.task import Step, to_device
from workloads.slstr_cloud import formats
from workloads.slstr_cloud.dataset import SlstrCloudDataset, write_stand_in
from workloads.slstr_cloud.geometry import Geometry, split_by_file
from workloads.slstr_cloud.inference import scene_logits
from workloads.slstr_cloud.model import UNet
from workloads.slstr_cloud.quality import CloudQuality
from workloads.slstr_cloud.radiation import brightness_temperature, planck
from workloads.slstr_cloud.simulation import simulate_scene
from workloads.slstr_cloud.task import SlstrCloudTask

BENCHMARK: Any = yaml.safe_load((Path(workloads.slstr_cloud.__file__).parent / "benchmark.yaml").read_text())
PUBLISHED = Geometry(1200, 1500, 256, 80)
TINY: dict[str, Any] = {
    "source": "stand-in", "version": "1", "split": "file", "preset": "tiny", "seed": 3,
    "height": 72, "width": 90, "patch": 32, "crop": 8, "scenes": 5,
}  # fmt: skip
SETTINGS: Any = {
    "dataset": TINY,
    "model": {"width": 4, "merge_enlargement": False, "cloud_weight": 1.0, "rim": 0},
}  # fmt: skip


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    for number in range(TINY["scenes"]):
        write_stand_in(folder, (72, 90), TINY["seed"], number)
    return folder


@pytest.fixture(scope="module")
def folder(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "set"
    SlstrCloudDataset(TINY).convert(published, folder, lambda done, total: None)
    return folder


def test_the_published_geometry_has_20_training_and_63_inference_patches() -> None:
    assert PUBLISHED.training_patches == 20 and PUBLISHED.tiles == 63 and PUBLISHED.stride == 176
    assert np.array_equal(PUBLISHED.cut(np.arange(1200)[:, None] + np.zeros((1, 1500)))[0][:, 0], np.arange(88, 344))


@pytest.mark.parametrize("geometry", [PUBLISHED, Geometry(600, 750, 128, 40), Geometry(65, 77, 32, 6)])
def test_patches_that_cover_a_scene_stitch_to_that_scene(geometry: Geometry) -> None:
    scene = torch.rand(*geometry.shape, 1)
    assert torch.equal(geometry.stitch(geometry.cover(scene)[..., 0]), scene[..., 0])


def test_files_are_divided_as_scikit_learn_divides_them() -> None:
    training, evaluation = split_by_file(970, 0.8, 42)
    expected = train_test_split(range(970), train_size=0.8, random_state=42)
    assert [training.tolist(), evaluation.tolist()] == expected and len(training) == 776


def test_the_reference_model_has_the_published_number_of_parameters() -> None:
    model = SlstrCloudTask(BENCHMARK, Path("nowhere")).build_model()
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_948_609


def test_enlargement_merged_with_the_convolution_behind_it_is_the_same_function() -> None:
    torch.manual_seed(1)
    plain, merged = UNet(4).double(), UNet(4, merge=True).double()
    merged.load_state_dict(plain.state_dict())
    images = torch.randn(2, 9, 24, 40, dtype=torch.float64)
    weights = torch.randn(2, 1, 24, 40, dtype=torch.float64)
    outputs = [model(images) for model in (plain, merged)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-12, atol=1e-12)
    for output in outputs:
        (output * weights).sum().backward()
    for one, other in zip(plain.parameters(), merged.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-10, atol=1e-10)


def random_masks(seed: int, count: int = 6) -> tuple[list[np.ndarray], list[np.ndarray]]:
    random = np.random.default_rng(seed)
    truth = [random.random((20, 30)) < random.random() for _ in range(count)]
    predicted = [mask ^ (random.random(mask.shape) < 0.2) for mask in truth]
    return truth, predicted


def counted(truth: list[np.ndarray], predicted: list[np.ndarray]) -> np.ndarray:
    quality = CloudQuality(PUBLISHED)
    for true, found in zip(truth, predicted, strict=True):
        quality.add(torch.from_numpy(found), torch.from_numpy(true))
    return quality.counts


def test_metrics_are_what_scikit_learn_computes_over_the_set_and_by_scene() -> None:
    truth, predicted = random_masks(1)
    found = CloudQuality(PUBLISHED).compute(counted(truth, predicted), {})
    for name, metric in (("accuracy", accuracy_score), ("iou", jaccard_score), ("f1", f1_score)):
        assert found[name] == pytest.approx(metric(np.ravel(truth), np.ravel(predicted)))
        scenes = [metric(true.ravel(), mask.ravel()) for true, mask in zip(truth, predicted, strict=True)]
        assert found[f"scene_{name}"] == pytest.approx(np.mean(scenes))


def test_metrics_are_identical_for_any_number_of_ranks() -> None:
    truth, predicted = random_masks(2, 11)
    whole = counted(truth, predicted)
    for ranks in (2, 4):
        shares = [counted(truth[rank::ranks], predicted[rank::ranks]) for rank in range(ranks)]
        assert np.array_equal(sum(shares), whole)


def test_a_scene_without_cloud_that_is_called_clear_scores_one() -> None:
    clear = [np.zeros((4, 4), bool)]
    assert set(CloudQuality(PUBLISHED).compute(counted(clear, clear), {}).values()) == {1.0}


def test_brightness_temperature_inverts_the_planck_function() -> None:
    kelvin = np.linspace(190, 320, 50, dtype=np.float32)
    assert np.allclose(brightness_temperature(10.854, planck(10.854, kelvin)), kelvin, atol=0.05)


def test_clouds_are_cold_and_bright_and_the_night_has_no_reflectance() -> None:
    differences = []
    for number in range(6):
        scene = simulate_scene((120, 150), number % 2 == 0, np.random.default_rng([5, number]))
        bts, refs = scene.arrays["bts"], scene.arrays["refs"]
        clear = ~scene.cloud & (bts[..., 1] > 0)
        if scene.cloud.any() and clear.any():
            differences.append(float(bts[scene.cloud][:, 1].mean() - bts[clear][:, 1].mean()))
        assert np.isfinite(bts).all() and (refs.any() == scene.day)
    assert np.mean(differences) < -10


def test_the_label_disagrees_with_the_true_cloud_in_some_pixels_but_not_many() -> None:
    wrong = []
    for number in range(8):
        scene = simulate_scene((120, 150), number % 2 == 0, np.random.default_rng([6, number]))
        wrong.append(np.mean((scene.arrays["bayes"][..., 0] > 0) != scene.cloud))
    assert 0.01 < np.mean(wrong) < 0.2


def test_the_converted_set_holds_patches_for_training_and_whole_scenes_for_evaluation(folder: Path) -> None:
    facts = SlstrCloudDataset(TINY).verify(folder, thorough=True)
    assert (facts["training_samples"], facts["evaluation_samples"]) == (4 * 4, 1)
    task = SlstrCloudTask(SETTINGS, folder)
    assert task.training_set.read(np.arange(2))["input"].shape == (2, 32, 32, 9)
    assert task.evaluation_set.read(np.arange(1))["target"].shape == (1, 72, 90)


def test_half_precision_keeps_temperatures_below_the_instruments_noise(published: Path) -> None:
    scene = formats.read_scene(formats.scene_files(published)[0], (72, 90))
    kelvin = formats.normalise_scene(scene)[..., 6:].astype(np.float64) * 22 + 270
    usual = (scene.bts > 230) & (scene.bts < 310)
    assert np.abs(kelvin - scene.bts)[usual].max() < 0.011


def test_the_same_seed_makes_the_same_file(published: Path, tmp_path: Path) -> None:
    write_stand_in(tmp_path, (72, 90), TINY["seed"], 1)
    again = formats.read_scene(formats.scene_files(tmp_path)[0], (72, 90))
    first = next(path for path in formats.scene_files(published) if path.name == formats.scene_files(tmp_path)[0].name)
    assert np.array_equal(again.bts, formats.read_scene(first, (72, 90)).bts)


def spoil(path: Path, kind: str) -> None:
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:-5000])
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        with h5py.File(path, "r+") as file:
            values = file["bts"][()]
            del file["bts"]
            if kind == "wrong shape":
                file["bts"] = values[:-1]
            elif kind == "wrong type":
                file["bts"] = values.astype("S8")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("truncated", "whole HDF5"), ("empty", "is empty"), ("missing", "no dataset 'bts'"),
     ("wrong shape", "'bts' has shape"), ("wrong type", "'bts' has dtype")],
)  # fmt: skip
def test_a_bad_published_file_is_named_with_its_key(tmp_path: Path, kind: str, words: str) -> None:
    for number in range(2):
        write_stand_in(tmp_path, (72, 90), 1, number)
    assert SlstrCloudDataset(TINY).check_published(tmp_path)["scenes"] == 2
    path = formats.scene_files(tmp_path)[0]
    spoil(path, kind)
    with pytest.raises(DatasetError, match=words) as caught:
        SlstrCloudDataset(TINY).check_published(tmp_path)
    assert path.name in str(caught.value)


def test_training_lowers_the_loss_and_evaluation_counts_every_measured_pixel_once(folder: Path) -> None:
    torch.manual_seed(1)
    task = SlstrCloudTask(SETTINGS, folder)
    model = task.build_model()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    batch = to_device(task.training_set.read(np.arange(8)), torch.device("cpu"))
    losses = []
    for _ in range(15):
        loss = task.loss(model, batch, Step())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    scenes = to_device(task.evaluation_set.read(np.arange(1)), torch.device("cpu"))
    quality = task.new_quality()
    with torch.inference_mode():
        quality.update(model.eval(), scenes)
        assert task.predict(model, scenes).shape == (1, 72, 90)
        assert scene_logits(model, scenes["input"][0], Geometry.of(TINY)).isfinite().all()
    assert quality.counts[:4].sum() == int(formats.measured_mask(scenes["input"][0]).sum())


def test_the_weighted_loss_without_the_rim_is_that_of_its_definition(folder: Path) -> None:
    settings: Any = {**SETTINGS, "model": {"width": 4, "merge_enlargement": True, "cloud_weight": 0.5, "rim": 5}}
    task = SlstrCloudTask(settings, folder)
    model = task.build_model()
    batch = to_device(task.training_set.read(np.arange(2)), torch.device("cpu"))
    chance = model(batch["input"])[:, 5:-5, 5:-5].double().sigmoid()
    truth = batch["target"][:, 5:-5, 5:-5].double()
    expected = -(0.5 * truth * chance.log() + (1 - truth) * (1 - chance).log()).mean()
    assert task.loss(model, batch, Step()).item() == pytest.approx(expected.item(), rel=1e-4)


class Calls(TorchDispatchMode):
    """The names of the operators that are called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def test_a_step_makes_no_tensor_of_numbers_in_the_hosts_memory_which_would_wait_for_an_accelerator(
    folder: Path,
) -> None:
    settings: Any = {**SETTINGS, "model": {"width": 4, "merge_enlargement": True, "cloud_weight": 0.5, "rim": 5}}
    task = SlstrCloudTask(settings, folder)
    model = task.build_model()
    batch = to_device(task.training_set.read(np.arange(2)), torch.device("cpu"))
    with Calls() as calls:
        task.loss(model, batch, Step()).backward()
    # What torch.tensor makes of numbers passes through "lift_fresh", wherever it goes.
    assert "convolution" in calls.names and "lift_fresh" not in calls.names


def test_the_description_names_the_evaluation_scenes(folder: Path) -> None:
    assert len(json.loads((folder / "dataset.json").read_text())["evaluation_scenes"]) == 1
