"""The contract of a benchmark's data: where they live, how they are made, checked and converted."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, ClassVar

from orchestrator.records import Data, RecordError, check_record
from orchestrator.records.settings import Settings
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.building import build_folder
from workloads.runtime.samples.consolidated import Description, Field, Provenance

Progress = Callable[[int, int], None]
"""Is told how many are done, of how many."""


def tell_nobody(done: int, total: int) -> None:
    """Progress that nobody follows."""


class Dataset(ABC):
    """One data set, as the benchmark's ``dataset`` settings choose it. ``folder`` is always where it is, or will be."""

    NAME: ClassVar[str]
    """The benchmark's."""
    PUBLISHED: ClassVar[Mapping[str, Published]] = {}
    """What is published, by ``version``."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """``settings`` are the benchmark's ``dataset`` settings."""
        self.settings = settings

    @property
    @abstractmethod
    def folder_name(self) -> str:
        """The folder under the data root. Different data have different folders."""

    @abstractmethod
    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Check it and say what it is: name, source, split, version and checksum at least; ``thorough`` reads all.

        Raises DatasetError, naming file and key, for anything that a run would stumble over.
        """

    @abstractmethod
    def synthesise(self, folder: Path, progress: Progress, workers: int) -> None:
        """Make the stand-in, once: a folder that is already complete is left as it is. Raises DatasetError."""

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Make the data set of the published files. Raises DatasetError, OSError."""
        raise DatasetError(f"nothing is published of {self.NAME}")

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
        raise DatasetError(f"nothing is published of {self.NAME}")


