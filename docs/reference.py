"""The reference's pages, made of the code: what they say cannot differ from what the program does."""

from __future__ import annotations

import ast
import html
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.cli.parsers import PARSERS
from orchestrator.cli.verbs import VERBS
from orchestrator.config.explanations import Explanation, explain_keys
from orchestrator.config.families import DATASETS, METHODS, benchmarks, option_classes
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.errors import EXIT_CODES

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = re.compile(r'"(orchestrator\.[\w-]+/\d+)"')
SCHEMA_FILES = (
    "orchestrator/report/report.schema.json",
    "orchestrator/report/comparison.schema.json",
    "orchestrator/acceptance/verdict.schema.json",
)
CONTRACTS = (
    "workloads/runtime/task.py",
    "workloads/runtime/dataset.py",
    "workloads/runtime/procedures/procedure.py",
    "workloads/runtime/communicators/base.py",
)
WIDTH = "96"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines."""
    cells = [[cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *cells)] + [""]


def code(text: str) -> str:
    """Return text as code; nothing for nothing."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>" if text else ""


def key_rows(keys: Sequence[Explanation]) -> list[list[str]]:
    """Return a row for each key that takes a value."""
    return [
        [code(item.key), code(item.type), "to be given" if item.default is None else code(item.default), item.text]
        for item in keys
        if item.type != "group"
    ]


def keys_page() -> str:
    """Return every key by the group that it is in."""
    columns = ("key", "type", "default", "what it is")
    keys = list(explain_keys(ScheduleVerbConfig))
    groups = {item.key: item.text for item in keys if item.type == "group" and "." not in item.key}
    lines = ["# Every key of the configuration", ""]
    lines += ["`python -m orchestrator help KEY` explains one and what is below it.", "", "## Keys without a group", ""]
    lines += table(columns, key_rows([item for item in keys if "." not in item.key]))
    for group, text in groups.items():
        lines += [f"## {group}", "", text, ""]
        lines += table(columns, key_rows([item for item in keys if item.key.startswith(f"{group}.")]))
    for name in benchmarks():
        own = {key.key: key for key in own_keys(name)}
        if own:
            lines += [f"## benchmark={name}", "", "Keys of its own, over all its data sets and methods.", ""]
            lines += table(columns, key_rows(list(own.values())))
    lines += ["## accept", "", "Keys of `accept`, and of a suite's file below `suite`.", ""]
    lines += table(columns, key_rows(list(explain_keys(AcceptConfig))))
    return "\n".join(lines)


def own_keys(benchmark: str) -> Iterator[Explanation]:
    """Yield the options of a benchmark's models and data sets."""
    for dataset in DATASETS.options(benchmark):
        for method in METHODS.options(benchmark):
            chosen = {"name": benchmark, "dataset_name": dataset, "method": method}
            for section, options in option_classes(chosen).items():
                yield from explain_keys(options, f"benchmark.{section}.")


def verbs_page() -> str:
    """Return what every verb prints with --help, and the exit codes."""
    os.environ["COLUMNS"] = WIDTH
    lines = ["# Every verb and exit code", "", "## Exit codes", ""]
    lines += table(("code", "meaning"), [[str(number), meaning] for number, meaning in EXIT_CODES.items()])
    for name, parser in PARSERS.items():
        lines += [f"## {name}", "", "```text", parser().format_help().rstrip(), "```", ""]
    assert {name.partition(" ")[0] for name in PARSERS} == set(VERBS)
    return "\n".join(lines)


def documents_page() -> str:
    """Return where each document's schema is named, and the keys of those that have a JSON Schema."""
    found: dict[str, set[str]] = {}
    for top in ("orchestrator", "workloads"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for name in DOCUMENT.findall(path.read_text(encoding="utf-8")):
                found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    lines = ["# Every JSON document", ""]
    lines += [
        "Each names its schema and version; later versions only add. Null is what is not known. What is no number",
        "",
    ]
    lines[-2] += " is null too, and `not_numbers` says which and why."
    lines += table(
        ("schema", "made in"), [[code(name), ", ".join(sorted(paths))] for name, paths in sorted(found.items())]
    )
    for file in SCHEMA_FILES:
        schema = json.loads((ROOT / file).read_text(encoding="utf-8"))
        lines += [f"## {schema.get('title') or Path(file).name}", "", f"JSON Schema: `{file}`.", ""]
        lines += table(("key", "type", "what it is"), list(property_rows(schema, schema)))
        for name, kind in schema.get("$defs", {}).items():
            if "properties" in kind:
                lines += [f"### {name}", "", kind.get("description", ""), ""]
                lines += table(("key", "type", "what it is"), list(property_rows(kind, schema)))
    return "\n".join(lines)


def property_rows(kind: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[list[str]]:
    """Yield a row for each key, those of nested objects after it."""
    for name, value in kind.get("properties", {}).items():
        kinds = value.get("type", value.get("$ref", "").rpartition("/")[2] or "any")
        words = ", ".join(kinds) if isinstance(kinds, list) else str(kinds)
        yield [code(prefix + name), words, str(value.get("description", ""))]
        inner = value.get("items", value) if isinstance(value.get("items", value), dict) else {}
        yield from property_rows(inner, schema, f"{prefix}{name}.")


def contracts_page() -> str:
    """Return classes and functions of the contracts, from their source: the ranks' libraries need not be there."""
    lines = ["# What a benchmark is made of", ""]
    lines += [
        "`workloads/README.md` has the steps; here are the classes that a benchmark derives from or is given.",
        "",
    ]
    for file in CONTRACTS:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        lines += [f"## {file}", "", ast.get_docstring(tree) or "", ""]
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = ", ".join(map(ast.unparse, node.bases))
                lines += [f"### {node.name}{f'({bases})' if bases else ''}", "", ast.get_docstring(node) or "", ""]
                lines += member_lines(node)
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                lines += [f"### {signature(node)}", "", ast.get_docstring(node) or "", ""]
    return "\n".join(lines)


def member_lines(kind: ast.ClassDef) -> list[str]:
    """Return a row for each public method and field of a class."""
    rows = []
    for node, following in zip(kind.body, [*kind.body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            rows.append([code(signature(node)), " ".join((ast.get_docstring(node) or "").split())])
        elif isinstance(node, ast.AnnAssign):
            text = ast.literal_eval(following.value) if is_text(following) else ""  # type: ignore[union-attr]
            rows.append([code(f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"), " ".join(text.split())])
    if any(text for _, text in rows):
        return table(("member", "what it is"), rows)
    # The class's own text explains its fields.
    return table(("member",), [row[:1] for row in rows]) if rows else []


def is_text(node: ast.stmt | None) -> bool:
    """Whether a statement is a text alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def signature(node: ast.FunctionDef) -> str:
    """Return a function's name, arguments and result."""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){result}"


REFERENCE: dict[str, Callable[[], str]] = {
    "keys": keys_page,
    "verbs": verbs_page,
    "documents": documents_page,
    "contracts": contracts_page,
}
"""The pages by their names."""
