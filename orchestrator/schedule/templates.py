"""The texts that back ends install, rendered from the templates in slurm/schedule/."""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.launch.job import PROJECT

TEMPLATES = PROJECT / "slurm" / "schedule"


def unit_text(text: str) -> str:
    """Escape "%", which begins a specifier in a unit of systemd (systemd.unit(5))."""
    return text.replace("%", "%%")


def unit_word(text: str) -> str:
    """Quote one argument of a command line in a unit of systemd (systemd.service(5))."""
    escaped = unit_text(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"'


FILTERS = {
    "shell": shlex.quote,
    # cron takes an unescaped % for a new line.
    "percent": lambda text: text.replace("%", r"\%"),
    "unit": unit_text,
    "unit_word": unit_word,
}


@cache
def template_environment() -> Environment:
    """Return what reads the templates: one, which compiles each of them once."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Shell, crontabs and units: none of them is HTML.
        autoescape=False,
    )
    environment.filters |= FILTERS
    return environment


def render_template(template: str, **values: Any) -> str:
    """Return a template's text. Every value that it names must be given."""
    return template_environment().get_template(template).render(**values)
