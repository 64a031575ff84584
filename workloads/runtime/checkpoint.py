"""The training state on disk: everything that the next attempt needs to go on as if nothing had happened."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from workloads.runtime.communicators.base import Communicator

FILE = "state.pt"


@dataclass
class Position:
    """How far training is. ``step`` counts within ``epoch``; ``elapsed`` is training time since run_start, s."""

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    elapsed: float = 0.0
    samples: int = 0
    evaluations: list[list[float]] = field(default_factory=list)
    qualities: dict[str, float] = field(default_factory=dict)
    time_to_accuracy: float | None = None


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or belongs to another run."""


def save(
    folder: Path,
    identity: str,
    position: Position,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    communicator: Communicator,
) -> None:
    """Write the newest state by rename, on rank 0. Collective: every rank's random state goes in."""
    random = communicator.gather(torch.get_rng_state().numpy())
    if random is not None:
        state = {
            "identity": identity,
            "position": asdict(position),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.from_numpy(np.ascontiguousarray(random)),
        }
        folder.mkdir(mode=0o700, exist_ok=True)
        staged = folder / f".{FILE}.partial"
        with staged.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        staged.rename(folder / FILE)
    communicator.barrier()


def restore(
    folder: Path,
    identity: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    communicator: Communicator,
    device: torch.device,
) -> Position:
    """Load the newest state into model and optimiser; an empty Position if there is none. Raises CheckpointError.

    Every rank reads the file itself: they share its file system, and no rank can then differ from what was saved.
    """
    path = folder / FILE
    if not path.exists():
        return Position()
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); remove it to start afresh") from error
    if state["identity"] != identity:
        raise CheckpointError(f"{path} belongs to a run with another configuration; remove it to start afresh")
    if len(state["random"]) != communicator.size:
        raise CheckpointError(
            f"{path} was written by {len(state['random'])} ranks, not {communicator.size}; remove it to start afresh"
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    # A copy: torch reads the state from where the memory begins, whatever row it was a view of.
    torch.set_rng_state(state["random"][communicator.rank].cpu().clone())
    return Position(**state["position"])
