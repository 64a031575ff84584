"""What can be set of every method and data set of surrogates. Imports no compute library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

SPLITS = ("test", "validation")
LOSSES = ("relative_l2", "h1")


@dataclass
class Model:
    """``benchmark.model`` of every method of fields; methods/NAME_config.py adds what a method has of its own."""

    loss: str
    """What training lessens: "relative_l2", or "h1", which counts slopes too."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("loss", self.loss, LOSSES)


@dataclass
class PairOptions:
    """``benchmark.dataset`` of every data set that is made of pairs."""

    source: str
    """"stand-in": simulated here; or "real": published files."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"test", or "validation", which trains on four fifths of test's training part and judges by the rest of it."""
    preset: str
    """Names the folder of data made here."""
    seed: int
    """What data made here are drawn by."""
    samples: int
    """Samples to train on: the first ones of published files, or as many as are made here."""
    evaluation_samples: int
    """Samples to measure quality on: the last ones of published files, or as many as are made here."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("split", self.split, SPLITS)
        require_more("samples", self.samples, 1)
        require_more("evaluation_samples", self.evaluation_samples, 1)


@dataclass
class SimulatedOptions(PairOptions):
    """``benchmark.dataset`` of what no files are published of that are read."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.source != "stand-in":
            raise ValueError(f"source is {self.source!r}, but no files are read of this data set; it is simulated here")


@dataclass
class DatasetOptions(PairOptions):
    """``benchmark.dataset`` of every data set of fields; datasets/NAME_config.py adds what one has of its own."""

    grid: int
    """Points along each axis of what is trained on, of which the finest grid's are a multiple."""
    evaluation_grids: list[int]
    """Further grids that quality is measured on, as ``n31/relative_l2`` and so on."""
    solver_grid: int
    """Points along each axis of what is simulated here."""

    @property
    def axes(self) -> int:
        """Of a field."""
        return 2

    @property
    def periodic(self) -> bool:
        """Whether opposite sides of the domain are one; else both ends of an axis are among the points made here."""
        return False

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_more("grid", self.grid, 4)
        for points in self.evaluation_grids:
            require_more("evaluation_grids", points, 4)
        if self.source == "stand-in":
            require_more("solver_grid", self.solver_grid, max(self.grid, *self.evaluation_grids, 0))
            ends = int(not self.periodic)
            for option, points in (
                ("grid", self.grid),
                *(("evaluation_grids", each) for each in self.evaluation_grids),
            ):
                if (self.solver_grid - ends) % (points - ends):
                    raise ValueError(
                        f"{option} has {points}, which is no part of solver_grid, {self.solver_grid}: expected a "
                        f"divisor of {self.solver_grid - ends}{' and 1 more' * ends}"
                    )


def require_one_of(option: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(choices)}")


def require_more(option: str, value: float, least: float) -> None:
    """Raise ValueError unless an option is large enough."""
    if not value >= least:
        raise ValueError(f"{option} is {value}; expected {least} or more")


def require_positive(option: str, value: float) -> None:
    """Raise ValueError unless an option is more than 0."""
    if not value > 0:
        raise ValueError(f"{option} is {value}; expected more than 0")
