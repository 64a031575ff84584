"""Small tasks that ask more of the training contract than the benchmarks do, and a trainer that is given one.

All compute in float64 on data drawn from one seed, so that training ends at the same numbers wherever it is done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.config.schema_benchmark import OptimizerConfig, TrainingConfig
from orchestrator.records import RunSpec
from workloads.runtime.communicators import Communicator
from workloads.runtime.measurement.mllog import MlperfLog
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.procedures.suited import settle
from workloads.runtime.procedures.training import Trainer
from workloads.runtime.task import Arrays, Batch, Player, Quality, SampleSet, Step, Task


class Drawn(SampleSet):
    """Samples in memory, drawn from a seed: fields of float64 by their shapes."""

    def __init__(self, samples: int, **shapes: tuple[int, ...]) -> None:
        random = np.random.default_rng(5)
        self.fields = {name: random.standard_normal((samples, *shape)) for name, shape in shapes.items()}

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        if out is None:
            return {name: array[indices] for name, array in self.fields.items()}
        return {name: array.take(indices, 0, out[name][: len(indices)]) for name, array in self.fields.items()}


class MeanOutput(Quality):
    """The mean of what the model makes of its inputs."""

    def __init__(self) -> None:
        self.sums = np.zeros(2)

    def update(self, model: nn.Module, batch: Batch) -> None:
        outputs = model(batch["input"])
        self.sums += [len(outputs), float(outputs.detach().sum())]

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        return self.sums

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        return {"mean": float(counts[1] / counts[0])}


class Toy(Task):
    """17 samples of 6 numbers in, 3 out, by a network with one hidden layer."""

    training = TrainingConfig(
        epochs=3, global_batch_size=7, optimizer=OptimizerConfig("adam", 0.02), learning_rate_scaling="none",
        evaluate_every_epochs=100, checkpoint_every_epochs=100,
    )  # fmt: skip
    """Three steps an epoch: of 7, 7 and 3 samples."""

    def __init__(self, settings: Any, folder: Path) -> None:
        """Of the settings a toy reads none."""
        super().__init__(settings, folder)

    @functools.cached_property
    def training_set(self) -> Drawn:
        return Drawn(17, input=(6,), target=(3,))

    @property
    def evaluation_set(self) -> SampleSet:
        return self.training_set

    def build_model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3)).double()

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        return functional.mse_loss(model(batch["input"]), batch["target"])

    def new_quality(self) -> Quality:
        return MeanOutput()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        outputs: Tensor = model(batch["input"])
        return outputs


class CountedAtLast(MeanOutput):
    """Counts the samples of the trained model alone."""

    def conclude(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        alive()
        return {**self.compute(counts, rows), "samples": float(counts[0])}


class Concluded(Toy):
    """A metric of the trained model alone; evaluated after each epoch."""

    concludes = True
    training = replace(Toy.training, evaluate_every_epochs=1)

    def new_quality(self) -> Quality:
        return CountedAtLast()


class Coupled(Toy):
    """A loss over the whole batch's covariance, and one that compares each sample with all of the batch."""

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        codes = model(batch["input"])
        everyone = step.together(codes)
        covariance = torch.cov(everyone.T)
        decorrelation = (covariance - torch.eye(3).to(covariance)).square().sum()
        contrast = (torch.logsumexp(codes @ everyone.T, dim=1) - (codes * codes).sum(dim=1)).mean()
        total: Tensor = decorrelation + 0.1 * contrast
        return total


class Derivatives(Toy):
    """A function whose fourth derivative is given and whose second, at each point, too: no loss sees its last bias."""

    leaves_parameters_out = True
    twice_differentiable = True

    @functools.cached_property
    def training_set(self) -> Drawn:
        return Drawn(17, input=(1,))

    def build_model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1)).double()

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        points = batch["input"].requires_grad_()
        derivative = model(points)
        for _ in range(4):
            (derivative,) = torch.autograd.grad(derivative.sum(), points, create_graph=True)
        ones = torch.ones_like(points)
        second = torch.func.jvp(lambda at: torch.func.jvp(model, (at,), (ones,))[1], (points,), (ones,))[1]
        residuals = torch.cat([derivative - torch.sin(points), second + torch.sin(points)], dim=1)
        return residuals.square().mean()


