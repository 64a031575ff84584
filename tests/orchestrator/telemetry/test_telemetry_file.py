"""Telemetry is read by its layout, and refused, with what is wrong, where it has another one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from orchestrator.records import DATASETS, STEP_TIMES, TELEMETRY_SCHEMA, step_dataset
from orchestrator.telemetry import file as telemetry_file
from orchestrator.telemetry.file import read_group, read_telemetry
from orchestrator.telemetry.heat import throughput_map

LENGTHS = {"ranks": 2, "steps": 5, "evaluations": 1, "phases": 2}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with every dataset of the layout: ones, and phases called "1"."""
    path = tmp_path / "telemetry.h5"
    fill(path, LENGTHS)
    return path


def fill(path: Path, lengths: Mapping[str, int]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = TELEMETRY_SCHEMA
        for name, dataset in DATASETS.items():
            shape = tuple(lengths[axis] for axis in dataset.axes)
            kind = h5py.string_dtype() if dataset.dtype == "text" else np.dtype(dataset.dtype)
            file.create_dataset(name, data=np.ones(shape).astype(kind) if kind != "O" else np.full(shape, "1", kind))


def test_every_part_of_a_steps_time_is_summed_under_its_own_name(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for number, part in enumerate(STEP_TIMES):
            file[step_dataset(part)][:] = number + 1
    sums = read_telemetry(path).sums
    assert {part: sums.seconds[part].tolist() for part in STEP_TIMES} == {
        "total": [5, 5],
        "data": [10, 10],
        "compute": [15, 15],
        "waiting": [20, 20],
    }


LAYOUTS: dict[str, dict[str, object]] = {
    "as ranks write it": {"chunks": (3, 40)},
    "a chunk a rank, as before version 0.2": {"chunks": (1, 40)},
    "in one piece": {},
    "half a row a chunk": {"chunks": (3, 20)},
    "packed": {"chunks": (3, 40), "compression": "gzip"},
    "big-endian": {"chunks": (3, 40), "dtype": ">f4"},
}


@pytest.mark.parametrize("block", [1, 4 * 40 * 2, 4 * 40 * 7, 2**20])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sums_are_those_of_the_whole_array_in_any_layout_and_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, block: int
) -> None:
    path = tmp_path / "telemetry.h5"
    monkeypatch.setattr(telemetry_file, "BLOCK_BYTES", block)
    random = np.random.default_rng(1)
    times = {part: random.random((23, 40), np.float32) for part in STEP_TIMES}
    samples = random.integers(0, 2**31, (23, 40), np.int32)
    epoch = np.repeat(np.arange(4, dtype=np.int32), 10)
    fill(path, {**LENGTHS, "ranks": 23, "steps": 40})
    with h5py.File(path, "r+") as file:
        file["step/samples"][:], file["step/epoch"][:] = samples, epoch
        for part, seconds in times.items():
            del file[step_dataset(part)]
            file.create_dataset(step_dataset(part), data=seconds, **LAYOUTS[layout])
    found = read_telemetry(path)
    own = (times["data"] + times["compute"]).max(axis=0)
    assert {part: found.sums.seconds[part].tolist() for part in STEP_TIMES} == {
        part: times[part].sum(axis=1).tolist() for part in STEP_TIMES
    }
    assert found.sums.cold_seconds.tolist() == np.ascontiguousarray(times["total"][:, :10]).sum(axis=1).tolist()
    assert found.sums.samples.tolist() == samples.astype(np.int64).sum(axis=1).tolist()
    assert found.sums.cold_samples.tolist() == samples[:, :10].astype(np.int64).sum(axis=1).tolist()
    assert found.sums.critical_s == own.astype(np.float64).sum()
    assert found.distribution is not None and found.distribution["ranks"] == 23
    assert found.distribution["waiting_s"][-1] == pytest.approx(times["waiting"][:, 10:].max(), rel=1e-5)


def test_the_time_spent_waiting_keeps_the_name_that_it_has_in_old_files() -> None:
    assert step_dataset("waiting") == "step/communicate"


def drop(file: h5py.File) -> None:
    del file["step/compute"]


def shorten(file: h5py.File) -> None:
    del file["step/data"]
    file["step/data"] = np.ones((2, 4), np.float32)


def write_words(file: h5py.File) -> None:
    del file["evaluation/value"]
    file["evaluation/value"] = np.array(["good"], h5py.string_dtype())


def flatten(file: h5py.File) -> None:
    del file["phase/start"]
    file["phase/start"] = np.ones(2)


def replace_by_group(file: h5py.File) -> None:
    del file["rank/node"]
    file.create_group("rank/node")


def renew(file: h5py.File) -> None:
    file.attrs["schema"] = "orchestrator.telemetry/2"


def lead_away(file: h5py.File) -> None:
    del file["rank/host"]
    file["rank/host"] = h5py.ExternalLink("/etc/passwd", "hosts")


def keep_elsewhere(file: h5py.File) -> None:
    del file["step/epoch"]
    file.create_dataset("step/epoch", (2, 5), np.int32, external=[("/etc/passwd", 0, 40)])


def claim_years(file: h5py.File) -> None:
    for name, dataset in DATASETS.items():
        if "steps" in dataset.axes:
            del file[name]
            file.create_dataset(name, (2, 10**12), dataset.dtype, chunks=(1, 4096))


def fill_up(file: h5py.File) -> None:
    file.create_dataset("power/watts", (2, 10**10), np.float32, chunks=(1, 4096))


def pack_zeros(file: h5py.File) -> None:
    file.create_dataset("power/watts", (2, 2**25), np.float32, data=np.zeros((2, 2**25), np.float32),
                        chunks=(1, 2**20), compression="gzip", compression_opts=1)  # fmt: skip


def take_huge_chunks(file: h5py.File) -> None:
    """Ten numbers, for which a chunk of 256 MB of zeros has to be unpacked."""
    file.create_dataset("power/watts", (2, 5), np.float32, maxshape=(None, None), chunks=(1, 2**26), compression="gzip")


def hold_lists(file: h5py.File) -> None:
    file.create_dataset("power/watts", (2,), h5py.vlen_dtype(np.float32))


def repeat_attribute(file: h5py.File) -> None:
    file.attrs["schema"] = np.full(3, TELEMETRY_SCHEMA, h5py.string_dtype())


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        (drop, "it has no dataset step/compute"),
        (shorten, "step/data has 4 steps, step/total 5"),
        (write_words, "evaluation/value is no array of float64 by evaluations"),
        (flatten, "phase/start is no array of float64 by ranks and phases"),
        (replace_by_group, "it has no dataset rank/node"),
        (lead_away, "rank/host is a link to another place"),
        (keep_elsewhere, "step/epoch is kept in another file"),
        (claim_years, "it is of 1000000000000 steps"),
        (fill_up, "power/watts is longer than what ranks measure"),
        (pack_zeros, "power/watts is longer than what ranks measure: the file unpacks to more than 67108864 bytes"),
        (take_huge_chunks, "power/watts is longer than what ranks measure"),
        (hold_lists, "power/watts holds neither numbers nor texts"),
        (repeat_attribute, "its schema is not one value"),
        (renew, "its schema is 'orchestrator.telemetry/2', not 'orchestrator.telemetry/1'"),
    ],
)
def test_a_file_of_another_layout_is_refused_with_what_is_wrong(
    path: Path, change: Callable[[h5py.File], None], trouble: str
) -> None:
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=trouble):
        read_telemetry(path)


