"""What can be set of every method and data set of operators. Imports no compute library."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Model:
    """``benchmark.model`` of every method."""

    widths: list[int]
    """Widths of the layers of branch and trunk, the last of which is how many products make a value."""
    condition_weight: float
    """What the conditions' part of the loss counts beside the equation's."""
    hard_conditions: bool
    """Whether conditions hold by the fields' form instead, all of them; false: those that do as published."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths is {self.widths}; each layer needs one unit at least")
        require_positive("condition_weight", self.condition_weight)

    @classmethod
    def compare_trained(
        cls, trained: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What has to be the same of two benchmarks' settings, for the model of one to solve the other's problem: the
        method, the data set, the model, and all of the data that the method's model knows.
        """
        return cls.solved(trained), cls.solved(wanted)

    @classmethod
    def solved(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What a benchmark's model solves: any function of a problem."""
        return {
            "method": settings.get("method"),
            "dataset": settings.get("dataset_name"),
            **settings["model"],
            **problem_parameters(settings["dataset"]),
        }


@dataclass
class DatasetOptions:
    """``benchmark.dataset`` of every data set; datasets/NAME_config.py adds what a data set has of its own."""

    source: str
    """"stand-in", or "real": files of others' solutions."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """"functions": quality is measured on functions that are not trained on."""
    preset: str
    """Names the folder of the data made here."""
    seed: int
    """What the functions are drawn by. The points are drawn by the run's seed."""
    functions: int
    """Functions to train on."""
    evaluation_functions: int
    """Functions that quality is measured on."""
    grid: list[int]
    """Points of the reference solutions along each coordinate."""
    points: int
    """Points inside the domain that the equation is to hold at."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("source", self.source, ("stand-in", "real"))
        require_one_of("split", self.split, ("functions",))
        for option in ("functions", "evaluation_functions", "points"):
            require_positive(option, getattr(self, option))
        if len(self.grid) != 2 or min(self.grid) < 5:
            raise ValueError(f"grid is {self.grid}; expected two numbers of points, 5 at least")


def problem_parameters(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Of a data set's options those that its problem depends on: its own, but for numbers of points."""
    shared = {field.name for field in fields(DatasetOptions)}
    return {name: value for name, value in dataset.items() if name not in shared and not name.endswith("_points")}


@dataclass
class PeriodicOptions(DatasetOptions):
    """``benchmark.dataset`` of flows on a circle."""

    boundary_points: int
    """Points on the edge of the square of place and time, where the equation is to hold, too."""
    nodes: int
    """Equidistant initial values, which the network sees and the conditions ask for."""
    waves: int
    """Waves that initial values are made of: fewer are smoother. Of n nodes (n - 1) / 2 at most."""
    resolution: int
    """Points of the reference solver; the grid's along x divide it."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_at_least("boundary_points", self.boundary_points, 1)
        require_at_least("nodes", self.nodes, 8)
        if not 1 <= self.waves <= (self.nodes - 1) // 2:
            raise ValueError(f"waves is {self.waves}; {self.nodes} nodes have 1 to {(self.nodes - 1) // 2}")
        if self.source == "stand-in" and (self.resolution < self.nodes or self.resolution % self.grid[0]):
            raise ValueError(
                f"resolution is {self.resolution}; expected a multiple of the grid's {self.grid[0]} points along x, "
                f"and no fewer than the {self.nodes} nodes"
            )


def require_one_of(option: str, value: object, choices: Collection[object]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(map(str, choices))}")


def require_positive(option: str, value: float) -> None:
    """Raise ValueError unless an option is a number above zero."""
    if not value > 0 or not math.isfinite(value):
        raise ValueError(f"{option} is {value}; expected a number above 0")


def require_none_or_more(option: str, value: float) -> None:
    """Raise ValueError unless an option is zero or a number above it."""
    if not value >= 0 or not math.isfinite(value):
        raise ValueError(f"{option} is {value}; expected 0 or a number above it")


def require_at_least(option: str, value: int, least: int) -> None:
    """Raise ValueError for an option that is too small."""
    if value < least:
        raise ValueError(f"{option} is {value}; expected {least} at least")
