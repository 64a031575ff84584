from pathlib import Path
from typing import Any

import pytest
import yaml

import workloads.dms_scatter
from workloads.dms_scatter.dataset import DmsScatterDataset


@pytest.fixture(scope="session")
def benchmark_settings() -> dict[str, Any]:
    path = Path(workloads.dms_scatter.__file__).parent / "benchmark.yaml"
    settings: dict[str, Any] = yaml.safe_load(path.read_text())
    return settings


@pytest.fixture(scope="session")
def tiny(benchmark_settings: dict[str, Any]) -> dict[str, Any]:
    return {**benchmark_settings["dataset"], "preset": "tiny", "inference_images": 4}


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, Any]) -> Path:
    """The tiny stand-in in the published layout; not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    DmsScatterDataset(tiny).write_published(folder, lambda done, total: None, workers=2)
    return folder


@pytest.fixture(scope="session")
def consolidated(tmp_path_factory: pytest.TempPathFactory, tiny: dict[str, Any], published: Path) -> Path:
    folder = tmp_path_factory.mktemp("data") / DmsScatterDataset(tiny).folder_name
    DmsScatterDataset(tiny).convert(published, folder, lambda done, total: None)
    return folder
