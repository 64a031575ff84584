"""All communicators keep the same promises: one suite, run by real ranks under mpirun."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerators import needs_accelerator
from commands import PROJECT
from conformance.models import Perceptron, samples, seeded
from conformance_program import ABORT_CODE, CHECKS
from ranks import EACH_COMMUNICATOR, TIMEOUT_S, mpirun
from torch.nn import functional
from toys import TOYS, train

from workloads.runtime.communicators import COMMUNICATORS, Communicator
from workloads.runtime.communicators.rendezvous import first_host, from_slurm, from_torchrun
from workloads.runtime.communicators.torch import ACCELERATOR_BACKEND

PROGRAM = Path(__file__).with_name("conformance_program.py")
everywhere = pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, 2) for name in COMMUNICATORS),
        *(pytest.param(name, 4, marks=pytest.mark.thorough) for name in COMMUNICATORS),
    ],
)


@dataclass
class Launch:
    """How one start of the conformance program went."""

    reports: list[dict[str, Any]]
    exit_code: int
    seconds_after_checks: float
    output: str


@functools.cache
def launch(name: str, size: int, device: str = "cpu") -> Launch:
    """One start for all checks of that communicator and number of ranks, which share the accelerator if they use it."""
    if name == "horovod":
        pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
    with tempfile.TemporaryDirectory() as folder:
        variables = {"CONFORMANCE_DEVICE": device, ACCELERATOR_BACKEND: "gloo"}
        ended = mpirun(size, str(PROGRAM), name, folder, **variables)
        now = time.time()
        reports = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("rank-*.json"))]
    last = max((report.get("ended", 0.0) for report in reports), default=0.0)
    return Launch(reports, ended.returncode, now - last, ended.stdout + ended.stderr)


@pytest.mark.ranks
@everywhere
@pytest.mark.parametrize("check", CHECKS)
def test_communicator(name: str, size: int, check: str) -> None:
    outcome = launch(name, size)
    assert len(outcome.reports) == size, outcome.output
    for rank, report in enumerate(outcome.reports):
        assert report["size"] == size
        failure = report["checks"].get(check, f"did not get so far\n{outcome.output}")
        assert failure is None, f"rank {rank}: {failure}"


@pytest.mark.ranks
@needs_accelerator
@pytest.mark.parametrize("name", ["mpi", "torch"])
def test_communicator_keeps_all_promises_where_ranks_share_an_accelerator(name: str) -> None:
    outcome = launch(name, 2, "cuda:0")
    assert len(outcome.reports) == 2, outcome.output
    failures = {
        check: failure
        for report in outcome.reports
        for check, failure in report["checks"].items()
        if failure is not None
    }
    assert set(outcome.reports[0]["checks"]) == set(CHECKS) and not failures, failures


@pytest.mark.ranks
@everywhere
def test_training_ends_where_one_process_ends(name: str, size: int) -> None:
    found = launch(name, size).reports[0]["five_steps_of_training"]
    model = seeded(Perceptron, 9).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    inputs, targets = samples(8, torch.float64)
    for _ in range(5):
        optimizer.zero_grad()
        functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    expected = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.ranks
@everywhere
@pytest.mark.parametrize("toy", TOYS)
def test_a_toy_is_trained_to_where_one_rank_trains_it(
    toy: str, name: str, size: int, alone: Communicator, tmp_path: Path
) -> None:
    outcome = launch(name, size)
    found = outcome.reports[0].get(f"training_of_{toy}")
    assert found, outcome.reports[0]["checks"].get(f"training_of_{toy}")
    np.testing.assert_allclose(found, train(toy, alone, tmp_path), rtol=1e-9, atol=1e-12)


@pytest.mark.ranks
@pytest.mark.parametrize("name", COMMUNICATORS)
def test_abort_of_one_rank_ends_all_within_seconds(name: str) -> None:
    outcome = launch(name, 2)
    assert outcome.exit_code == ABORT_CODE, outcome.output
    assert outcome.seconds_after_checks < 10


@pytest.mark.ranks
@pytest.mark.parametrize("name", EACH_COMMUNICATOR)
def test_closing_ends_in_order(name: str) -> None:
    outcome = launch(name, 4)
    assert outcome.exit_code == 0, outcome.output


NCCL_ALONE = """
import sys, torch
from torch import nn
from workloads.runtime.communicators import join
from workloads.runtime.communicators.buckets import FlatReducer

