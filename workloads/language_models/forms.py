"""What each data set's texts are written with, and what tells whether one is good."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.language_models.grammar.crystals import TESTS, Crystal, crystal_of, judge_crystal
from workloads.language_models.grammar.identity import identity_of
from workloads.language_models.grammar.likeness import Keys, by_atoms, by_bonds
from workloads.language_models.grammar.smiles import is_molecule
from workloads.language_models.vocabulary import VOCABULARIES, Vocabulary

Verdicts = Mapping[str, bool]


@dataclass(frozen=True)
class Form:
    """``judge`` gives a text's verdict by test, of which there are ``tests``; a text that passes all is valid.
    ``crystal_of`` is what a valid one shows in a picture; None where texts alone are shown. ``identity_of`` is the same
    for valid texts of one meaning, and each of ``likeness`` gives numbers of many texts in ASCII at once that all of
    one meaning share: none where the texts themselves are their meaning.
    """

    vocabulary: Vocabulary
    tests: tuple[str, ...]
    judge: Callable[[str], Verdicts]
    crystal_of: Callable[[str], Crystal] | None = None
    identity_of: Callable[[str], Hashable] = str
    likeness: Sequence[Callable[[npt.NDArray[np.uint8]], Keys]] = ()


def judge_nothing(text: str) -> Verdicts:
    """No test: nothing in a protein's letters tells whether it is one."""
    return {}


def judge_molecule(text: str) -> Verdicts:
    """Whether it is a molecule."""
    return {"molecule": is_molecule(text)}


FORMS: Mapping[str, Form] = {
    "molecules": Form(
        VOCABULARIES["molecules"], ("molecule",), judge_molecule, None, identity_of, (by_atoms, by_bonds)
    ),
    "crystals": Form(VOCABULARIES["crystals"], TESTS, judge_crystal, crystal_of),
    "proteins": Form(VOCABULARIES["proteins"], (), judge_nothing),
}
"""By data set."""
