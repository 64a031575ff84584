from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.stemdl import published_files
from workloads.stemdl.dataset import StemdlDataset
from workloads.stemdl.formats import preprocess_stack, write_raw

SETTINGS = {"source": "real", "split": "random", "version": "stemdl_ds1a"}


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Three raw samples to train on and one to evaluate with, in ORNL's folders."""
    random = np.random.default_rng(1)
    for name, labels in (("train", (225, 14, 62)), ("dev", (194,))):
        (tmp_path / "raw" / name).mkdir(parents=True)
        for number, label in enumerate(labels):
            path = tmp_path / "raw" / name / "batch.h5"
            write_raw(path, f"sample_{number}", random.exponential(1e-3, (3, 512, 512)).astype(np.float32), label)
    return tmp_path / "raw"


def test_raw_files_become_a_verified_set_with_the_published_preprocessing(tmp_path: Path, raw: Path) -> None:
    folder = tmp_path / "set"
    StemdlDataset(SETTINGS).convert(raw, folder, silent)
    told = StemdlDataset(SETTINGS).verify(folder, thorough=True)
    assert (told["source"], told["training_samples"], told["evaluation_samples"]) == ("real", 3, 1)
    assert told["classes"] == [14, 62, 194, 225]
    with h5py.File(raw / "train" / "batch.h5") as file:
        expected = preprocess_stack(file["sample_1/cbed_stack"][()])
    sample = ConsolidatedSet(folder, "training").read(np.array([1]))
    assert np.array_equal(sample["input"][0], expected) and sample["target"][0] == 14


def test_processed_files_of_the_same_samples_give_the_same_data(tmp_path: Path, raw: Path) -> None:
    for part in published_files.FOLDERS:
        for piece in published_files.list_pieces(raw, part):
            published_files.write_samples(tmp_path / "processed", part, 0, piece.read())
    StemdlDataset(SETTINGS).convert(raw, tmp_path / "direct", silent)
    StemdlDataset(SETTINGS).convert(tmp_path / "processed", tmp_path / "detour", silent)
    checksums = [StemdlDataset(SETTINGS).verify(tmp_path / name, True)["checksum"] for name in ("direct", "detour")]
    assert checksums[0] == checksums[1]


def test_the_stand_in_in_the_published_layout_converts_to_its_samples_in_order(
    tmp_path: Path, tiny_folder: Path, tiny_settings: dict[str, Any]
) -> None:
    StemdlDataset(tiny_settings).write_published(tmp_path / "published", silent, workers=2)
    StemdlDataset(tiny_settings).convert(tmp_path / "published", tmp_path / "set", silent, workers=2)
    for part, count in (("training", 24), ("evaluation", 6)):
        made, direct = (
            ConsolidatedSet(folder, part).read(np.arange(count)) for folder in (tmp_path / "set", tiny_folder)
        )
        assert np.array_equal(made["input"], direct["input"]) and np.array_equal(made["target"], direct["target"])


def test_progress_counts_every_sample_of_both_parts(tmp_path: Path, raw: Path) -> None:
    seen: list[tuple[int, int]] = []
    StemdlDataset(SETTINGS).convert(raw, tmp_path / "set", lambda *step: seen.append(step))
    assert seen == [(3, 4), (4, 4)]


def test_a_bad_file_among_good_ones_leaves_nothing_behind(tmp_path: Path, raw: Path) -> None:
    write_raw(raw / "dev" / "batch.h5", "sample_9", np.full((3, 512, 512), np.nan), 1)
    for use in (
        lambda: StemdlDataset(SETTINGS).check_published(raw),
        lambda: StemdlDataset(SETTINGS).convert(raw, tmp_path / "new" / "set", silent),
    ):
        with pytest.raises(DatasetError, match="sample_9"):
            use()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_missing_part_is_named(tmp_path: Path, raw: Path) -> None:
    (raw / "dev" / "batch.h5").unlink()
    with pytest.raises(DatasetError, match=r"dev holds no samples; expected processed \.npz or raw \.h5 files"):
        StemdlDataset(SETTINGS).convert(raw, tmp_path / "set", silent)
    (raw / "dev").rmdir()
    with pytest.raises(DatasetError, match="no folder 'validation' or 'dev'"):
        StemdlDataset(SETTINGS).convert(raw, tmp_path / "set", silent)