# One accelerator holds one rank of NCCL: the sum over a world of one, by the path that many ranks take.
with join(sys.argv[1]) as communicator:
    device = torch.device("cuda", 0)
    torch.manual_seed(1)
    model, alone = (nn.Linear(300, 200).to(device) for _ in range(2))
    alone.load_state_dict(model.state_dict())
    if sys.argv[1] == "horovod":
        from workloads.runtime.communicators.horovod import HorovodTransport
        reducer = FlatReducer(model, communicator, HorovodTransport(False), 2**16, sys.argv[2] == "bfloat16")
    else:
        from workloads.runtime.communicators.torch import TorchReducer
        reducer = TorchReducer(model, device, 2**16, False, sys.argv[2] == "bfloat16")
    inputs = torch.randn(64, 300, device=device)
    alone(inputs).square().mean().backward()
    for _ in range(4):
        model.zero_grad()
        reducer.backward(reducer.module(inputs).square().mean())
        for one, other in zip(model.parameters(), alone.parameters()):
            near = 2**-7 if sys.argv[2] == "bfloat16" else 1e-6
            torch.testing.assert_close(one.grad, other.grad, rtol=near, atol=near * float(other.grad.abs().max()))
"""


@pytest.mark.ranks
@needs_accelerator
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["horovod", "torch"])
def test_nccl_leaves_the_gradients_of_a_world_of_one_as_they_are(name: str, precision: str) -> None:
    if name == "horovod":
        horovod = pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
        if not horovod.nccl_built():
            pytest.skip("this Horovod was built without NCCL")
    ended = mpirun(1, "-c", NCCL_ALONE, name, precision)
    assert ended.returncode == 0, ended.stdout + ended.stderr


WAITING_WITHIN = """
import sys, time, torch
from torch import nn
from workloads.runtime.communicators import join
from workloads.runtime.communicators.horovod import LARGE_BYTES

