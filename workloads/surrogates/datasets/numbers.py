"""What the data sets share whose inputs are numbers, and no field; nothing of them is published in files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from workloads.runtime.samples.consolidated import Field
from workloads.surrogates.datasets.pairs import Floats, PairsDataset, Source
from workloads.surrogates.datasets.variables import Variable, open_variable


class NumbersDataset(PairsDataset):
    """Samples of an "input" (k,) and a "target" of any shape, float32."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """How many numbers an input is."""

    @property
    @abstractmethod
    def target_shape(self) -> tuple[int, ...]:
        """Channels, and points along each axis if there are any."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The numbers, and what they lead to."""
        return {"input": Field((self.numbers,), "float32"), "target": Field(self.target_shape, "float32")}

    @property
    def stand_in_bytes(self) -> float:
        """As simulated, and as converted."""
        return float(sum(field.bytes for field in self.fields.values()) * sum(self.stand_in_counts))

    @property
    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        """As samples are."""
        return {name: field.shape for name, field in self.fields.items()}

    def published_file(self, part: str) -> str:
        """A file for each part."""
        return f"{self.SET}_{part}.mat"

    def open_pair(self, published: Path, part: str) -> tuple[Variable, Variable]:
        """Of the part's file."""
        path = published / self.published_file(part)
        return open_variable(path, "input", 2), open_variable(path, "target", 1 + len(self.target_shape))

    def to_pairs(self, inputs: Floats, targets: Floats, source: Source) -> tuple[Floats, Floats]:
        """As they are."""
        return inputs, targets

    def samples_of(self, part: str, inputs: Floats, targets: Floats) -> dict[str, Floats]:
        """As they are."""
        return {"input": inputs, "target": targets}
