from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from workloads.stemdl.crystals import Crystal, load_prototypes
from workloads.stemdl.dataset import StemdlDataset

TINY = {
    "source": "stand-in",
    "version": "1",
    "preset": "tiny",
    "split": "material",
    "seed": 7,
    "space_groups": 3,
    "materials_per_space_group": 5,
    "samples_per_material": 2,
    "evaluation_share": 0.2,
    "largest_cell": 8,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small models gain nothing from more, and suffer where cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_settings() -> dict[str, Any]:
    return dict(TINY)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_settings: dict[str, Any]) -> Path:
    """A complete stand-in data set of 24 + 6 samples. Tests that damage it work on a copy."""
    folder = tmp_path_factory.mktemp("data") / StemdlDataset(tiny_settings).folder_name
    StemdlDataset(tiny_settings).synthesise(folder, lambda done, total: None, workers=2)
    return folder


@pytest.fixture(scope="session")
def prototype() -> Callable[[str], Crystal]:
    """A structure of the library by its AFLOW tag."""
    library = {crystal.name: crystal for crystal in load_prototypes()}
    return library.__getitem__
