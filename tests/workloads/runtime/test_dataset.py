"""What a benchmark's class of data sets gets from the contract, and how it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workloads.noop.dataset import EmptyDataset
from workloads.runtime.dataset import dataset_path, load_dataset, verified_facts
from workloads.runtime.errors import DatasetError
from workloads.stemdl.dataset import StemdlDataset


@pytest.mark.parametrize(
    "settings",
    [{"dataset_class": "workloads.stemdl.dataset:StemdlDataset"}, {"dataset_module": "workloads.stemdl.dataset"}],
    ids=["today", "version 0.1"],
)
def test_a_benchmark_says_where_its_data_set_is(settings: Any) -> None:
    assert isinstance(load_dataset(dataset_path(settings), {"source": "real"}), StemdlDataset)


def test_a_module_without_a_data_set_is_named() -> None:
    with pytest.raises(DatasetError, match=r"workloads\.stemdl\.model defines no class"):
        load_dataset("workloads.stemdl.model", {})


def test_what_nobody_publishes_cannot_be_converted_or_checked(tmp_path: Path) -> None:
    dataset = EmptyDataset({"source": "stand-in"})
    for use in (lambda: dataset.convert(tmp_path, tmp_path / "set"), lambda: dataset.check_published(tmp_path)):
        with pytest.raises(DatasetError, match="nothing is published of noop"):
            use()


class TalkativeDataset(EmptyDataset):
    """Says of itself what its settings hold."""

    def verify(self, folder: Path, thorough: bool) -> dict[str, Any]:
        return dict(self.settings)


FACTS = {"name": "toys", "source": "real", "split": "random", "version": 2, "checksum": "c" * 64}


@pytest.mark.parametrize("fact", FACTS)
def test_a_data_set_that_keeps_a_fact_of_its_to_itself_is_told_which(tmp_path: Path, fact: str) -> None:
    assert verified_facts(TalkativeDataset(FACTS), tmp_path) == FACTS
    with pytest.raises(DatasetError, match=rf"TalkativeDataset\.verify of .*: {fact} is missing"):
        verified_facts(TalkativeDataset({name: value for name, value in FACTS.items() if name != fact}), tmp_path)
    with pytest.raises(DatasetError, match=rf"{fact} is None, not"):
        verified_facts(TalkativeDataset({**FACTS, fact: None}), tmp_path)
