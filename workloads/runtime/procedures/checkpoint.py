"""The training state on disk: everything that the next attempt needs to go on as if nothing had happened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from orchestrator.records.files import make_own, open_own, settle
from workloads.runtime.communicators.base import Bytes, Communicator
from workloads.runtime.measurement.attempts import Earlier
from workloads.runtime.procedures.saved import DamagedFileError, read_saved
from workloads.runtime.procedures.suited import Suited

FILE = "state.pt"


@dataclass
class Position:
    """How far training is. ``step`` counts within ``epoch``; ``evaluated_at`` is the ``total_steps`` of the newest
    evaluation; ``elapsed`` is the training time of all attempts, s, of which ``redone`` was spent on steps that no
    checkpoint kept; ``history`` has all metrics of each evaluation, behind its seconds.
    """

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    elapsed: float = 0.0
    items: int = 0
    evaluated_at: int = 0
    redone: float = 0.0
    evaluations: list[list[float]] = field(default_factory=list)
    qualities: dict[str, float] = field(default_factory=dict)
    history: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    time_to_accuracy: float | None = None

    def follow(self, earlier: Earlier) -> None:
        """Count the time of earlier attempts: what they trained after the checkpoint was in vain, but it was spent."""
        gap = max(0.0, earlier.elapsed - self.elapsed)
        self.elapsed += gap
        # After an orderly stop the gap is no more than the writing of the checkpoint.
        self.redone += 0.0 if earlier.orderly else gap


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read or belongs to another run."""


def save(
    folder: Path,
    identity: str,
    suited: Suited,
    position: Position,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    communicator: Communicator,
) -> None:
    """Write the newest state by rename, on rank 0. Collective: what differs between ranks goes in for each of them,
    their random states and their buffers (batch-norm statistics, which are the ranks' own between evaluations).
    """
    random = communicator.gather(random_state())
    buffers = communicator.gather(pack(model.buffers()))
    if random is not None and buffers is not None:
        state = {
            "identity": identity,
            "suited": asdict(suited),
            "position": asdict(position),
            "model": model.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
            "random": torch.from_numpy(np.ascontiguousarray(random)),
            "buffers": torch.from_numpy(np.ascontiguousarray(buffers)),
        }
        make_own(folder)
        staged = folder / f".{FILE}.partial"
        with os.fdopen(open_own(staged), "wb") as file:
            torch.save(state, file)
            settle(file)
        staged.rename(folder / FILE)
    communicator.barrier()


def restore(
    folder: Path,
    identity: str,
    suited: Suited,
    model: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    communicator: Communicator,
) -> Position:
    """Load the newest state into model, optimisers and random numbers; an empty Position if there is none.

    Raises CheckpointError. Every rank reads the file itself: they share its file system, and no rank can then differ
    from what was saved. It is read into host memory, where Adam's step counts belong: of one on an accelerator each
    later step would wait for the device. Model and optimisers take what belongs to theirs.
    """
    path = folder / FILE
    if not path.exists():
        return Position()
    try:
        state = read_saved(path, torch.device("cpu"))
    except (OSError, DamagedFileError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); remove it to start afresh") from error
    if "identity" not in state:
        raise CheckpointError(f"{path} cannot be read (it holds no training state); remove it to start afresh")
    if state["identity"] != identity:
        raise CheckpointError(f"{path} belongs to a run with another configuration; remove it to start afresh")
    changes = suited.changes_since(state["suited"])
    if changes:
        raise CheckpointError(
            f"{path} was written on devices that something else suits: {', '.join(changes)}; "
            "go on where the run began, or remove it to start afresh"
        )
    if len(state["random"]) != communicator.size:
        raise CheckpointError(
            f"{path} was written by {len(state['random'])} ranks, not {communicator.size}; remove it to start afresh"
        )
    model.load_state_dict(state["model"])
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(state["optimizers"][name])
    unpack(state["buffers"][communicator.rank].numpy(), model.buffers())
    set_random_state(state["random"][communicator.rank].numpy())
    return Position(**state["position"])


def random_state() -> Bytes:
    """The state of this rank's random numbers, (n,): the host's, then its accelerator's if it has one."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return torch.cat(states).numpy()


def set_random_state(state: Bytes) -> None:
    """The inverse of ``random_state``."""
    host = len(torch.get_rng_state())
    # Copies: torch reads a state from where the memory begins, whatever it was a view of.
    torch.set_rng_state(torch.from_numpy(state[:host].copy()))
    if torch.cuda.is_available() and len(state) > host:
        torch.cuda.set_rng_state(torch.from_numpy(state[host:].copy()))


def pack(tensors: Iterable[Tensor]) -> Bytes:
    """The tensors' bytes end to end, (n,)."""
    pieces = [tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy() for tensor in tensors]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)


def unpack(packed: Bytes, tensors: Iterable[Tensor]) -> None:
    """Overwrite the tensors by what ``pack`` made of them."""
    offset = 0
    for tensor in tensors:
        count = tensor.numel() * tensor.element_size()
        piece = torch.from_numpy(packed[offset : offset + count].copy())
        tensor.copy_(piece.view(tensor.dtype).view(tensor.shape))
        offset += count
