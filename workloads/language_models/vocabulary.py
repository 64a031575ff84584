"""Tokens of texts: which there are, and the numbers of a text's tokens. Needs nothing that a login node lacks."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from workloads.language_models.grammar.elements import data_lines, elements

Tokens = npt.NDArray[np.uint16]
Lengths = npt.NDArray[np.int64]
BYTES = 256
START, GROUP = "data_", "_symmetry_space_group_name_H-M"
WORDS = (
    "_cell_length_b", "_atom_site_occupancy", "_atom_site_attached_hydrogens", "_cell_length_a", "_cell_angle_beta",
    "_symmetry_equiv_pos_as_xyz", "_cell_angle_gamma", "_atom_site_fract_x", GROUP, "_symmetry_Int_Tables_number",
    "_chemical_formula_structural", "_chemical_name_systematic", "_atom_site_fract_y",
    "_atom_site_symmetry_multiplicity", "_chemical_formula_sum", "_atom_site_label", "_atom_site_type_symbol",
    "_cell_length_c", "_atom_site_B_iso_or_equiv", "_symmetry_equiv_pos_site_id", "_cell_volume", "_atom_site_fract_z",
    "_cell_angle_alpha", "_cell_formula_units_Z", "loop_", START, "_atom_type_symbol", "_atom_type_electronegativity",
    "_atom_type_radius", "_atom_type_ionic_radius", "_atom_type_oxidation_number",
)  # fmt: skip
"""Of CIF and of CrystaLLM, in its order."""


class UnknownTokenError(ValueError):
    """A text holds ``what`` is no token. ``document`` is the text's number, ``where`` says where in it, from 1 on."""

    def __init__(self, document: int, what: str, where: str) -> None:
        super().__init__(f"{what!r} ({where}) is no token")
        self.document, self.what, self.where = document, what, where


