"""A trained model on disk: what training leaves for inference."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from orchestrator.records.files import make_own, open_own, settle
from workloads.runtime.procedures.checkpoint import CheckpointError
from workloads.runtime.procedures.saved import DamagedFileError, read_saved


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write the model's parameters and buffers, with facts on where they come from, by rename. Raises OSError."""
    make_own(path.parent)
    staged = path.with_name(f".{path.name}.partial")
    try:
        with os.fdopen(open_own(staged), "wb") as file:
            torch.save({"model": model.state_dict(), "facts": dict(facts)}, file)
            settle(file)
        staged.rename(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def load_weights(path: Path, model: nn.Module, device: torch.device) -> dict[str, Any]:
    """Put a file's parameters and buffers into the model and return the file's facts. Raises CheckpointError.

    Takes what ``save_weights`` wrote, and the training state of an interrupted run.
    """
    try:
        content = read_saved(path, device)
        state = content["model"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist (benchmark.inference.checkpoint)") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except (DamagedFileError, KeyError) as error:
        raise CheckpointError(f"{path} holds no model that can be read: {error}") from error
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reasons = " ".join(str(error).split())
        raise CheckpointError(
            f"{path} holds another model than benchmark.model describes: {reasons[:500]}; "
            "give the settings that it was trained with"
        ) from error
    return dict(content.get("facts", {}))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            sha256.update(block)
    return sha256.hexdigest()