class Adversaries(nn.Module):
    """A generator, and a critic of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 6))
        self.critic = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
        self.unmoved = nn.Linear(2, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        """The critic's opinion of samples."""
        opinion: Tensor = self.critic(inputs)
        return opinion


class Adversarial(Toy):
    """Two players with optimisers of two kinds; the model has parameters that belong to neither."""

    training = replace(
        Toy.training,
        optimizers={
            "generator": OptimizerConfig("adam", 0.02, betas=(0.5, 0.9)),
            "critic": OptimizerConfig("sgd", 0.05, weight_decay=0.01),
        },
    )

    @functools.cached_property
    def training_set(self) -> Drawn:
        return Drawn(17, input=(6,), noise=(2,))

    def build_model(self) -> nn.Module:
        return Adversaries().double()

    def players(self, model: nn.Module) -> Sequence[Player]:
        assert isinstance(model, Adversaries)
        return [Player("generator", model.generator, self.fool), Player("critic", model.critic, self.tell)]

    def fool(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """The generator wants what it makes to be taken for real."""
        assert isinstance(model, Adversaries)
        return functional.softplus(-model.critic(model.generator(batch["noise"]))).mean()

    def tell(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """The critic wants to tell one from the other."""
        assert isinstance(model, Adversaries)
        made = model.generator(batch["noise"]).detach()
        return (functional.softplus(-model.critic(batch["input"])) + functional.softplus(model.critic(made))).mean()


class SecondOrder(Toy):
    """L-BFGS, which asks for the loss several times a step and decides by it."""

    training = replace(Toy.training, global_batch_size=17, optimizer=OptimizerConfig("lbfgs", 1.0, iterations=6))


class Sentences(SampleSet):
    """Samples of 0 to 5 of 5 places filled, drawn by their numbers and never the same twice."""

    unit = "tokens"
    fresh = True

    def __len__(self) -> int:
        return 17

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return indices * 7 % 6

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        drawn = [np.random.default_rng([9, number]).standard_normal((5, 6)) for number in indices]
        filled = np.arange(5) < self.items(indices)[:, None]
        return {"input": np.stack(drawn), "filled": filled.astype(np.float64)}


class Tokens(Toy):
    """A loss that is the mean over tokens, of which the samples, and so the ranks, have different numbers."""

    @functools.cached_property
    def training_set(self) -> SampleSet:  # type: ignore[override]
        return Sentences()

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        return Drawn(17, input=(6,))

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        each = (model(batch["input"]).sum(dim=2) - 1).square()
        mean: Tensor = (each * batch["filled"]).sum() / batch["filled"].sum().clamp_min(1)
        return mean


TOYS: Mapping[str, type[Toy]] = {
    "coupled": Coupled,
    "derivatives": Derivatives,
    "adversarial": Adversarial,
    "second_order": SecondOrder,
    "tokens": Tokens,
}


CPU = torch.device("cpu")


def trainer_of(
    task: Toy, communicator: Communicator, folder: Path, device: torch.device = CPU, **training: Any
) -> Trainer:
    """A trainer of the toy on all ranks, with its own settings but for those given."""
    settings: Any = {
        "training": asdict(replace(task.training, **training)),
        "quality": {"metric": "mean", "target": 1e9, "higher_is_better": True, "basis": "none"},
    }
    spec = RunSpec(
        campaign="toys", run="toy", benchmark="toy", cluster="local", nodes=1, ranks_per_node=communicator.size,
        threads_per_rank=1, repeat=0, seed=3, comm=communicator.name, mode="training", recipe="", scale="single",
        settings=settings, data_folder="", silence_s=60, startup_silence_s=60,
    )  # fmt: skip
    suited = settle(settings["training"], device, communicator, task.twice_differentiable)
    return Trainer(spec, task, suited, communicator, device, Progress(), MlperfLog(None), folder)


def train(name: str, communicator: Communicator, folder: Path, device: torch.device = CPU) -> list[float]:
    """Train the toy of that name to its end; all its parameters, one after the other."""
    trainer = trainer_of(TOYS[name]({}, folder), communicator, folder, device)
    trainer.train()
    return parameters_of(trainer)


def parameters_of(trainer: Trainer) -> list[float]:
    """All parameters of what is trained, one after the other."""
    flat: list[float] = torch.cat([parameter.detach().reshape(-1) for parameter in trainer.model.parameters()]).tolist()
    return flat