class Vocabulary(ABC):
    """All ``tokens`` by their number, the token that every document starts with, and those that stop it, in a row.

    ``silent`` tokens, such as "<bos>", stand for no character. ``known`` says in words what may be written.
    """

    def __init__(
        self, tokens: Sequence[str], start: int, stop: tuple[int, ...], silent: frozenset[int], known: str
    ) -> None:
        self.tokens, self.start, self.stop, self.silent, self.known = tuple(tokens), start, stop, silent, known

    @abstractmethod
    def encode_all(self, texts: Sequence[str]) -> tuple[Tokens, Lengths]:
        """The tokens of all texts end to end (t,), start and stop included, and how many each has (n,).

        Raises UnknownTokenError.
        """

    @property
    def characters(self) -> npt.NDArray[np.uint8]:
        """How many characters each token stands for (V,): an end is one, and what every document starts with none."""
        found = np.array([len(self.decode([token])) for token in range(len(self.tokens))], np.uint8)
        found[list(self.stop)], found[self.start] = 1, 0
        return found

    def can_encode(self, text: str) -> bool:
        """Whether a text is written with these tokens."""
        try:
            self.encode_all([text])
        except UnknownTokenError:
            return False
        return True

    def begin_text(self, prompt: str, longest: int) -> Tokens:
        """The tokens (p,) of a text of at most ``longest`` that begins with a prompt. Raises ValueError, which begins
        with the option's name.
        """
        try:
            found = self.begin(prompt)
        except UnknownTokenError as error:
            raise ValueError(
                f"prompt is {prompt!r}: {error.what!r} ({error.where}) is not among {self.known}"
            ) from error
        if len(found) >= longest:
            raise ValueError(
                f"prompt has {len(found)} tokens, with those that start a text; a text has at most {longest} "
                "(benchmark.dataset.longest)"
            )
        return found

    def begin(self, prompt: str) -> Tokens:
        """The tokens (p,) of a text that begins with a prompt and goes on. Raises UnknownTokenError, or ValueError for
        one that holds what starts or stops a text.
        """
        tokens, _ = self.encode_all([prompt])
        return tokens[: len(tokens) - len(self.stop)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without what is silent."""
        return "".join(self.tokens[token] for token in tokens if token not in self.silent)


class Characters(Vocabulary):
    """One token for each of some ASCII characters, and MOSES' four others: <bos>, <eos>, <pad> and <unk>.

    The numbers are those of MOSES' CharVocab: characters in their order, then the others. A document is
    <bos>, its characters, <eos>; the other two are never trained on, and are there for the network's published size.
    """

    def __init__(self, characters: str) -> None:
        ordered = sorted(characters)
        first = len(ordered)
        super().__init__(
            (*ordered, "<bos>", "<eos>", "<pad>", "<unk>"), first, (first + 1,), frozenset(range(first, first + 4)),
            f"the characters {''.join(ordered)}",
        )  # fmt: skip

    def encode_all(self, texts: Sequence[str]) -> tuple[Tokens, Lengths]:
        """A table look-up of all characters at once: 1.6 million molecules take a second."""
        table = np.full(BYTES, BYTES, np.uint16)
        for number, token in enumerate(self.tokens[: self.start]):
            table[ord(token)] = number
        # Each text with its end and the next one's start between: line ends, which are then overwritten.
        joined = ("\n\n".join(["", *texts, ""])[1:-1] if texts else "").encode("latin-1", "replace")
        tokens = table[np.frombuffer(joined, np.uint8)]
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 2
        ends = np.cumsum(lengths)
        tokens[ends - lengths], tokens[ends - 1] = self.start, self.stop[0]
        unknown = np.flatnonzero(tokens == BYTES)
        if len(unknown):
            document = int(np.searchsorted(ends, unknown[0], "right"))
            place = int(unknown[0] - (ends[document] - lengths[document]) - 1)
            raise UnknownTokenError(document, texts[document][place], f"character {place + 1}")
        return tokens, lengths


class CrystalTokens(Vocabulary):
    """CrystaLLM's 371 tokens, by its numbers: 89 elements, digits, words of CIF, signs, 227 space groups, <unk>.

    A space group's token ends in "_sg", and stands for the symbol without it. A document is its lines and an
    empty one; of several blanks one is left. Documents with what is no token are refused, so that <unk> has no use.
    """

    def __init__(self) -> None:
        groups = [symbol for line in data_lines("space_groups.txt") for symbol in line]
        tokens = (*elements(), *"0123456789", *WORDS, *"xyz.()+-/', \n", *(f"{group}_sg" for group in groups), "<unk>")
        newline, first = tokens.index("\n"), tokens.index(START)
        super().__init__(
            tokens, first, (newline, newline), frozenset(),
            f"CrystaLLM's {len(tokens)} tokens: {len(elements())} elements, CIF's words, numbers, {len(groups)} groups",
        )  # fmt: skip
        starts: dict[str, list[str]] = {}
        for token in sorted(tokens[:-1], key=len, reverse=True):
            starts.setdefault(token[0], []).append(re.escape(token))
        # The longest token that fits, as CrystaLLM has it; by first characters, so that few are tried.
        self._pattern = re.compile("|".join(f"(?:{'|'.join(same)})" for same in starts.values()))
        self._stated = re.compile(rf"({GROUP} *({'|'.join(map(re.escape, sorted(groups, key=len, reverse=True)))}))\n")
        self._numbers = {token: number for number, token in enumerate(tokens)}

    def encode_all(self, texts: Sequence[str]) -> tuple[Tokens, Lengths]:
        """One text after the other."""
        found = [self.encode(text.rstrip("\n") + "\n\n", number) for number, text in enumerate(texts)]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        return np.fromiter((token for tokens in found for token in tokens), np.uint16, int(lengths.sum())), lengths

    def encode(self, text: str, document: int = 0) -> list[int]:
        """The tokens of a text as it stands. Raises UnknownTokenError."""
        marked = re.sub(r"[ \t]+", " ", self._stated.sub(r"\1_sg\n", text))
        words: list[str] = self._pattern.findall(marked)
        if sum(map(len, words)) != len(marked):
            end = 0
            for match in self._pattern.finditer(marked):
                if match.start() != end:
                    break
                end = match.end()
            words, line = marked[end:].split(), marked.count("\n", 0, end) + 1
            raise UnknownTokenError(document, words[0] if words else marked[end], f"its line {line}")
        return [self._numbers[word] for word in words]

    def begin(self, prompt: str) -> Tokens:
        """A composition such as "Na4Cl4\\n", and what may come after it."""
        # A command line has no other way to write a line's end; no token has a backslash.
        prompt = prompt.replace("\\n", "\n")
        if START in prompt:
            raise ValueError(f"prompt is {prompt!r}: {START!r} stands before it unwritten; leave it out")
        if "\n\n" in prompt:
            raise ValueError(f"prompt is {prompt!r}: its empty line would end the text")
        return np.array(self.encode(START + prompt), np.uint16)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens."""
        return "".join(self.tokens[token].removesuffix("_sg") for token in tokens)


VOCABULARIES: Mapping[str, Vocabulary] = {
    "molecules": Characters("#()-123456=BCFHNOS[]clnors"),
    "crystals": CrystalTokens(),
    "proteins": Characters("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
}
"""By data set. Proteins have the letters of IUPAC, unknown (X) and ambiguous ones (B, J, Z) included."""
