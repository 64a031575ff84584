"""What a person writes as KEY=VALUE, read by Hydra's grammar: a text stays as written, and what cannot be read is
answered with the key and with how to write it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.overrides_visitor import HydraErrorListener, HydraOverrideVisitor
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString, Sweep
from hydra.errors import HydraException
from hydra.grammar.gen.OverrideLexer import OverrideLexer
from hydra.grammar.gen.OverrideParser import OverrideParser

from orchestrator.config.keys import GROUPS, hint_at, is_free, is_list, is_text, known_keys, unknown_key
from orchestrator.config.words import Word, alternatives, settle_value
from orchestrator.errors import UsageError

NO_NAME, ESCAPED = re.compile(r"[\\()\[\]{}:=, \t]"), r"\\\g<0>"
"""Characters that Hydra's grammar takes in a mapping's name after a backslash alone."""


class WordVisitor(HydraOverrideVisitor):  # type: ignore[misc]
    """Hydra's reader of values, except that it returns numbers and truth values as a Word, with the text written. The
    arguments of a function, as in ``range(1,3)``, stay numbers.
    """

    depth = 0

    def visitFunction(self, ctx: Any) -> Any:
        """Read a function's value."""
        self.depth += 1
        try:
            return super().visitFunction(ctx)
        finally:
            self.depth -= 1

    def _createPrimitive(self, ctx: Any) -> Any:
        value = super()._createPrimitive(ctx)
        if self.depth == 0 and isinstance(value, (bool, int, float)):
            return Word(ctx.getText().strip(), value)
        return value


class WordParser(OverridesParser):  # type: ignore[misc]
    """Hydra's parser with that reader."""

    def parse_rule(self, s: str, rule_name: str) -> Any:
        """Return what the rule makes of a line. Raises HydraException."""
        listener = HydraErrorListener()
        lexer = OverrideLexer(InputStream(s))
        lexer.removeErrorListeners()
        lexer.addErrorListener(listener)
        parser = OverrideParser(CommonTokenStream(lexer))
        parser.removeErrorListeners()
        parser.addErrorListener(listener)
        found = WordVisitor(self.functions).visit(getattr(parser, rule_name)())
        found.input_line = s
        return found


def read_overrides(words: Sequence[str], schema: type, benchmarks: Sequence[str] = ()) -> list[str]:
    """Return the words as Hydra is to be given them. ``benchmarks`` are those that the words name.

    Raises UsageError for a word that Hydra's grammar cannot read, and for one that takes a key of the schema away.
    """
    parser = WordParser(create_functions())
    return [read_override(parser, word, schema, benchmarks) for word in words]


def read_override(parser: WordParser, word: str, schema: type, benchmarks: Sequence[str]) -> str:
    """Return one word as Hydra is to be given it. Raises UsageError."""
    try:
        (override,) = parser.parse_overrides([word])
    except (HydraException, ValueError, RecursionError) as error:
        raise UsageError(unreadable(word, schema, benchmarks)) from error
    key = override.key_or_group
    if override.is_hydra_override():
        raise UsageError(f"{key}: Hydra's own keys have no effect here; leave it out.", key=key)
    if override.is_delete():
        refuse_deletion(key, schema)
    if override.is_delete() or (isinstance(override._value, Sweep) and not isinstance(override._value, ChoiceSweep)):
        return word
    if key in GROUPS:
        refuse_no_choice(override, key)
    hint = str if key in GROUPS or "/" in key or override.package else hint_at(schema, key, benchmarks)
    return f"{override.get_key_element()}={settled_text(override, hint, key)}"


LONGEST_CHOICE = 200
"""Bytes of a name of a group's file, which file systems limit to 255 with its ending."""


