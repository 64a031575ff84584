"""When a rank of comm=torch has its gradients: on a processor, and on an accelerator, for which a stand-in ticks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from commands import PROJECT
from ranks import TIMEOUT_S

from workloads.runtime.communicators.torch import DeviceClock

FASTER = 1 + 5e-5
"""By so much the stand-in's clock runs ahead of the host's, as quartz may."""


@dataclass
class Host:
    """The host's clock, which a test sets."""

    now: float = 1000.0


def test_the_time_of_the_last_gradient_does_not_suffer_from_how_long_ago_the_last_step_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host()

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            self.at = 0.0

        def record(self) -> None:
            self.at = host.now * FASTER

        def synchronize(self) -> None:
            pass

        def elapsed_time(self, end: Event) -> float:
            return 1e3 * (end.at - self.at)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: Event(True))
    monkeypatch.setattr(time, "perf_counter", lambda: host.now)
    clock = DeviceClock()
    for pause in (0.1, 600.0):
        host.now += pause
        clock.mark()
        marked = host.now
        host.now += 0.02
        assert clock.marked() == pytest.approx(marked, abs=1e-5)


STEPS = """
import sys, time
from types import SimpleNamespace
import torch
from torch import nn
from workloads.runtime.communicators import join
from workloads.runtime.communicators.torch import TorchReducer

accelerated, unused = sys.argv[1] == "accelerator", sys.argv[2] == "unused"
with join("torch"):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    reducer = TorchReducer(model, torch.device("cpu"), unused_parameters=unused)
    waits = lambda: reducer.timings.gradients_ready > reducer.timings.gradients_averaged
    seen, exact = [], []

    def marked():
        exact.append(time.perf_counter())
        return exact[-1]

    if accelerated:
        reducer._clock = SimpleNamespace(mark=lambda: None, marked=marked)
        torch.cuda.current_stream = lambda: SimpleNamespace(synchronize=lambda: seen.append(waits()))
    for step in range(2):
        # A rank that goes on to its next micro-batch waits for nobody.
        reducer.backward(model(torch.ones(2, 3)).sum(), last=False)
        assert not waits()
        before = time.perf_counter()
        reducer.backward(model(torch.ones(2, 3)).sum())
        assert reducer.timings.gradients_ready > before
        if accelerated:
            assert reducer.timings.gradients_ready == exact[-1]
    assert seen == [True] * (2 * accelerated), seen
"""


@pytest.mark.ranks
@pytest.mark.parametrize("unused", ["used", "unused"])
@pytest.mark.parametrize("device", ["processor", "accelerator"])
def test_a_rank_that_has_its_gradients_is_seen_to_wait_while_its_device_does_and_not_before(
    device: str, unused: str
) -> None:
    """Else nobody can tell, where ranks hang, which of them the others wait for."""
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", STEPS, device, unused],
        capture_output=True, text=True, timeout=TIMEOUT_S, env=environment,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
