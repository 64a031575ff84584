"""What every rank runs in the conformance suite: each check in turn, and a report of each.

``python conformance_program.py COMMUNICATOR REPORT_FOLDER``, started by mpirun; the environment's CONFORMANCE_DEVICE
says where the models are. Rank r leaves rank-r.json: for each
check null or what went wrong. A check talks first and judges afterwards, so that one that fails leaves no rank
waiting; should one wait all the same, the suite's timeout ends it.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from conformance.averages import (
    channels_last_keeps_its_strides,
    compressed_gradients_are_close,
    frozen_parameter,
    gradient_accumulation,
    gradients_of_half_precision,
    gradients_of_mixed_types,
    gradients_of_the_global_batch_float32,
    gradients_of_the_global_batch_float64,
    gradients_zeroed_in_place,
    raised_flag_is_seen_by_all_in_the_same_step,
    uneven_last_batch,
    unused_parameter,
)
from conformance.ends import slow_rank_is_not_the_one_that_waits, wrong_world_is_refused
from conformance.gathered import (
    gather_of_arrays,
    gather_of_texts,
    rows_of_all_ranks,
    rows_of_an_evaluation,
    sum_of_counts,
)
from conformance.states import (
    broadcast_of_every_type,
    broadcast_of_optimizer_state,
    mean_of_buffers,
    same_initial_state,
)
from conformance.trainings import (
    five_steps_of_training,
    resting_player_neither_moves_nor_sends,
    training_of_adversarial,
    training_of_coupled,
    training_of_derivatives,
    training_of_second_order,
    training_of_tokens,
)

from workloads.runtime.communicators import Communicator, join

ABORT_CODE = 7

CHECKS: dict[str, Callable[[Communicator], object]] = {
    check.__name__: check
    for check in (
        same_initial_state,
        broadcast_of_every_type,
        broadcast_of_optimizer_state,
        gradients_of_the_global_batch_float32,
        gradients_of_the_global_batch_float64,
        gradients_of_half_precision,
        compressed_gradients_are_close,
        gradients_of_mixed_types,
        uneven_last_batch,
        gradient_accumulation,
        gradients_zeroed_in_place,
        channels_last_keeps_its_strides,
        unused_parameter,
        frozen_parameter,
        raised_flag_is_seen_by_all_in_the_same_step,
        five_steps_of_training,
        rows_of_all_ranks,
        training_of_coupled,
        training_of_derivatives,
        training_of_adversarial,
        training_of_second_order,
        training_of_tokens,
        rows_of_an_evaluation,
        resting_player_neither_moves_nor_sends,
        gather_of_arrays,
        gather_of_texts,
        sum_of_counts,
        mean_of_buffers,
        wrong_world_is_refused,
        slow_rank_is_not_the_one_that_waits,
    )
}


@contextmanager
def reported(report: Path, content: dict[str, object]) -> Iterator[None]:
    """Write the report afterwards, whatever happens."""
    try:
        yield
    finally:
        report.write_text(json.dumps(content))


def main(name: str, folder: Path) -> None:
    """Run all checks. Two ranks then end by abort of the last one, any other number in order."""
    torch.set_num_threads(1)
    communicator = join(name)
    results: dict[str, str | None] = {}
    content: dict[str, object] = {"size": communicator.size, "checks": results}
    with reported(folder / f"rank-{communicator.rank}.json", content):
        for check_name, check in CHECKS.items():
            try:
                answer = check(communicator)
                results[check_name] = None
                if answer is not None:
                    content[check_name] = answer
            except Exception:
                results[check_name] = traceback.format_exc()
            communicator.barrier()
        content["ended"] = time.time()
    if communicator.size != 2:
        communicator.close()
    elif communicator.rank == 1:
        communicator.abort(ABORT_CODE)
    else:
        communicator.barrier()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
