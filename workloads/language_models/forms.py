"""What each data set's texts are written with, and what tells whether one is good."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from workloads.language_models.grammar.crystals import Crystal, crystal_of, judge_crystal
from workloads.language_models.grammar.identity import identity_of
from workloads.language_models.grammar.smiles import is_molecule
from workloads.language_models.vocabulary import VOCABULARIES, Vocabulary

Verdicts = Mapping[str, bool]


@dataclass(frozen=True)
class Form:
    """``judge`` gives a text's verdict by test; a text that passes all is valid. ``crystal_of`` is what a valid one
    shows in a picture; None where texts alone are shown. ``identity_of`` is the same for valid texts of one meaning.
    """

    vocabulary: Vocabulary
    judge: Callable[[str], Verdicts]
    crystal_of: Callable[[str], Crystal] | None = None
    identity_of: Callable[[str], Hashable] = str


def judge_nothing(text: str) -> Verdicts:
    """No test: nothing in a protein's letters tells whether it is one."""
    return {}


def judge_molecule(text: str) -> Verdicts:
    """Whether it is a molecule."""
    return {"molecule": is_molecule(text)}


FORMS: Mapping[str, Form] = {
    "molecules": Form(VOCABULARIES["molecules"], judge_molecule, identity_of=identity_of),
    "crystals": Form(VOCABULARIES["crystals"], judge_crystal, crystal_of),
    "proteins": Form(VOCABULARIES["proteins"], judge_nothing),
}
"""By data set."""
