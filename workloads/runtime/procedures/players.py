"""What moves the players of a task, and one turn of a player: the same for training and for counting its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from orchestrator.records.settings import OptimizerSettings, TrainingSettings
from workloads.runtime.communicators.base import GradientReducer
from workloads.runtime.procedures.divergence import refusing_too_great_a_step
from workloads.runtime.procedures.optimization import build_optimizer, decides_by_loss, set_rate
from workloads.runtime.task import Batch, Player, Step, Task


class PlayersError(ValueError):
    """A task's players, or the optimisers that the recipe has for them, do not fit together."""


@dataclass
class Share:
    """What a loss gets in one call, and how much its gradient counts. ``last``: the optimiser moves after it.

    ``loss`` is what came out, without gradients, once it is known.
    """

    batch: Batch
    weight: float
    step: Step
    last: bool
    loss: Tensor | None = None


@dataclass
class Mover:
    """A player with an optimiser (by its ``settings``) and a reducer of its own. ``mean`` is that over the ranks."""

    player: Player
    settings: OptimizerSettings
    parameters: list[nn.Parameter]
    optimizer: torch.optim.Optimizer
    reducer: GradientReducer
    mean: Callable[[float], float]

    def move(
        self,
        model: nn.Module,
        rate: float,
        clip: float | None,
        autocast: AbstractContextManager[Any],
        shares: Callable[[], Iterator[Share]],
    ) -> None:
        """One step of the optimiser, at that learning rate and with gradients clipped to that norm.

        ``shares`` goes through what this rank contributes, as often as the optimiser asks for the loss: once, but for
        L-BFGS.
        """

        def loss_and_gradients() -> float:
            self.optimizer.zero_grad(set_to_none=True)
            losses = []
            for share in shares():
                with autocast:
                    loss = self.player.loss(model, share.batch, share.step)
                share.loss = loss.detach()
                losses.append((share.loss, share.weight))
                self.reducer.backward(loss if share.weight == 1 else loss * share.weight, last=share.last)
            if clip:
                nn.utils.clip_grad_norm_(self.player.module.parameters(), clip)
            # Ranks take the same decisions because they see the same loss; who decides nothing need not know it.
            if not decides_by_loss(self.optimizer):
                return 0.0
            return self.mean(sum(float(loss) * weight for loss, weight in losses))

        set_rate(self.optimizer, rate)
        with refusing_too_great_a_step(rate):
            self.optimizer.step(loss_and_gradients)


def make_movers(
    task: Task,
    model: nn.Module,
    training: TrainingSettings,
    new_reducer: Callable[[nn.Module], GradientReducer],
    mean: Callable[[float], float] = float,
) -> list[Mover]:
    """The task's players in turn, each with an optimiser by the recipe's ``training`` settings and a reducer.

    Parameters that belong to no player are frozen. Raises PlayersError.
    """
    players = list(task.players(model))
    check_players(players, training.get("optimizers", {}))
    owned = {id(parameter) for player in players for parameter in player.module.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in owned:
            parameter.requires_grad_(False)
    movers = []
    for player in players:
        settings = training.get("optimizers", {}).get(player.name, training["optimizer"])
        movers.append(
            Mover(
                player,
                settings,
                [parameter for parameter in player.module.parameters() if parameter.requires_grad],
                build_optimizer(player.module, settings, player.undecayed),
                new_reducer(player.module),
                mean,
            )
        )
    return movers


def check_players(players: Sequence[Player], optimizers: Mapping[str, OptimizerSettings]) -> None:
    """Raise PlayersError for players that share a name or a parameter, that have none to move, or that the recipe has
    no optimiser for.
    """
    names = [player.name for player in players]
    if not names or len(set(names)) != len(names):
        raise PlayersError(f"a task's players need names of their own, and there must be one at least: {names}")
    owners: dict[int, str] = {}
    for player in players:
        parameters = list(player.module.parameters())
        if not any(parameter.requires_grad for parameter in parameters):
            raise PlayersError(f"player {player.name!r} has no parameters to move")
        for parameter in parameters:
            owner = owners.setdefault(id(parameter), player.name)
            if owner != player.name:
                raise PlayersError(f"players {owner!r} and {player.name!r} share parameters: each needs its own")
    if optimizers and set(optimizers) != set(names):
        raise PlayersError(
            f"benchmark.training.optimizers has {', '.join(sorted(optimizers))}, but the task's players are "
            f"{', '.join(names)}: give each its own, or none to have all use benchmark.training.optimizer"
        )


def in_turn(movers: Sequence[Mover]) -> Iterator[Mover]:
    """Each mover in turn, the parameters of the others held still: they get no gradient, and none is sent for them."""
    if len(movers) == 1:
        yield movers[0]
        return
    for mover in movers:
        want_gradients(movers, lambda other, mover=mover: other is mover)  # type: ignore[misc]
        yield mover
    want_gradients(movers, lambda other: True)


def want_gradients(movers: Sequence[Mover], wanted: Callable[[Mover], bool]) -> None:
    """Have the parameters of some players, and of no others, get gradients."""
    for mover in movers:
        for parameter in mover.parameters:
            parameter.requires_grad_(wanted(mover))
