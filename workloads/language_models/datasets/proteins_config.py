"""What can be set of proteins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workloads.language_models import config

if TYPE_CHECKING:
    from workloads.language_models.vocabulary import Vocabulary


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens, which take NumPy to load."""
        from workloads.language_models.vocabulary import VOCABULARIES

        return VOCABULARIES["proteins"]
