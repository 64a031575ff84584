"""The probe: who meets whom, what is measured, and that wrong arithmetic and altered files are seen."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from commands import Command

from workloads.probe.dataset import FILE, BlocksDataset
from workloads.probe.pairing import rounds_of_pairs, turns
from workloads.probe.rates import FileRead, MatrixProduct, Triad
from workloads.probe.readings import Readings
from workloads.runtime.errors import DatasetError

QUICK = [
    "benchmark=probe", "mode=probe", "benchmark.probe.rounds=2", "benchmark.probe.matrix=64",
    "benchmark.probe.triad_mib=1", "benchmark.probe.burst_s=0.01", "benchmark.probe.message_s=0.005",
    "benchmark.probe.sizes=[8,65536]", "benchmark.dataset.mebibytes=1",
]  # fmt: skip


@pytest.mark.parametrize("nodes", range(2, 14))
def test_every_pair_meets_once_and_no_node_twice_in_a_round(nodes: int) -> None:
    rounds = rounds_of_pairs(nodes)
    pairs = [pair for pairs in rounds for pair in pairs]
    assert len(pairs) == len(set(pairs)) == nodes * (nodes - 1) // 2
    assert len(rounds) == (nodes - 1 if nodes % 2 == 0 else nodes)
    for met in rounds:
        assert len({node for pair in met for node in pair}) == 2 * len(met)


def test_a_single_node_meets_nobody_and_rounds_can_be_fewer() -> None:
    assert rounds_of_pairs(1) == []
    assert len(rounds_of_pairs(1000, 4)) == 4


def test_turns_are_all_at_once_unless_told() -> None:
    assert list(turns([1, 2, 3], None)) == [[1, 2, 3]]
    assert list(turns([1, 2, 3], 2)) == [[1, 2], [3]]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_product_is_exact_and_one_wrong_element_is_seen(precision: str) -> None:
    product = MatrixProduct(96, precision, torch.device("cpu"))
    assert product.rate(0.0) > 0
    assert product.is_right()
    product.result[5, 7] += 1
    assert not product.is_right()


def test_the_triad_counts_three_vectors() -> None:
    triad = Triad(1, torch.device("cpu"))
    assert triad.bytes == 3 * 2**20
    assert triad.rate(0.0) > 0
    assert triad.a[0] == 1.0 + 3.0 * 2.0


def test_the_file_is_made_once_checked_and_read_whole(tmp_path: Path) -> None:
    settings = {"source": "stand-in", "mebibytes": 2}
    folder = tmp_path / BlocksDataset(settings).folder_name
    BlocksDataset(settings).synthesise(folder, lambda done, total: None, 1)
    assert BlocksDataset(settings).verify(folder, thorough=True)["checksum"]
    assert FileRead(folder / FILE).rate() > 0
    with h5py.File(folder / FILE, "r+") as file:
        file["blocks"][1, 5] ^= 1
    with pytest.raises(DatasetError, match="was altered"):
        BlocksDataset(settings).verify(folder, thorough=True)


def test_readings_come_from_the_kernels_files_and_are_nan_without_them(tmp_path: Path) -> None:
    for name, text in {
        "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2600000",
        "class/hwmon/hwmon0/name": "k10temp",
        "class/hwmon/hwmon0/temp1_input": "61500",
        "class/powercap/intel-rapl:0/energy_uj": "1000000",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    readings = Readings(torch.device("cpu"), tmp_path)
    readings.begin()
    (tmp_path / "class/powercap/intel-rapl:0/energy_uj").write_text("3000000")
    clock, temperature, power = readings.take()
    assert (clock, temperature) == (2600.0, 61.5)
    assert power > 0
    assert all(np.isnan(value) for value in Readings(torch.device("cpu"), tmp_path / "nothing").take())


def test_the_probe_reads_energy_as_training_does_and_no_part_of_a_package_twice(tmp_path: Path) -> None:
    for number, name in {"0": "package-0", "0:0": "core", "0:1": "uncore", "1": "psys"}.items():
        folder = tmp_path / f"class/powercap/intel-rapl:{number}"
        folder.mkdir(parents=True)
        for file, text in {"name": name, "max_energy_range_uj": "262143328850", "energy_uj": "0"}.items():
            (folder / file).write_text(f"{text}\n")
    readings = Readings(torch.device("cpu"), tmp_path)
    for number, joules in {"0": 120, "0:0": 90, "0:1": 10, "1": 135}.items():
        (tmp_path / f"class/powercap/intel-rapl:{number}/energy_uj").write_text(f"{joules}000000\n")
    assert readings.joules() == pytest.approx(120.0)


@pytest.mark.ranks
@pytest.mark.parametrize(
    ("comm", "in_place"),
    [
        ("mpi", "true"),
        pytest.param("mpi", "false", marks=pytest.mark.thorough),
        pytest.param("torch", "true", marks=pytest.mark.thorough),
    ],
)
def test_three_nodes_are_probed_alone_in_pairs_and_together(comm: str, in_place: str, orchestrator: Command) -> None:
    words = [f"comm={comm}", f"benchmark.probe.in_place={in_place}", "benchmark.probe.at_once=1"]
    answer = orchestrator(*QUICK, *words, "nodes=3", "--json")
    assert answer.code == 0, answer.err
    (run,) = answer.document["runs"]
    assert run["quality"]["value"] == 1.0
    with h5py.File(Path(run["directory"]) / "attempt-1" / "telemetry.h5") as file:
        probe = file["probe"]
        assert probe["matmul_flop_per_s"].shape == (3, 2)
        assert np.all(probe["triad_bytes_per_s"][()] > 0)
        assert np.all(probe["read_local_bytes_per_s"][()] > 0)
        partner = probe["pair_partner"][()].astype(int)
        for node in range(3):
            assert sorted(partner[node]) == sorted({-1, 0, 1, 2} - {node})
        met = probe["pair_seconds"][()]
        assert np.array_equal(np.isfinite(met).all(axis=(2, 3)), partner >= 0)
        assert np.all(probe["allreduce_seconds"][()] > 0)


def test_a_probe_is_not_trained_and_training_is_not_probed(orchestrator: Command) -> None:
    answer = orchestrator("benchmark=probe", "mode=training")
    assert (answer.code, "set mode=probe" in answer.err) == (64, True)
    answer = orchestrator("benchmark=stemdl", "mode=probe")
    assert (answer.code, "set mode=training" in answer.err) == (64, True)
    assert "must be at least 4" in orchestrator(*QUICK, "benchmark.probe.sizes=[2]").err