# The last layer's gradient comes first, and is waited for at once; the first layer's is computed after that.
with join("horovod") as communicator:
    model = nn.Sequential(nn.Linear(8, 4096), nn.Linear(4096, LARGE_BYTES // 4 // 4096))
    reducer = communicator.reducer(model, torch.device("cpu"))
    for step in range(3):
        loss = reducer.module(torch.ones(2, 8)).square().mean()
        if communicator.rank == 0:
            time.sleep(1)
        begin = time.perf_counter()
        reducer.backward(loss)
        took = time.perf_counter() - begin
    print("rank", communicator.rank, took, reducer.timings.waited, reducer.timings.within_backward)
"""


@pytest.mark.ranks
@pytest.mark.measures
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="Horovod's thread stands back where each rank has a core")
def test_what_is_waited_for_within_the_backward_pass_is_no_computation() -> None:
    pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
    ended = mpirun(2, "-c", WAITING_WITHIN, HOROVOD_THREAD_NICENESS="10")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {int(line.split()[1]): [float(word) for word in line.split()[2:]] for line in ended.stdout.splitlines()}
    took, waited, within = found[1]
    assert took > 0.8 and within > 0.8
    assert within <= waited <= took
    assert found[0][1] < 0.5, "the slow rank waits for nobody"


ALONE = """
import json, sys
from conformance_program import CHECKS
from toys import TOYS
from workloads.runtime.communicators import join

for name in sys.argv[1:]:
    with join(name) as communicator:
        communicator.check_world(1)
        for check in (
            "broadcast_of_optimizer_state",
            "gradients_of_the_global_batch_float64",
            "unused_parameter",
            "channels_last_keeps_its_strides",
            "gather_of_arrays",
            "sum_of_counts",
            "mean_of_buffers",
            "rows_of_all_ranks",
            "resting_player_neither_moves_nor_sends",
        ):
            CHECKS[check](communicator)
        print(json.dumps([CHECKS[f"training_of_{toy}"](communicator) for toy in TOYS]))
"""


@pytest.mark.ranks
def test_a_world_of_one_works_when_it_is_meant() -> None:
    names = ["mpi", "torch"] + ["horovod"] * (importlib.util.find_spec("horovod") is not None)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{PROJECT}:{PROJECT / 'tests'}:{PROGRAM.parent}",
        "OMP_NUM_THREADS": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, *names], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    trained = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("[[")]
    assert len(trained) == len(names) and all(found == trained[0] for found in trained)


STANDING_BACK = """
import os
from workloads.runtime.communicators import join

with join("horovod"):
    threads = {int(name): os.getpriority(os.PRIO_PROCESS, int(name)) for name in os.listdir("/proc/self/task")}
    print(threads.pop(os.getpid()), max(threads.values(), default=0))
"""


@pytest.mark.ranks
@pytest.mark.parametrize("asked", ["", "17"])
def test_horovods_threads_stand_back_where_the_profile_asks_and_the_computation_never(asked: str) -> None:
    pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "HOROVOD_THREAD_NICENESS": asked}
    ended = subprocess.run(
        [sys.executable, "-c", STANDING_BACK], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    inherited = os.getpriority(os.PRIO_PROCESS, 0)
    assert [int(word) for word in ended.stdout.split()] == [inherited, int(asked) if asked else inherited]


ROWS_MEANWHILE = """
import time
import numpy as np
from workloads.runtime.communicators import join

with join("horovod") as communicator:
    begin = time.perf_counter()
    for _ in range(10):
        assert communicator.sum_meanwhile(np.ones(3)).tolist() == [1, 1, 1]
    print(time.perf_counter() - begin)
"""


@pytest.mark.ranks
def test_rows_do_not_wait_for_horovods_cycle() -> None:
    """A coupled loss gathers rows a dozen times a step: at a cycle of 5 ms that takes 80 ms of a step of 25."""
    pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "HOROVOD_CYCLE_TIME": "500"}
    ended = subprocess.run(
        [sys.executable, "-c", ROWS_MEANWHILE], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    assert float(ended.stdout) < 2, "a cycle each takes 5 s"


LARGE_GRADIENT = """
import torch
from torch import nn
from workloads.runtime.communicators import join

with join("horovod") as communicator:
    model = nn.Sequential(nn.Linear(4096, 2304), nn.Linear(2304, 1))
    assert model[0].weight.nbytes > 2**25
    nn.init.constant_(model[1].weight, communicator.rank + 1)
    reducer = communicator.reducer(model, torch.device("cpu"))
    for step in range(3):
        model.zero_grad()
        reducer.backward(reducer.module(torch.ones(1, 4096) * (step + 1)).sum())
        # By the chain rule the second layer's weight times the input, rank + 1 and step + 1: the mean of 1 and 2.
        assert bool((model[0].weight.grad == 1.5 * (step + 1)).all()), model[0].weight.grad
"""


@pytest.mark.ranks
@pytest.mark.parametrize("niceness", [pytest.param("", marks=pytest.mark.thorough), "19"])
def test_a_gradient_of_many_pieces_is_averaged_when_backward_returns_whether_horovods_thread_stands_back_or_not(
    niceness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("horovod.torch", reason="Horovod is not built (make setup builds it)")
    monkeypatch.setenv("HOROVOD_THREAD_NICENESS", niceness)
    ended = mpirun(2, "-c", LARGE_GRADIENT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_missing_horovod_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    from workloads.runtime.communicators import CommunicatorMissingError, join

    monkeypatch.setitem(sys.modules, "horovod.torch", None)
    monkeypatch.delitem(sys.modules, "workloads.runtime.communicators.horovod", raising=False)
    with pytest.raises(CommunicatorMissingError, match=r"make setup.*comm=mpi"):
        join("horovod")


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("n1", "n1"),
        ("n[1-4]", "n1"),
        ("gpu[007-010,020],login1", "gpu007"),
        ("rack1-node[3,5]-ib,other", "rack1-node3-ib"),
        ("a,b", "a"),
    ],
)
def test_first_host_of_slurms_node_list(nodes: str, host: str) -> None:
    assert first_host(nodes) == host


def test_ranks_of_a_slurm_step_agree_on_where_to_meet() -> None:
    step = {
        "SLURM_JOB_ID": "4711",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_STEP_NUM_NODES": "2",
        "SLURM_STEP_NODELIST": "n[1-2]",
    }
    places = [from_slurm({**step, "SLURM_PROCID": str(rank)}) for rank in range(4)]
    assert [place.rank for place in places] == [0, 1, 2, 3]
    assert {(place.size, place.address) for place in places} == {(4, "n1")}
    assert len({place.port for place in places}) == 1
    assert from_slurm({**step, "SLURM_STEP_ID": "1", "SLURM_PROCID": "0"}).port != places[0].port


def test_torchruns_environment_is_followed() -> None:
    place = from_torchrun({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "head", "MASTER_PORT": "1234"})
    assert (place.rank, place.size, place.address, place.port) == (1, 2, "head", 1234)
