"""Damaged and hostile files before the verbs that read them. ``make fuzz`` tries much more."""

from __future__ import annotations

import pytest
from mutations import GROUPS, hold_promises


@pytest.mark.thorough
def test_damaged_and_hostile_files_break_no_promise() -> None:
    counts = hold_promises(share=0.002, every_verb=False)
    assert not counts.broken, "\n".join(counts.broken)
    assert counts.files.total() >= 40 and len(counts.files) == len({group.pattern for group in GROUPS})
