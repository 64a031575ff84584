"""The console of all tables: no text of others does anything to the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from orchestrator.records.control import ACTING, spell_control


class PlainConsole(Console):
    """Rich's console, which draws in colours and moves the cursor itself, and spells out what else would do so."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Return the segments of something to be shown."""
        for segment in super().render(renderable, options):
            if segment.control is None and ACTING.search(segment.text):
                segment = Segment(spell_control(segment.text), segment.style)
            yield segment
