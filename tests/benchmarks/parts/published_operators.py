"""DeepXDE's own zero coordinate shift as a side that takes turns: ``python -m parts.published_operators``.

Its example ``diff_rec_aligned_zcs_pideeponet.py`` in our words, with its own classes, network, points and optimiser,
and the loop that ``Model.train`` is. Needs the package deepxde (with the backend pytorch), which is none of the
project's: have it in a folder of its own and name that in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from parts.turns import Turns

os.environ.setdefault("DDE_BACKEND", "pytorch")


class NoMoreTurns(Exception):
    """The comparison is over."""


def build(functions: int, batch: int) -> Any:
    """The example's model, compiled."""
    import deepxde as dde

    def pde(x: Any, y: Any, v: Any) -> Any:
        grad_y = dde.zcs.LazyGrad(x, y)
        return grad_y.compute((0, 1)) - 0.01 * grad_y.compute((2, 0)) + 0.01 * y**2 - v

    place_and_time = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
    boundary = dde.icbc.DirichletBC(place_and_time, lambda _: 0, lambda _, on_boundary: on_boundary)
    initial = dde.icbc.IC(place_and_time, lambda _: 0, lambda _, on_initial: on_initial)
    points = dde.data.TimePDE(
        place_and_time, pde, [boundary, initial], num_domain=200, num_boundary=40, num_initial=20, num_test=500
    )
    sensors = np.linspace(0, 1, num=50)[:, None]
    space = dde.data.GRF(length_scale=0.2)
    data = dde.zcs.PDEOperatorCartesianProd(
        points, space, sensors, functions, function_variables=[0], num_test=10, batch_size=batch
    )
    network = dde.nn.DeepONetCartesianProd([50, 128, 128, 128], [2, 128, 128, 128], "tanh", "Glorot normal")
    model = dde.zcs.Model(data, network)
    model.compile("adam", lr=0.0005, verbose=0)
    return model


def train(model: Any, turns: Turns, losses: list[float]) -> None:
    """Its own loop, a step for each that the turns allow; steps are looked at from outside."""
    import deepxde as dde

    class Paced(dde.callbacks.Callback):  # type: ignore[misc, name-defined]
        def on_batch_begin(self) -> None:
            if not turns.begin():
                raise NoMoreTurns

        def on_batch_end(self) -> None:
            turns.end()

    step = model.outputs_losses_train

    def kept(*arguments: Any) -> Any:
        outputs, found = step(*arguments)
        losses.append(float(found.detach().sum()))
        return outputs, found

    model.outputs_losses_train = kept
    try:
        model.train(iterations=10**9, display_every=10**9, callbacks=[Paced()], verbose=0)
    except NoMoreTurns:
        return


def main() -> None:
    """One process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--functions", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    # What DeepXDE draws its functions by.
    np.random.seed(1)
    losses: list[float] = []
    train(build(options.functions, options.batch), Turns("published", options.folder, 0), losses)
    np.save(options.folder / "published-0-losses.npy", losses)


if __name__ == "__main__":
    main()
