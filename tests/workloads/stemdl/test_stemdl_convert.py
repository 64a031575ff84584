from pathlib import Path

import numpy as np
import pytest

from workloads.runtime.errors import DatasetError
from workloads.stemdl.consolidated import Provenance
from workloads.stemdl.convert import consolidate, raw_to_processed
from workloads.stemdl.dataset import ConsolidatedSet, verify
from workloads.stemdl.formats import preprocessed, write_raw

REAL = Provenance("stemdl", "real", "random", "stemdl_ds1a")
SETTINGS = {"source": "real", "split": "random", "version": "stemdl_ds1a"}


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Path]:
    random = np.random.default_rng(1)
    files = {"training": tmp_path / "train.h5", "evaluation": tmp_path / "dev.h5"}
    for part, labels in (("training", (225, 14, 62)), ("evaluation", (194,))):
        for number, label in enumerate(labels):
            write_raw(files[part], f"sample_{number}", random.exponential(1e-3, (3, 512, 512)), label)
    return files


def test_raw_files_become_a_verified_set_with_the_published_preprocessing(tmp_path, raw):
    folder = tmp_path / "set"
    consolidate({part: [path] for part, path in raw.items()}, folder, REAL, silent)
    told = verify(folder, SETTINGS, thorough=True)
    assert (told["source"], told["training_samples"], told["evaluation_samples"]) == ("real", 3, 1)
    training = ConsolidatedSet(folder, "training")
    import h5py

    with h5py.File(raw["training"]) as file:
        expected = preprocessed(file["sample_1/cbed_stack"][()])
    sample = training.read(np.array([1]))
    assert np.array_equal(sample["input"][0], expected) and sample["target"][0] == 14


def test_the_detour_over_npz_files_gives_the_same_data(tmp_path, raw):
    processed = {part: tmp_path / part for part in raw}
    for part, path in raw.items():
        raw_to_processed([path], processed[part], silent)
    direct, detour = tmp_path / "direct", tmp_path / "detour"
    consolidate({part: [path] for part, path in raw.items()}, direct, REAL, silent)
    consolidate({part: sorted(path.glob("*.npz")) for part, path in processed.items()}, detour, REAL, silent)
    assert verify(direct, SETTINGS, True)["checksum"] == verify(detour, SETTINGS, True)["checksum"]


def test_progress_counts_every_sample_of_both_parts(tmp_path, raw):
    seen: list[tuple[int, int]] = []
    consolidate({part: [path] for part, path in raw.items()}, tmp_path / "set", REAL, lambda *step: seen.append(step))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_bad_file_among_good_ones_leaves_nothing_behind(tmp_path, raw):
    write_raw(raw["evaluation"], "sample_9", np.full((3, 512, 512), np.nan), 1)
    with pytest.raises(DatasetError, match="sample_9"):
        consolidate({part: [path] for part, path in raw.items()}, tmp_path / "new" / "set", REAL, silent)
    assert list((tmp_path / "new").iterdir()) == []


def test_an_empty_part_is_refused(tmp_path, raw):
    with pytest.raises(DatasetError, match="no evaluation samples"):
        consolidate({"training": [raw["training"]], "evaluation": []}, tmp_path / "set", REAL, silent)
