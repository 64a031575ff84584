"""Which trained models a family's benchmark takes that says nothing of it."""

from __future__ import annotations

import pytest

from orchestrator.campaign.trained import different_options
from orchestrator.config.compose import compose_all


@pytest.mark.parametrize(
    ("family", "trained", "wanted", "refused"),
    [
        ("disentanglement", ["dataset=dsprites"], ["dataset=sprites"], "dataset=dsprites, not sprites"),
        ("surrogates", ["dataset=darcy"], ["dataset=navier_stokes"], "dataset=darcy, not navier_stokes"),
        ("super_resolution", ["method=srcnn"], ["method=vdsr"], "method=srcnn, not vdsr"),
        ("rotations", ["dataset=digits"], ["dataset=galaxies"], "dataset=digits, not galaxies"),
        ("rotations", ["dataset=digits"], ["dataset=digits"], ""),
    ],
)
def test_a_model_is_taken_for_no_other_data_set_or_method(
    family: str, trained: list[str], wanted: list[str], refused: str
) -> None:
    settings = [compose_all([f"benchmark={family}", *words], False)[0]["benchmark"] for words in (trained, wanted)]
    found = different_options(*settings)
    assert found == refused or found.startswith(f"{refused}, ")


def test_a_model_of_a_version_that_named_neither_is_taken() -> None:
    wanted = compose_all(["benchmark=stemdl"], False)[0]["benchmark"]
    earlier = {key: value for key, value in wanted.items() if key not in ("dataset_name", "method")}
    assert different_options(earlier, wanted) == ""  # type: ignore[arg-type]
