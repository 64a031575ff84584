from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from workloads.runtime.errors import DatasetError
from workloads.stemdl.formats import (
    Sample,
    log_scaled,
    preprocess_stack,
    raw_groups,
    read_processed,
    read_raw,
    write_processed,
    write_raw,
)


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(1).exponential(1e-4, size=(3, 512, 512)).astype(np.float32)


def test_log_scaling_is_the_published_one() -> None:
    intensity = np.array([0.0, np.exp(-17), np.exp(-10), 1.0, 1e9], dtype=np.float32)
    assert log_scaled(intensity) == pytest.approx([0, 0, 70, 170, 255], abs=1e-3)


def test_resizing_is_the_mean_of_four_by_four_pixels_after_the_logarithm(stack: np.ndarray) -> None:
    small = preprocess_stack(stack)
    assert small.shape == (3, 128, 128) and small.dtype == np.float32
    assert small[2, 5, 7] == pytest.approx(log_scaled(stack[2, 20:24, 28:32]).mean(), rel=1e-5)


def test_a_raw_file_of_several_groups_is_read_back(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "batch.h5"
    write_raw(path, "sample_0", stack, 225)
    write_raw(path, "sample_1", stack * 2, 14)
    assert len(raw_groups(path)) == 2
    samples = list(read_raw(path))
    assert [(name, label) for name, _, label in samples] == [("sample_0", 225), ("sample_1", 14)]
    assert np.array_equal(samples[1][1], stack * 2)


def test_a_processed_file_is_read_back(tmp_path: Path) -> None:
    data = np.random.default_rng(1).uniform(0, 255, (3, 128, 128)).astype(np.float32)
    write_processed(tmp_path / "sample-0.npz", Sample(data, 62))
    with np.load(tmp_path / "sample-0.npz") as archive:
        assert archive["label"].shape == (1,) and archive["data"].dtype == np.float32
    read = read_processed(tmp_path / "sample-0.npz")
    assert read.label == 62 and np.array_equal(read.data, data)


def raw_with(change: Callable[[h5py.Group], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_raw(path, "sample_0", np.ones((3, 512, 512), np.float32), 225)
        with h5py.File(path, "a") as file:
            change(file["sample_0"])

    return write


def replaced(values: np.ndarray) -> Callable[[Path], None]:
    def change(group: h5py.Group) -> None:
        del group["cbed_stack"]
        group["cbed_stack"] = values

    return raw_with(change)


def cut(path: Path) -> None:
    raw_with(lambda group: None)(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def empty_file(path: Path) -> None:
    path.touch()


def no_groups(path: Path) -> None:
    h5py.File(path, "w").close()


NAN = np.full((3, 512, 512), np.nan, np.float32)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "does not exist"),
        (empty_file, "0 bytes"),
        (cut, "not a whole HDF5 file"),
        (no_groups, "no groups"),
        (raw_with(lambda group: group.pop("cbed_stack")), "'sample_0' has no dataset 'cbed_stack'"),
        (raw_with(lambda group: group.attrs.pop("space_group")), "no attribute 'space_group'"),
        (raw_with(lambda group: group.attrs.modify("space_group", 231)), "231; expected one integer from 1 to 230"),
        (raw_with(lambda group: group.attrs.modify("space_group", 0)), "expected one integer from 1 to 230"),
        (raw_with(lambda group: group.attrs.create("space_group", 2.5)), "2.5"),
        (replaced(np.ones((3, 256, 256), np.float32)), "shape (3, 256, 256); expected (3, 512, 512)"),
        (replaced(np.ones((3, 512, 512), np.float64)), "dtype float64; expected float32"),
        (replaced(NAN), "NaN or infinite"),
        (replaced(-np.ones((3, 512, 512), np.float32)), "negative"),
    ],
)
def test_a_bad_raw_file_is_named_with_what_is_wrong_and_what_would_be_right(
    tmp_path: Path, write: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "bad.h5"
    write(path)
    with pytest.raises(DatasetError) as error:
        list(read_raw(path))
    assert str(path) in str(error.value) and said in str(error.value)


def npz(**entries: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **entries)


def garbage(path: Path) -> None:
    path.write_bytes(b"not an archive")


def cut_npz(path: Path) -> None:
    npz(data=GOOD, label=np.array([1]))(path)
    path.write_bytes(path.read_bytes()[:-2000])


def pickled(path: Path) -> None:
    np.savez(path, data=np.array([{}], dtype=object), label=np.array([1]))


GOOD = np.zeros((3, 128, 128), np.float32)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: None, "does not exist"),
        (empty_file, "0 bytes"),
        (garbage, "not a whole npz file"),
        (cut_npz, "not a whole npz file"),
        (pickled, "not a whole npz file"),
        (npz(label=np.array([1])), "no key 'data'"),
        (npz(data=GOOD), "no key 'label'"),
        (npz(data=GOOD[:1], label=np.array([1])), "shape (1, 128, 128); expected (3, 128, 128)"),
        (npz(data=GOOD.astype(np.float64), label=np.array([1])), "float64; expected float32"),
        (npz(data=GOOD, label=np.array([1, 2])), "expected (1,)"),
        (npz(data=GOOD, label=np.array([300])), "expected one integer from 1 to 230"),
        (npz(data=GOOD * np.nan, label=np.array([1])), "NaN or infinite"),
    ],
)
def test_a_bad_processed_file_is_named_with_what_is_wrong_and_what_would_be_right(
    tmp_path: Path, write: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "bad.npz"
    write(path)
    with pytest.raises(DatasetError) as error:
        read_processed(path)
    assert str(path) in str(error.value) and said in str(error.value)
