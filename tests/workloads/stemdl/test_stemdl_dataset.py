import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.task import Arrays
from workloads.stemdl.dataset import StemdlDataset
from workloads.stemdl.synthesis import Recipe, choose_materials, divide_specimens

PROJECT = Path(__file__).resolve().parents[3]


def silent(done: int, total: int) -> None:
    pass


@pytest.fixture
def damaged(tmp_path: Path, tiny_folder: Path) -> Path:
    """A copy of the tiny data set to be damaged."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def materials(folder: Path, part: str) -> set[bytes]:
    names = set()
    for path in sorted(folder.glob(f"{part}-*.h5")):
        with h5py.File(path) as file:
            names |= set(file["material"][()])
    return names


def test_the_set_is_what_its_description_says(tiny_folder: Path, tiny_settings: dict[str, Any]) -> None:
    told = StemdlDataset(tiny_settings).verify(tiny_folder, thorough=True)
    assert told["name"] == "stemdl" and told["source"] == "stand-in" and told["split"] == "material"
    assert (told["training_samples"], told["evaluation_samples"]) == (24, 6)
    document = json.loads((tiny_folder / "dataset.json").read_text())
    assert document["seed"] == 7 and len(document["classes"]) == 3
    for file in document["files"]:
        with h5py.File(tiny_folder / file["name"]) as opened:
            assert opened.attrs["source"] == "stand-in" and opened.attrs["split"] == "material"
            assert opened["input"].chunks is None and opened["input"].compression is None


def test_split_by_material_shares_no_material_between_the_parts(tiny_folder: Path) -> None:
    training, evaluation = (materials(tiny_folder, part) for part in ("training", "evaluation"))
    assert len(training) == 12 and len(evaluation) == 3 and not training & evaluation


def test_the_random_split_shows_the_same_materials_in_both_parts(tiny_settings: dict[str, Any]) -> None:
    recipe = Recipe.of({**tiny_settings, "split": "random", "samples_per_material": 6})
    parts = divide_specimens(choose_materials(recipe), recipe)
    training, evaluation = ({s.material.name for s in parts[p]} for p in ("training", "evaluation"))
    assert training & evaluation
    seen = [(s.material.name, s.number) for part in parts.values() for s in part]
    assert len(seen) == len(set(seen)) == 3 * 5 * 6


def test_the_number_of_workers_does_not_change_a_byte(
    tmp_path: Path, tiny_folder: Path, tiny_settings: dict[str, Any]
) -> None:
    StemdlDataset(tiny_settings).synthesise(tmp_path / "one", silent, workers=1)
    for path in tiny_folder.glob("[!.]*"):
        assert path.read_bytes() == (tmp_path / "one" / path.name).read_bytes()


def test_another_seed_is_another_data_set_in_another_folder(
    tmp_path: Path, tiny_folder: Path, tiny_settings: dict[str, Any]
) -> None:
    other = {**tiny_settings, "seed": 8}
    assert StemdlDataset(other).folder_name != StemdlDataset(tiny_settings).folder_name
    StemdlDataset(other).synthesise(tmp_path / "other", silent, workers=2)
    checksums = [
        StemdlDataset(settings).verify(folder, thorough=False)["checksum"]
        for folder, settings in ((tiny_folder, tiny_settings), (tmp_path / "other", other))
    ]
    assert checksums[0] != checksums[1]


@pytest.mark.parametrize("key", ["split", "version", "space_groups", "samples_per_material", "largest_cell"])
def test_whatever_changes_the_data_changes_the_folder(tiny_settings: dict[str, Any], key: str) -> None:
    assert (
        StemdlDataset({**tiny_settings, key: "random" if key == "split" else 99}).folder_name
        != StemdlDataset(tiny_settings).folder_name
    )


def test_folder_names_say_what_is_in_them(tiny_settings: dict[str, Any]) -> None:
    assert StemdlDataset(tiny_settings).folder_name.startswith("stemdl/stand-in-1-tiny-material-seed7-")
    real = {"source": "real", "version": "stemdl_ds1a", "split": "random"}
    assert StemdlDataset(real).folder_name == "stemdl/real-stemdl_ds1a-random"


def test_a_finished_set_is_not_made_again(tiny_folder: Path, tiny_settings: dict[str, Any]) -> None:
    before = {path: path.stat().st_mtime_ns for path in tiny_folder.iterdir()}
    StemdlDataset(tiny_settings).synthesise(tiny_folder, silent, workers=1)
    assert before == {path: path.stat().st_mtime_ns for path in tiny_folder.iterdir()}


def test_an_interrupted_synthesis_leaves_nothing_behind(tmp_path: Path, tiny_settings: dict[str, Any]) -> None:
    def interrupt(done: int, total: int) -> None:
        assert total == 30
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StemdlDataset(tiny_settings).synthesise(tmp_path / "sets" / "tiny", interrupt, workers=1)
    assert list((tmp_path / "sets").iterdir()) == []


MAKING = """
import sys
from pathlib import Path
from workloads.stemdl.dataset import StemdlDataset
if __name__ == "__main__":
    settings = {settings!r}
    StemdlDataset(settings).synthesise(Path(sys.argv[1]), lambda done, total: print(done, flush=True), workers=2)
