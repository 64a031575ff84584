"""Whoever looks an option up finds a sentence right under it, in the schema and in every benchmark's own options."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
MODULES = sorted(
    path.relative_to(PROJECT)
    for pattern in ("orchestrator/*/schema*.py", "workloads/*/config.py", "workloads/*/*/*_config.py")
    for path in PROJECT.glob(pattern)
)


def unexplained(tree: ast.Module) -> Iterator[str]:
    """Yield the fields of classes that no text follows."""
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, following in zip(kind.body, [*kind.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and not is_text(following):
                yield f"{kind.name}.{ast.unparse(field.target)}"


def is_text(statement: ast.stmt | None) -> bool:
    """Whether a statement is nothing but a text that says something."""
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return bool(text.strip())
    return False


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_option_is_explained_at_its_field(module: Path) -> None:
    assert not list(unexplained(ast.parse((PROJECT / module).read_text(encoding="utf-8"))))


def test_the_options_of_all_groups_and_of_every_benchmark_are_looked_at() -> None:
    texts = {str(module) for module in MODULES}
    assert {f"orchestrator/config/schema{part}.py" for part in ("", "_benchmark", "_machine", "_schedule")} < texts
    assert {f"workloads/{path.parent.name}/config.py" for path in PROJECT.glob("workloads/*/benchmark.yaml")} < texts