def refuse_no_choice(override: Override, key: str) -> None:
    """Raise UsageError for a choice of a group that can be no file's name."""
    for value in values_of(override):
        if value is None:
            raise UsageError(
                f"{key}=null: it names one of several; leave it out for the usual one, or give a name.", key=key
            )
        if isinstance(value, list):
            raise UsageError(
                f"{key}: one file is laid over the other, which is no machine's or method's; give one name, "
                f"or for one campaign over several {key}=A,B -m.",
                key=key,
            )
        text = unquoted(value)
        if isinstance(text, str) and len(text.encode(errors="replace")) > LONGEST_CHOICE:
            raise UsageError(f"{key}={text[:40]}…: there is none of so long a name; give one that `list` has.", key=key)


def values_of(override: Override) -> list[Any]:
    """Return the value of an override, or the values of its sweep."""
    value = override._value
    return value.list if isinstance(value, ChoiceSweep) else [value]


def settled_text(override: Override, hint: Any, key: str) -> str:
    """Return the value of an override, or the values of its sweep, each word as its key's type has it."""
    value = override._value
    if not isinstance(value, ChoiceSweep):
        return grammar_text(settle_value(unquoted(value), hint, key))
    if value.simple_form:
        return ",".join(grammar_text(settle_value(unquoted(item), hint, key)) for item in value.list)
    kinds = alternatives(hint)
    if str in kinds and any(type(item) not in (*kinds, QuotedString) for item in value.list):
        raise UsageError(
            f"{key}={override.get_value_string()}: a text that reads like a number is put in quotes there."
        )
    return str(override.get_value_string())


def unquoted(value: Any) -> Any:
    """Return the value with its quoted texts as plain ones."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    if isinstance(value, Mapping):
        return {name_of(name): unquoted(item) for name, item in value.items()}
    return value


def name_of(name: Any) -> str:
    """Return a name within a mapping; Hydra has no way to write one that reads like something else there."""
    if not isinstance(name, str):
        text = name.text if isinstance(name, Word) else "null"
        raise UsageError(
            f"{{{text}: …}}: a name that reads like a number; write it as a key of its own, +KEY.{text}=VALUE."
        )
    return name


def grammar_text(value: Any) -> str:
    """Return a value as Hydra's grammar writes it, every text in quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quote_text(value)
    if isinstance(value, list):
        return f"[{','.join(map(grammar_text, value))}]"
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(f"{NO_NAME.sub(ESCAPED, name)}:{grammar_text(item)}" for name, item in value.items()) + "}"
        )
    return str(value)


def quote_text(text: str) -> str:
    """Return a text quoted for Hydra, so that no character of it has a meaning there."""
    return str(QuotedString(text, Quote.single).with_quotes())


def refuse_deletion(key: str, schema: type) -> None:
    """Raise UsageError unless the key is one that was added to a mapping."""
    if not is_free(schema, key):
        raise UsageError(
            f"~{key}: only what stands in a free mapping can be taken away, as ~cluster.environment.NAME; set {key} to "
            "another value instead, or to null where it may have none."
        )


def unreadable(word: str, schema: type, benchmarks: Sequence[str]) -> str:
    """Return the message for a word that Hydra's grammar cannot read: the key, and how to write it."""
    key, equals, value = word.partition("=")
    bare = key.lstrip("+~")
    hint = hint_at(schema, bare, benchmarks)
    if not equals:
        return f"'{word}' is not KEY=VALUE."
    if hint is Any and bare not in GROUPS and not is_free(schema, bare) and bare not in known_keys(schema, benchmarks):
        return unknown_key(bare, schema, benchmarks)
    if is_list(hint):
        return f"{bare}={value}: not a list that can be read; put each text in quotes: \"{key}=['…','…']\"."
    if is_text(hint) or bare in GROUPS or is_free(schema, bare):
        return f"{bare}={value}: not a text that can be read without quotes; write {quoted_word(key, value)}"
    if len(value) > 100:
        return f"{bare}={value[:20]}…: that is no value that it takes."
    return f"{bare}={value}: not a value that can be read."


def quoted_word(key: str, value: str) -> str:
    """Return the word for a shell, with its value quoted for Hydra. Quotes around the whole value are dropped."""
    inner = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    text = f"{key}={quote_text(inner)}"
    return f'"{text}"' if not set(text) & set('"$`!\\') else shlex.quote(text)
