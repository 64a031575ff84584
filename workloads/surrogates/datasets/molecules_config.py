"""What can be set of molecules."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates.config import SPLITS, require_more, require_one_of


@dataclass
class DatasetOptions:
    """``benchmark.dataset``."""

    source: str
    """"stand-in": clusters made here; or "real": the published file."""
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
    most: int
    """Atoms that a molecule has at most: the published file's."""
    molecules: int
    """Clusters made here, of both parts."""
    smallest: int
    """Atoms of the smallest of them."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("split", self.split, SPLITS)
        require_more("smallest", self.smallest, 2)
        require_more("most", self.most, self.smallest)
        require_more("molecules", self.molecules, 5)
