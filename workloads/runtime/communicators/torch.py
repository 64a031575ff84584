"""Ranks that talk through torch.distributed: DistributedDataParallel over NCCL or gloo."""

from __future__ import annotations

import os
import sys
import time
import warnings
from datetime import timedelta
from typing import Any, NoReturn

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from workloads.runtime.communicators.alone import LoneReducer
from workloads.runtime.communicators.base import BUCKET_BYTES, Array, Bytes, Communicator, GradientReducer, Timings
from workloads.runtime.communicators.rendezvous import find_rendezvous, interface_towards

ACCELERATOR_BACKEND = "ORCHESTRATOR_TORCH_BACKEND"
"""What carries CUDA tensors: nccl (default), or gloo where several ranks share one accelerator."""
PATIENCE = timedelta(minutes=30)
LAST_RELEASE_S = 0.2
"""gloo's threads outlive the process group, and one that frees its last tensor while the interpreter already ends
crashes the process (seen with torch 2.13): time for them to be done, at the end of a run."""


class TorchCommunicator(Communicator):
    """One process group: gloo for host memory, NCCL for CUDA memory."""

    name = "torch"
    carrier = "torch.distributed"

    def __init__(self) -> None:
        rendezvous = find_rendezvous()
        self.rank = rendezvous.rank
        self.size = rendezvous.size
        interface = interface_towards(rendezvous.address)
        if interface is not None:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
        backend = "gloo"
        if torch.cuda.is_available():
            backend = f"cpu:gloo,cuda:{os.environ.get(ACCELERATOR_BACKEND, 'nccl')}"
        dist.init_process_group(
            backend,
            init_method=f"tcp://{rendezvous.address}:{rendezvous.port}",
            rank=self.rank,
            world_size=self.size,
            timeout=PATIENCE,
        )
        self._aside: Any = None

    def reducer(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
        compress: bool = False,
    ) -> GradientReducer:
        """A reducer for the gradients of ``model``; see ``Communicator``."""
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if self.size == 1:
            return LoneReducer(model)
        return TorchReducer(model, device, bucket_bytes, unused_parameters, compress)

    def sum(self, array: Array) -> Array:
        """Element-wise sum over the ranks, the same array on every rank. Keeps dtype (float64, float32, int64)."""
        total = np.array(array, order="C")
        dist.all_reduce(torch.from_numpy(total))
        return total

    def sum_meanwhile(self, array: Array) -> Array:
        """``sum`` in a group of its own: in one, all ranks must start their operations in the same order."""
        if self._aside is None:
            self._aside = dist.new_group(backend="gloo")
        total = np.array(array, order="C")
        dist.all_reduce(torch.from_numpy(total), group=self._aside)
        return total

    def broadcast_bytes(self, data: Bytes, root: int) -> None:
        """Overwrite the bytes (n,) by those of ``root``; n is the same on every rank."""
        dist.broadcast(torch.from_numpy(data), root)

    def gather_bytes(self, data: Bytes) -> Bytes | None:
        """On rank 0 the ranks' bytes stacked, (R, n); None elsewhere. n is the same on every rank."""
        sent = torch.from_numpy(np.array(data))
        gathered = torch.empty(self.size, data.size, dtype=torch.uint8) if self.rank == 0 else None
        dist.gather(sent, None if gathered is None else list(gathered))
        return None if gathered is None else gathered.numpy()

    def barrier(self) -> None:
        """Return when every rank has called it."""
        # dist.barrier would take the accelerator's backend; this stays with gloo.
        dist.all_reduce(torch.zeros(1))

    def close(self) -> None:
        """End the communication in order, when all ranks are done."""
        self.barrier()
        time.sleep(LAST_RELEASE_S)
        dist.destroy_process_group()

    def abort(self, exit_code: int) -> NoReturn:
        """End all ranks now, from any one of them and from any thread. Does not return.

        Under MPI its launcher ends the others; else the launcher sees this rank fail and ends them (torchrun does,
        srun with --kill-on-bad-exit).
        """
        sys.stdout.flush()
        sys.stderr.flush()
        mpi = sys.modules.get("mpi4py.MPI")
        if mpi is not None and mpi.Is_initialized() and not mpi.Is_finalized():
            mpi.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)


class Flagged(nn.Module):
    """A model with one parameter more, whose gradient carries the flag: DDP takes no other passengers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        like = next(model.parameters())
        self.flag = nn.Parameter(torch.zeros(1, dtype=like.dtype, device=like.device))

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """The model's."""
        return self.model(*inputs, **options)