class ConsolidatedDataset(Dataset):
    """A data set in the project's own format (see samples/consolidated.py), made of published files or of a stand-in.

    The stand-in is written in the published layout and converted, so that what is published takes the same way.
    """

    MADE_OF: ClassVar[tuple[str, ...]]
    """Settings that the data depend on."""
    DESCRIBED_BY: ClassVar[type[Description]] = Description
    """What ``dataset.json`` holds, with what the benchmark adds."""
    SPLITS: ClassVar[tuple[str, ...]] = ()
    """Splits that conversion knows; empty: it does not look."""

    @property
    @abstractmethod
    def fields(self) -> Mapping[str, Field]:
        """The arrays of a sample."""

    @property
    def evaluation_fields(self) -> Mapping[str, Field] | None:
        """Those of an evaluation sample, where they differ."""
        return None

    @property
    def is_stand_in(self) -> bool:
        """Whether it is made here."""
        return bool(self.settings["source"] == "stand-in")

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on. Raises DatasetError."""
        return {key: self.settings[key] for key in self.MADE_OF if key in self.settings}

    @property
    def provenance(self) -> Provenance:
        """Where the data come from. Raises DatasetError for a split that there is not."""
        settings = self.settings
        if self.SPLITS and settings["split"] not in self.SPLITS:
            raise DatasetError(f"dataset.split is {settings['split']!r}; expected one of {', '.join(self.SPLITS)}")
        seed = settings["seed"] if self.is_stand_in else None
        return Provenance(self.NAME, settings["source"], settings["split"], str(settings["version"]), seed)

    @property
    def published_variant(self) -> str:
        """What tells folders of one published version apart, such as "-random"."""
        return ""

    @property
    def stand_in_variant(self) -> str:
        """The same of a stand-in, whose folder also names a digest of all that it is made of."""
        return ""

    @property
    def folder_name(self) -> str:
        """Such as "em_denoise/real-em_graphene_sim-test" or "em_denoise/stand-in-1-small-seed1-ab12cd34"."""
        settings = self.settings
        if settings["source"] == "real":
            return f"{self.NAME}/real-{settings['version']}{self.published_variant}"
        stand_in = f"{settings['version']}-{settings['preset']}{self.stand_in_variant}-seed{settings['seed']}"
        return f"{self.NAME}/stand-in-{stand_in}-{consolidated.settings_digest(self.made_of)}"

    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Check it and say what it is; ``thorough`` compares every file's BLAKE3."""
        return consolidated.verify_dataset(
            folder, self.settings, self.fields, thorough, self.evaluation_fields, self.DESCRIBED_BY, self.NAME
        )

    def synthesise(self, folder: Path, progress: Progress, workers: int) -> None:
        """Make the stand-in, once."""
        if not self.is_stand_in:
            raise DatasetError(
                f"{folder}: source is {self.settings['source']!r}, which cannot be synthesised; "
                f"download the published files and convert them (python -m orchestrator data {self.NAME} download)"
            )
        if (folder / consolidated.DESCRIPTION).is_file():
            return
        try:
            self.make_stand_in(folder, progress, workers)
        except BrokenProcessPool as error:
            raise DatasetError(f"{folder} could not be made: a simulating process died ({error})") from error
        except OSError as error:
            needed = f"{self.stand_in_bytes / 1e9:.2f} GB needed"
            raise DatasetError(f"{folder} could not be made ({needed}): {error}") from error

    def make_stand_in(self, folder: Path, progress: Progress, workers: int) -> None:
        """By way of files in the published layout. Simulation and conversion share one count."""
        written, converted = self.stand_in_counts
        total = written + converted
        with build_folder(folder) as scratch:
            self.write_published(scratch, lambda done, _: progress(done, total), workers)
            self.convert(scratch, folder, lambda done, _: progress(written + done, total), workers)

    @property
    @abstractmethod
    def stand_in_counts(self) -> tuple[int, int]:
        """How many samples the published layout holds, and how many of them conversion reads."""

    @property
    @abstractmethod
    def stand_in_bytes(self) -> float:
        """Bytes that must be free to make the stand-in."""

    @abstractmethod
    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Write the stand-in in the published layout. Raises DatasetError, OSError, BrokenProcessPool."""


class FamilyDataset(ConsolidatedDataset):
    """One of the data sets of a benchmark that has several: its folder bears its own name."""

    SET: ClassVar[str]
    """The data set's own name."""
    SHARED: ClassVar[tuple[str, ...]]
    """Settings that the data of every set of the benchmark depend on."""
    OWN: ClassVar[tuple[str, ...]] = ()
    """Settings of this set's own that all of its data depend on."""
    MADE_OF: ClassVar[tuple[str, ...]] = ()
    """Settings that data made here depend on, besides."""

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on."""
        named = (*self.SHARED, *self.OWN, *(self.MADE_OF if self.is_stand_in else ()))
        return {key: self.settings[key] for key in named}

    @property
    def folder_name(self) -> str:
        """Such as "rotations/digits-stand-in-drawn-1-small-seed1-ab12cd34"."""
        settings = self.settings
        made = str(settings["version"])
        if self.is_stand_in:
            made += f"-{settings['preset']}-seed{settings['seed']}"
        return f"{self.NAME}/{self.SET}-{settings['source']}-{made}-{consolidated.settings_digest(self.made_of)}"


def dataset_path(settings: Settings) -> str:
    """The "package.module:Class" of a benchmark's data set. Version 0.1 named the module alone, as dataset_module."""
    return str(settings.get("dataset_class") or settings["dataset_module"])


def load_dataset(path: str, settings: Mapping[str, Any]) -> Dataset:
    """The data set at "package.module:Class", with the benchmark's ``dataset`` settings.

    Where only a module is named, it is the class of data sets that this module defines. Raises DatasetError.
    """
    module_name, _, class_name = path.partition(":")
    module = importlib.import_module(module_name)
    if class_name:
        chosen: type[Dataset] = getattr(module, class_name)
        return chosen(settings)
    for member in vars(module).values():
        if isinstance(member, type) and issubclass(member, Dataset) and member.__module__ == module_name:
            return member(settings)
    raise DatasetError(f"{module_name} defines no class of data sets; name one as dataset_class: {module_name}:Class")


def verified_facts(dataset: Dataset, folder: Path) -> Data:
    """The facts that a run's result states of its data, from a quick check of them.

    Raises DatasetError for data that cannot be used, and for a fact that ``verify`` leaves out or gives another type.
    """
    facts = dataset.verify(folder, thorough=False)
    try:
        return check_record(facts, Data, f"{type(dataset).__name__}.verify of {folder}")
    except RecordError as error:
        raise DatasetError(str(error)) from error
