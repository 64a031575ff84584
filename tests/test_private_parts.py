"""What the program uses of other projects that they do not promise to keep: each named, so that a release that changes
it breaks here first, and says which part it was.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from submitit.slurm.slurm import SlurmExecutor
from torch.utils._python_dispatch import TorchDispatchMode

PARTS = {
    "hydra._internal.core_plugins.file_config_source": "FileConfigSource.load_config",
    "hydra.core.override_parser.overrides_visitor": "HydraOverrideVisitor._createPrimitive",
    "hydra.core.override_parser.types": "QuotedString.with_quotes",
    "hydra.plugins.config_source": "ConfigSource._get_header_dict",
    "hydra._internal.core_plugins.basic_sweeper": "BasicSweeper.split_arguments",
    "hydra._internal.config_loader_impl": "ConfigLoaderImpl._compose_config_from_defaults_list",
    "hydra._internal.defaults_list": "_create_interpolation_map",
    "submitit.slurm.slurm": "SlurmExecutor._make_submission_file_text",
    "submitit.core.core": "PicklingExecutor.update_parameters",
    "torch._subclasses.fake_tensor": "FakeTensorMode.from_tensor",
    "torch.utils._python_dispatch": "TorchDispatchMode.__torch_dispatch__",
    "torch.utils._pytree": "tree_leaves",
    "torch._C._distributed_c10d": "Reducer.prepare_for_backward",
}
"""By module, what of it is used: compose, whose results and errors are held against Hydra's own
(tests/orchestrator/config/test_merging.py), the batch script, counting a step's work, DDP's own reducer."""


@pytest.mark.parametrize(("module", "part"), PARTS.items(), ids=[f"{module}.{part}" for module, part in PARTS.items()])
def test_a_private_part_that_is_used_is_there(module: str, part: str) -> None:
    found: Any = importlib.import_module(module)
    for name in part.split("."):
        assert hasattr(found, name), f"{module} has no {part}: {name} is gone"
        found = getattr(found, name)
    assert isinstance(found, Callable)  # type: ignore[arg-type]


def test_hydras_sweeper_still_multiplies_out_what_a_sweep_names() -> None:
    parsed = OverridesParser.create().parse_overrides(["a=1,2", "b=x,y"])
    batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    assert [choice for batch in batches for choice in batch] == [
        ["a=1", "b=x"], ["a=1", "b=y"], ["a=2", "b=x"], ["a=2", "b=y"],
    ]  # fmt: skip


def test_submitit_still_writes_where_a_jobs_output_goes() -> None:
    assert list(inspect.signature(SlurmExecutor._make_submission_file_text).parameters) == ["self", "command", "uid"]
    source = inspect.getsource(importlib.import_module("submitit.core.utils").JobPaths)
    assert "_log.out" in source, "submitit.core.utils.JobPaths no longer names a job's output JOB_TASK_log.out"


def test_torchs_reducer_still_takes_what_a_backward_pass_of_our_own_needs() -> None:
    reducer = importlib.import_module("torch._C._distributed_c10d").Reducer
    missing = [name for name in ("prepare_for_backward", "_rebuild_buckets") if not hasattr(reducer, name)]
    assert not missing, f"DistributedDataParallel.reducer has no {missing}"


def test_torchs_operators_still_say_what_they_write_to() -> None:
    class Seen(TorchDispatchMode):
        """Keeps the operators' schemas."""

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.schemas: list[Any] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.schemas.append(func._schema)
            return func(*args, **(kwargs or {}))

    with Seen() as seen:
        torch.zeros(1).add_(1)
    written = [argument.name for argument in seen.schemas[-1].arguments if argument.alias_info is not None]
    assert written == ["self"]
