"""Recipes that leave the precision to the device get the one that it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator.records import processors as node
from workloads.runtime.devices import computes_in_bfloat16, processor_units
from workloads.runtime.kernels import KernelsUnavailableError
from workloads.runtime.procedures import suited
from workloads.runtime.procedures.suited import Suited, settle

CPU = torch.device("cpu")
MILAN = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu sse2 avx avx2 fma f16c\n"
GENOA = MILAN.replace("avx2", "avx2 avx512f avx512_bf16")
SAPPHIRE_RAPIDS = GENOA.replace("avx512_bf16", "avx512_bf16 amx_bf16")
GRACE = "processor\t: 0\nFeatures\t: fp asimd sve2 i8mm bf16\n"


@pytest.fixture
def processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system tells of its processors, to be written."""
    monkeypatch.setattr(node, "PROCESSORS", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("text", "units"),
    [(MILAN, None), (GENOA, "avx512_bf16"), (SAPPHIRE_RAPIDS, "amx_bf16"), (GRACE, "bf16"), ("", None)],
)
def test_a_processors_units_are_read_from_its_flags(processors: Path, text: str, units: str | None) -> None:
    processors.write_text(text)
    assert processor_units() == units
    assert computes_in_bfloat16(CPU) == (units is not None)


def test_a_system_that_does_not_tell_has_none(processors: Path) -> None:
    assert not computes_in_bfloat16(CPU)


class Ranks:
    """Of which so many others, all with the units, add to what this one says."""

    def __init__(self, others: int) -> None:
        self.others, self.size = others, others + 1

    def sum(self, array: np.ndarray) -> np.ndarray:
        return array + self.others


@pytest.mark.parametrize(
    ("asked", "text", "used"),
    [
        ("auto", GENOA, "bfloat16"),
        ("auto", MILAN, "float32"),
        ("bfloat16", MILAN, "bfloat16"),
        ("float32", GENOA, "float32"),
    ],
)
def test_one_rank_without_the_units_has_all_compute_in_float32_and_who_asks_gets_what_is_asked(
    processors: Path, asked: str, text: str, used: str
) -> None:
    processors.write_text(text)
    settings = {"precision": asked, "channels_last": True}
    found = settle(settings, CPU, Ranks(3))  # type: ignore[arg-type]
    assert found == Suited(used, channels_last=True, kernels="torch", compile=False)
    assert settings == {"precision": asked, "channels_last": True}, "what was planned stays as it was planned"


@pytest.mark.parametrize(("text", "channels_last"), [(GENOA, True), (MILAN, False)])
def test_channels_come_last_where_that_layout_is_faster(processors: Path, text: str, channels_last: bool) -> None:
    processors.write_text(text)
    settings: dict[str, Any] = {"precision": "auto", "channels_last": "auto"}
    found = settle(settings, CPU, Ranks(0))  # type: ignore[arg-type]
    assert found.channels_last is channels_last


SUITED: Any = {"precision": "float32", "channels_last": True, "compile": False}


def test_ranks_that_can_all_have_the_projects_kernels_have_them() -> None:
    settings = {**SUITED, "kernels": "auto"}
    found = settle(settings, CPU, Ranks(3))  # type: ignore[arg-type]
    assert found.kernels == "own"


def test_one_rank_without_a_compiler_has_all_use_torchs_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> None:
        raise KernelsUnavailableError("no C++ compiler")

    monkeypatch.setattr(suited, "load_kernels", unavailable)
    settings = {**SUITED, "kernels": "auto"}
    found = settle(settings, CPU, Ranks(3))  # type: ignore[arg-type]
    assert found.kernels == "torch"
    with pytest.raises(KernelsUnavailableError, match=r"kernels=own, but no C\+\+ compiler; set it to auto or torch"):
        settle(SUITED | {"kernels": "own"}, CPU, Ranks(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"channels_last": False}, {"compile": True}])
def test_the_projects_kernels_are_for_channels_last_order_without_compilation(change: dict[str, object]) -> None:
    settings = {**SUITED, **change, "kernels": "auto"}
    found = settle(settings, CPU, Ranks(0))  # type: ignore[arg-type]
    assert found.kernels == "torch"


def test_the_projects_kernels_are_for_processors() -> None:
    settings = {**SUITED, "kernels": "auto"}
    found = settle(settings, torch.device("cuda"), Ranks(0))  # type: ignore[arg-type]
    assert found.kernels == "torch"


def test_a_loss_that_differentiates_twice_has_neither_the_projects_kernels_nor_compilation() -> None:
    settings = {**SUITED, "kernels": "auto", "compile": True}
    found = settle(settings, CPU, Ranks(0), twice_differentiable=True)  # type: ignore[arg-type]
    assert found.kernels == "torch" and not found.compile
    with pytest.raises(KernelsUnavailableError, match=r"kernels=own, but the task's loss differentiates twice"):
        settle(SUITED | {"kernels": "own"}, CPU, Ranks(0), twice_differentiable=True)  # type: ignore[arg-type]


def test_what_was_settled_goes_into_a_copy_of_the_settings() -> None:
    settings: Any = {"name": "b", "training": {"precision": "auto", "epochs": 3}}
    suited = Suited("float32", channels_last=False, kernels="torch", compile=False)
    applied = suited.applied_to(settings)
    assert applied["training"]["precision"] == "float32" and applied["training"]["epochs"] == 3
    assert settings["training"]["precision"] == "auto"  # type: ignore[index]
