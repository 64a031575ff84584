"""Whatever is typed at any key: exit code 64, or a plan that holds exactly that. ``make fuzz`` tries much more."""

from __future__ import annotations

from fuzzing import LEAVES, ROUTES, hold_promises
from fuzzing_suites import SUITE_LEAVES, leaves_of
from hostile import Count

from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.config.keys import schema_keys
from orchestrator.config.schema_schedule import ScheduleVerbConfig


def test_every_value_at_every_key_is_refused_or_planned_as_it_was_typed() -> None:
    count = Count()
    hold_promises(inputs=420, suites=20, whole=5, count=count)
    assert count.outcomes["planned as typed"] > 40 and count.outcomes["refused"] > 100
    assert set(ROUTES) <= set(count.routes)


def test_a_new_key_is_tried_by_itself() -> None:
    keys = schema_keys(ScheduleVerbConfig)
    assert {key.removesuffix(".NAME").removesuffix(".begin") for key in LEAVES} <= set(keys)
    assert len(LEAVES) > 150
    assert (
        len(SUITE_LEAVES) > 50
        and dict(leaves_of(AcceptConfig, ""))
        | {key: hint for key, hint in SUITE_LEAVES.items() if key.startswith("references.")}
        == SUITE_LEAVES
    )