def test_one_text_that_is_named_for_all_ranks_is_refused_before_it_is_read(path: Path) -> None:
    """A file of a megabyte would become a gigabyte."""
    with h5py.File(path, "r+") as file:
        hosts = file.create_dataset("names", data=np.array(["x" * 2**20, *["y"] * 999], h5py.string_dtype()))
        offset, width = hosts.id.get_offset(), hosts.id.get_storage_size() // 1000
    assert read_telemetry(path).small["names"][0] == b"x" * 2**20
    content = bytearray(path.read_bytes())
    content[offset : offset + 1000 * width] = content[offset : offset + width] * 1000
    path.write_bytes(content)
    with pytest.raises(ValueError, match="names is longer than what ranks measure"):
        read_telemetry(path)


def test_a_small_file_that_another_tool_has_packed_is_read(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        for name in [*map(step_dataset, STEP_TIMES), "rank/host"]:
            values, kind = file[name][()], file[name].dtype
            del file[name]
            file.create_dataset(name, data=values, dtype=kind, chunks=True, compression="gzip", shuffle=True)
    assert read_telemetry(path).sums.seconds["total"].tolist() == [5, 5]


def test_a_file_of_another_number_of_ranks_is_refused(path: Path) -> None:
    assert read_telemetry(path, 2).sums.steps == 5
    with pytest.raises(ValueError, match="it is of 2 ranks, the run has 4"):
        read_telemetry(path, 4)


def test_a_pipe_in_its_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "telemetry.h5")
    with pytest.raises(OSError, match="not a plain file"):
        read_telemetry(tmp_path / "telemetry.h5")


def test_what_a_mode_measures_is_read_by_its_group_and_its_absence_is_named(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["probe/triad"] = np.array([[1.0], [2.0]], np.float32)
    assert {name: values.tolist() for name, values in read_group(path, "probe").items()} == {"triad": [[1.0], [2.0]]}
    with pytest.raises(ValueError, match="no datasets inference/"):
        read_group(path, "inference")


def test_a_heat_map_is_left_out_where_telemetry_is_no_plain_file_or_damaged(path: Path) -> None:
    assert throughput_map(path) is not None
    path.write_bytes(path.read_bytes()[:3000])
    assert throughput_map(path) is None
    path.unlink()
    os.mkfifo(path)
    assert throughput_map(path) is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("step/total", np.nan, "step/total holds what is no time"),
        ("step/total", -1e9, "step/total holds what is no time"),
        ("step/compute", np.inf, "step/compute holds what is no time"),
        ("step/communicate", np.nan, "step/communicate holds what is no time"),
        ("evaluation/value", np.nan, "evaluation/value holds what is no number"),
        ("evaluation/seconds", np.inf, "evaluation/seconds holds what is no number"),
    ],
)
def test_one_value_that_is_no_number_is_refused_by_its_dataset(path: Path, name: str, value: float, words: str) -> None:
    """A sum, a median or a row of the store of it would be none either, and nobody would know why."""
    with h5py.File(path, "r+") as file:
        file[name][(0,) * file[name].ndim] = value
    with pytest.raises(ValueError, match=words):
        read_telemetry(path)