"""


def descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGINT"])
def test_no_process_outlives_a_killed_synthesis(
    tmp_path: Path, tiny_settings: dict[str, Any], signal_name: str
) -> None:
    script = tmp_path / "making.py"
    script.write_text(MAKING.format(settings={**tiny_settings, "samples_per_material": 400}))
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "set"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # A suite that runs in the background of a shell passes on that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    process.stdout.readline()
    workers = descendants(process)
    assert len(workers) >= 2
    process.send_signal(getattr(signal, signal_name))
    process.wait(20)
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, tiny_settings: dict[str, Any]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"file/set could not be made \(0\.01 GB needed\)"):
        StemdlDataset(tiny_settings).synthesise(tmp_path / "file" / "set", silent, workers=1)


def test_real_data_cannot_be_synthesised(tmp_path: Path) -> None:
    settings = {"source": "real", "version": "stemdl_ds1", "split": "material"}
    with pytest.raises(DatasetError, match="cannot be synthesised"):
        StemdlDataset(settings).synthesise(tmp_path / "real", silent, workers=1)


def test_more_space_groups_than_there_are_is_refused(tmp_path: Path, tiny_settings: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="space_groups is 200"):
        StemdlDataset({**tiny_settings, "space_groups": 200}).synthesise(tmp_path / "many", silent, workers=1)


@pytest.mark.parametrize("thorough", [False, True])
def test_a_truncated_file_is_found_and_named(damaged: Path, tiny_settings: dict[str, Any], thorough: bool) -> None:
    path = damaged / "training-00001-of-00002.h5"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1000)
    with pytest.raises(DatasetError, match=r"training-00001-of-00002.h5 has \d+ bytes; expected \d+"):
        StemdlDataset(tiny_settings).verify(damaged, thorough)


def test_a_changed_byte_is_found_by_the_thorough_check_alone(damaged: Path, tiny_settings: dict[str, Any]) -> None:
    path = damaged / "evaluation-00000-of-00002.h5"
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\xff\x00\xff")
    StemdlDataset(tiny_settings).verify(damaged, thorough=False)
    with pytest.raises(DatasetError, match="another BLAKE3"):
        StemdlDataset(tiny_settings).verify(damaged, thorough=True)


def test_a_missing_file_is_found(damaged: Path, tiny_settings: dict[str, Any]) -> None:
    (damaged / "evaluation-00001-of-00002.h5").unlink()
    with pytest.raises(DatasetError, match="is missing"):
        StemdlDataset(tiny_settings).verify(damaged, thorough=False)


def test_a_file_that_is_no_hdf5_is_found(damaged: Path, tiny_settings: dict[str, Any]) -> None:
    path = damaged / "training-00000-of-00002.h5"
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(DatasetError, match="not a whole HDF5 file"):
        StemdlDataset(tiny_settings).verify(damaged, thorough=False)


def test_a_folder_without_description_is_no_data_set(tmp_path: Path, tiny_settings: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match=r"dataset\.json does not exist"):
        StemdlDataset(tiny_settings).verify(tmp_path, thorough=False)


def test_a_set_of_another_split_is_refused(tiny_folder: Path, tiny_settings: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match="'split' is 'material'; expected 'random'"):
        StemdlDataset({**tiny_settings, "split": "random"}).verify(tiny_folder, thorough=False)


def everything(folder: Path, part: str) -> tuple[np.ndarray, ...]:
    """All samples and labels, read plainly with h5py."""
    files = [h5py.File(path) for path in sorted(folder.glob(f"{part}-*.h5"))]
    return tuple(np.concatenate([file[key][()] for file in files]) for key in ("input", "target"))


@pytest.mark.parametrize(
    "indices", [[0], [5, 3, 4, 4, 23, 0], range(24), range(10, 15), [11, 12], [23, 0, 1], []], ids=str
)
def test_samples_come_in_the_order_asked_for_across_files(tiny_folder: Path, indices: Sequence[int]) -> None:
    data, labels = everything(tiny_folder, "training")
    wanted = np.array(indices, dtype=np.int64)
    got = ConsolidatedSet(tiny_folder, "training").read(wanted)
    assert np.array_equal(got["input"], data[wanted]) and np.array_equal(got["target"], labels[wanted])
    assert got["input"].dtype == np.float32 and got["target"].dtype == np.int64


def test_given_memory_is_used_and_what_lies_behind_it_is_left_alone(tiny_folder: Path) -> None:
    samples = ConsolidatedSet(tiny_folder, "evaluation", ["input", "target"])
    out: Arrays = {"input": np.full((8, 3, 128, 128), -1, np.float32), "target": np.full(8, -1, np.int64)}
    got = samples.read(np.array([2, 0]), out)
    assert got["input"].shape[0] == 2 and np.shares_memory(got["input"], out["input"])
    assert np.array_equal(got["input"], samples.read(np.array([2, 0]))["input"])
    assert (out["input"][2:] == -1).all() and (out["target"][2:] == -1).all()


def test_chunked_and_compressed_files_are_read_just_the_same(damaged: Path) -> None:
    expected, labels = everything(damaged, "training")
    for path in damaged.glob("training-*.h5"):
        with h5py.File(path, "a") as file:
            data = file.pop("input")[()]
            file.create_dataset("input", data=data, chunks=(1, 3, 128, 128), compression="gzip", compression_opts=1)
    order = np.array([20, 3, 4, 5, 11, 12])
    got = ConsolidatedSet(damaged, "training").read(order)
    assert np.array_equal(got["input"], expected[order]) and np.array_equal(got["target"], labels[order])


def test_an_index_beyond_the_set_is_refused(tiny_folder: Path) -> None:
    samples = ConsolidatedSet(tiny_folder, "evaluation")
    for wrong in (6, -1):
        with pytest.raises(IndexError):
            samples.read(np.array([wrong]))


def test_a_file_cut_while_in_use_is_an_error_not_wrong_data(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a set that is too large to be kept.
    monkeypatch.setattr(consolidated, "KEPT_WHOLE_BYTES", 0)
    samples = ConsolidatedSet(damaged, "training")
    with (damaged / "training-00000-of-00002.h5").open("r+b") as file:
        file.truncate(500_000)
    with pytest.raises(DatasetError, match="truncated"):
        samples.read(np.arange(12))
