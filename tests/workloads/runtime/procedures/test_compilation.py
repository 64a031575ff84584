"""Compiled models: what they need, and that nothing but speed changes."""

import pytest
import torch
from torch import nn

from workloads.runtime.procedures.compilation import CompilerMissingError, compiled

CPU = torch.device("cpu")


def test_a_node_without_a_compiler_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompilerMissingError, match=r"CXX=no-such-compiler.*benchmark\.training\.compile=false"):
        compiled(nn.Linear(2, 2), CPU)


def test_an_empty_path_counts_as_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CompilerMissingError, match="g\\+\\+, clang\\+\\+, c\\+\\+: not found"):
        compiled(nn.Linear(2, 2), CPU)
