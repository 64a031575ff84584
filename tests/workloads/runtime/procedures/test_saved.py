"""A saved state comes back only if it is whole: text, a cut, one wrong bit, another kind of content are all named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from workloads.runtime.procedures.checkpoint import CheckpointError
from workloads.runtime.procedures.saved import DamagedFileError, read_saved
from workloads.runtime.procedures.weights import load_weights, save_weights

CPU = torch.device("cpu")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "model.pt"
    save_weights(path, nn.Linear(64, 64), {"run": "r"})
    return path


def test_a_whole_file_comes_back(saved: Path) -> None:
    assert load_weights(saved, nn.Linear(64, 64), CPU) == {"run": "r"}


def test_one_wrong_bit_in_a_weight_is_seen(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    saved.write_bytes(content)
    with pytest.raises(DamagedFileError, match="does not match its checksum"):
        read_saved(saved, CPU)
    with pytest.raises(CheckpointError, match=r"model\.pt holds no model that can be read: it was altered"):
        load_weights(saved, nn.Linear(64, 64), CPU)


@pytest.mark.parametrize("content", [b"not a checkpoint\n", b"", None])
def test_text_and_a_file_that_is_cut_off_are_named_without_advice_to_trust_them(
    content: bytes | None, saved: Path
) -> None:
    saved.write_bytes(saved.read_bytes()[:-100] if content is None else content)
    with pytest.raises(CheckpointError, match=r"model\.pt holds no model") as caught:
        load_weights(saved, nn.Linear(64, 64), CPU)
    assert "weights_only" not in str(caught.value)


def test_an_object_that_would_run_code_is_refused_by_its_file(saved: Path) -> None:
    torch.save({"model": Path("x")}, saved)
    with pytest.raises(CheckpointError, match=r"model\.pt holds no model"):
        load_weights(saved, nn.Linear(64, 64), CPU)
