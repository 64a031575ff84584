"""The arithmetic and memory traffic of a training step, counted without computing any of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from orchestrator.records import StepWorkResult
from orchestrator.records.settings import TrainingSettings
from workloads.runtime.communicators.alone import LoneReducer
from workloads.runtime.procedures.evaluation import autocast
from workloads.runtime.procedures.optimization import decides_by_loss
from workloads.runtime.procedures.players import Share, in_turn, make_movers
from workloads.runtime.task import Step, Task


@dataclass(frozen=True)
class StepWork:
    """What one rank does in one optimiser step on ``samples``, in the unit of the training set, as throughput is.

    ``flop``: operations of its matrix products and convolutions, forwards and backwards, an addition and a
    multiplication each counted, as torch's own counter has them (``torch.utils.flop_counter``); what is done element by
    element is not among them. ``bytes``: what its operators read and write, one operator after the other, each operand
    once, the optimiser's included: what must pass through memory unless operators are fused or share a cache.
    """

    samples: int
    flop: int
    bytes: int

    def as_entry(self) -> StepWorkResult:
        """The result's entry."""
        return {"samples": self.samples, "flop": self.flop, "bytes": self.bytes}


TOUCH_NOTHING = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "_unsafe_view"})
"""Operators that neither read nor write an element, beside those whose result is declared a view."""


class MemoryTraffic(TorchDispatchMode):
    """Adds up the bytes that operators read and write: their operands, their results, and what they change in place."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the operator and count what it touched."""
        named = kwargs or {}
        result = func(*args, **named)
        # Others than aten's ask for a tensor's device or shape.
        if func.namespace == "aten" and not func.is_view and func.overloadpacket.__name__ not in TOUCH_NOTHING:
            schema = func._schema
            given = [*args, *(named.get(argument.name) for argument in schema.arguments[len(args) :])]
            changed = [
                value
                for argument, value in zip(schema.arguments, given, strict=True)
                if argument.alias_info is not None and argument.alias_info.is_write
            ]
            new = [] if any(entry.alias_info is not None for entry in schema.returns) else result
            self.bytes += sum(in_memory(leaf) for leaf in tree_leaves((given, changed, new)))
        return result


def in_memory(value: Any) -> int:
    """Bytes that a tensor takes: of a number that stands for a whole row of them, its own. 0 of anything else."""
    if not isinstance(value, torch.Tensor):
        return 0
    return min(value.numel() * value.element_size(), value.untyped_storage().nbytes())


def step_work(task: Task, settings: TrainingSettings, samples: int, device: torch.device) -> StepWork:
    """Count one step of ``task`` with the recipe's training ``settings``, uncompiled: of as many micro-batches as these
    have it accumulate, of so many samples each.

    Takes about a second: tensors without contents go through the same operators, which do nothing to them. A
    micro-batch beyond the first adds to gradients that are there, and each the same work.
    """
    accumulate = settings["accumulate"]
    example = task.training_set.read(np.zeros(1, np.int64))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        model = task.build_model().to(device)
    if settings["channels_last"]:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # Constants that a workload keeps for all its steps have contents, and an operator may take them as they are.
    with FakeTensorMode(allow_non_fake_inputs=True) as without_contents:
        for module in model.modules():
            stores: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for held in stores:
                for name, tensor in held.items():
                    held[name] = None if tensor is None else without_contents.from_tensor(tensor)
        movers = make_movers(task, model, settings, LoneReducer)
        if any(decides_by_loss(mover.optimizer) for mover in movers):
            raise ValueError("an optimiser that decides by the loss how often to ask for it has no fixed work a step")
        batch = {
            name: torch.empty((samples, *array.shape[1:]), dtype=torch.from_numpy(array).dtype, device=device)
            for name, array in example.items()
        }

        def step(parts: int) -> None:
            shares = [Share(batch, 1 / accumulate, Step(), last=part == parts - 1) for part in range(parts)]
            for mover in in_turn(movers):
                rate, clip = mover.settings["learning_rate"], settings.get("gradient_clip")
                mover.move(model, rate, clip, autocast(device, settings), lambda: iter(shares))

        def count(parts: int) -> npt.NDArray[np.int64]:
            with FlopCounterMode(display=False) as counter, MemoryTraffic() as traffic:
                step(parts)
            return np.array([counter.get_total_flops(), traffic.bytes], np.int64)

        model.train()
        step(1)  # the optimiser's state is made by its first
        work = count(1)
        if accumulate > 1:
            work += (accumulate - 1) * (count(2) - work)
    items = int(task.training_set.items(np.arange(samples * accumulate) % len(task.training_set)).sum())
    return StepWork(items, *work.tolist())
