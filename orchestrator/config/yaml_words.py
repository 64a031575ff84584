"""The one reader of YAML that people write: a benchmark, a machine's profile, a site's folder, a suite, references."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from orchestrator.config.words import Word
from orchestrator.errors import UsageError

MOST_BYTES, MOST_VALUES = 2**22, 200_000
"""Size of a file, and how many keys and values it may hold: the largest that is shipped has a hundredth of either."""


class WordLoader(yaml.SafeLoader):
    """Keeps of numbers and truth values how they were written. A date is a text, and 1e-3 a number, as in YAML 1.2."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Return a mapping; a key that is there twice is an error."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_word(self, node: Any) -> Word:
        """Return a number or truth value with its writing."""
        construct = getattr(self, f"construct_yaml_{node.tag.rpartition(':')[2]}")
        try:
            return Word(node.value, construct(node))
        except (ValueError, OverflowError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, f"{node.value[:40]} is no number", node.start_mark
            ) from (error)


WordLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
WordLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)[eE][-+]?\d+\Z"), list("-+.0123456789")
)
for _kind in ("int", "float", "bool"):
    WordLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", WordLoader.construct_word)


def read_tree(path: Path) -> dict[Any, Any]:
    """Return the mapping in a file, its numbers and truth values with their writing (see ``words.settle_value``).

    Raises UsageError naming file and line.
    """
    try:
        document = load_bounded(read_text(path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise UsageError(f"{place}: {error.problem or error.context}") from error
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{path} must hold a mapping of keys to values, not {type(document).__name__}")
    return document


def read_text(path: Path) -> str:
    """Return the text of a file that a person wrote. Raises OSError, and ValueError for what is none of theirs."""
    if path.exists() and not path.is_file():
        raise ValueError("it is not a plain file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES} bytes")
    return content.decode("utf-8")


def load_bounded(text: str) -> Any:
    """Return what a text of YAML holds. Raises yaml.YAMLError, also where its anchors multiply to more than
    MOST_VALUES.
    """
    loader = WordLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        refuse_multiplied(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def refuse_multiplied(top: yaml.Node) -> None:
    """Raise yaml.YAMLError if there are too many values below a node, each alias counted as all that it stands for, or
    if it is a part of itself.
    """
    counts: dict[int, int] = {}

    def count(node: yaml.Node) -> int:
        if id(node) not in counts:
            counts[id(node)] = MOST_VALUES + 1
            parts = node.value if isinstance(node, yaml.CollectionNode) else []
            inner = (item for part in parts for item in (part if isinstance(part, tuple) else (part,)))
            counts[id(node)] = 1 + sum(count(item) for item in inner)
        return counts[id(node)]

    if count(top) > MOST_VALUES:
        raise yaml.composer.ComposerError(
            None, None, f"its anchors make more than {MOST_VALUES} values of it", top.start_mark
        )