class TorchReducer(GradientReducer):
    """Averages gradients with DistributedDataParallel. Its wrapper is prepared before the backward pass, not in its own
    forward pass, so a task may call its model in any way.
    """

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
        compress: bool = False,
    ) -> None:
        self.timings = Timings()
        self._unused_parameters = unused_parameters
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._ready, self._last = 0, True
        self._clock = DeviceClock() if device.type == "cuda" else None
        with warnings.catch_warnings():
            # The name that replaces broadcast_buffers is unknown to older releases.
            warnings.simplefilter("ignore", FutureWarning)
            flagged = Flagged(model)
            self._flag = flagged.flag
            self._wrapper = DistributedDataParallel(
                flagged,
                device_ids=[device] if device.type == "cuda" else None,
                broadcast_buffers=False,
                bucket_cap_mb=bucket_bytes / 2**20,
                gradient_as_bucket_view=True,
                find_unused_parameters=unused_parameters,
            )
        if compress:
            self._wrapper.register_comm_hook(None, reduced_as_bfloat16)  # type: ignore[no-untyped-call]
        # The forward pass then prepares no reduction: `backward` does, for the last micro-batch only.
        self._wrapper.require_backward_grad_sync = False
        for parameter in self._parameters:
            parameter.register_post_accumulate_grad_hook(self._gradient_is_ready)  # type: ignore[no-untyped-call]

    @property
    def module(self) -> nn.Module:
        """The model wrapped in DistributedDataParallel: torch.compile cuts the graph at its buckets."""
        return self._wrapper

    def backward(self, loss: Tensor, last: bool = True) -> None:
        """Accumulate gradients of ``loss``; if ``last``, return only when the averages are in ``grad``.

        Raises RuntimeError if a parameter took no part and the reducer was not told to expect that.
        """
        self._ready, self._last = 0, last
        # What the wrapper's forward pass does once, after the first step: buckets in the order of arrival.
        self._wrapper.reducer._rebuild_buckets()
        if last:
            self._flag.grad = None
            loss = loss + self._flag.sum() * float(self.flag_raised)
            self._wrapper.reducer.prepare_for_backward([loss] if self._unused_parameters else [])
        loss.backward()  # type: ignore[no-untyped-call]
        if not last:
            return
        if self._ready < len(self._parameters):
            if not self._unused_parameters:
                raise RuntimeError(
                    f"{len(self._parameters) - self._ready} of {len(self._parameters)} parameters got no gradient in "
                    f"this step: DistributedDataParallel must be told, by unused_parameters=True of the reducer"
                )
            for parameter in self._parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
        self._wait_for_device()
        self.timings.gradients_averaged = time.perf_counter()
        assert self._flag.grad is not None
        self.flag_seen = bool(self._flag.grad.item())

    def _gradient_is_ready(self, _: Tensor) -> None:
        self._ready += 1
        if self._clock is not None:
            self._clock.mark()
        if self._last and (self._ready == len(self._parameters) or self._unused_parameters):
            # What an accelerator has been told by now it does later, but who looks meanwhile learns that this rank
            # waits.
            self.timings.gradients_ready = time.perf_counter()

    def _wait_for_device(self) -> None:
        """Where an accelerator works on its own: wait for it, and tell when it had the last gradient."""
        if self._clock is not None:
            torch.cuda.current_stream().synchronize()
            self.timings.gradients_ready = max(self.timings.gradients_ready, self._clock.marked())


class DeviceClock:
    """When the current device came to a point of its work, in seconds of ``time.perf_counter``.

    The host cannot look: with NCCL the backward pass returns before the device has computed a gradient, with gloo only
    when all ranks' have been summed. The device's clock is asked for the time since that point alone: over an
    evaluation the two clocks part by milliseconds.
    """

    def __init__(self) -> None:
        self._mark = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._now = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def mark(self) -> None:
        """Mark the end of the work that the device has been given so far; a later mark replaces this one."""
        self._mark.record()

    def marked(self) -> float:
        """Return when the device reached the mark. It must be idle, so that it tells its time at once."""
        now = time.perf_counter()
        self._now.record()
        self._now.synchronize()
        return now - float(self._mark.elapsed_time(self._now)) / 1e3


# torch compares annotations of hooks with its own types, so there must be none here.
def reduced_as_bfloat16(_, bucket):  # type: ignore[no-untyped-def]
    """The mean over the ranks of one bucket's gradients, which travel as bfloat16 if they are float32: a future.

    torch has such a hook and refuses it to gloo, whose sums can do it.
    """
    gradients = bucket.buffer()
    gradients.div_(dist.get_world_size())
    sent = gradients.bfloat16() if gradients.dtype == torch.float32 else gradients
    summed = dist.all_reduce(sent, async_op=True).get_future()  # type: ignore[union-attr]
    return summed.then(lambda done: gradients.copy_(done.value()[0]))
