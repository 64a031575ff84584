"""Tiles of ETOPO 2022: GeoTIFF in every form that libtiff writes, at the place that their names say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from workloads.runtime.errors import DatasetError
from workloads.super_resolution.datasets import tiles
from workloads.super_resolution.datasets.tiles import Tile, read_tile, tiles_in, tiles_of
from workloads.super_resolution.datasets.topography import TopographyDataset

SIZE = 64


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published tiles have 3600 cells a side, which take a second each to write."""
    monkeypatch.setattr(tiles, "SIZE", SIZE)


def write_tile(folder: Path, north: int, west: int, heights: np.ndarray | None = None, **form: Any) -> np.ndarray:
    """A GeoTIFF of the heights, with its place."""
    random = np.random.default_rng(abs(1000 * north + west))
    heights = random.uniform(-5000, 4000, (SIZE, SIZE)).astype(np.float32) if heights is None else heights
    name = f"ETOPO_2022_v1_15s_{'NS'[north < 0]}{abs(north):02d}{'EW'[west < 0]}{abs(west):03d}_surface.tif"
    place: list[tuple[int, str, int, Any, bool]] = [
        (33550, "d", 3, (15 / SIZE, 15 / SIZE, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, float(west), float(north), 0.0), True),
    ]
    if form.get("compression") == "tiff_lzw":
        # tifffile has neither without another package. The predictor for floating point is the third.
        tags = ImageFileDirectory_v2()
        tags[317] = 3
        for number, _, _, values, _ in place:
            tags.tagtype[number] = 12
            tags[number] = values
        Image.fromarray(heights).save(folder / name, tiffinfo=tags, **form)
    else:
        tifffile.imwrite(folder / name, heights, extratags=place, **form)
    return heights


FORMS: list[dict[str, Any]] = [{}, {"compression": "zlib", "tile": (32, 32)}, {"compression": "tiff_lzw"}]


@pytest.mark.parametrize("form", FORMS, ids=["plain", "deflated tiles", "LZW with a predictor"])
def test_heights_are_read_from_every_form_of_the_file(form: dict[str, Any], tmp_path: Path) -> None:
    written = write_tile(tmp_path, 90, -180, **form)
    (tile,) = tiles_in(tmp_path)
    assert (tile.north, tile.west) == (90, -180)
    assert np.array_equal(read_tile(tile), written)


def test_tiles_are_in_the_part_that_their_longitude_is_in(tmp_path: Path) -> None:
    for north, west in ((15, -90), (0, -75), (30, -180), (-15, 165), (0, 105)):
        write_tile(tmp_path, north, west)
    parts = {
        part: [(t.north, t.west) for t in tiles_of(tmp_path, 12, (3, 9), part)] for part in ("evaluation", "training")
    }
    assert parts == {"evaluation": [(15, -90), (0, -75), (0, 105)], "training": [(30, -180), (-15, 165)]}
    settings = {
        "source": "real", "version": "etopo2022", "split": "regions, box x2", "seed": 1, "scale": 2,
        "degradation": "box", "evaluation_scales": [2], "patch": 16, "stride": 16, "evaluation_patch": 32,
    }  # fmt: skip
    topography = TopographyDataset(settings)
    assert topography.check_published(tmp_path)["tiles"] == 5
    topography.convert(tmp_path, tmp_path / "consolidated")
    facts = topography.verify(tmp_path / "consolidated", thorough=True)
    assert (facts["training_samples"], facts["evaluation_samples"]) == (2 * 16, 3 * 4)


def test_what_is_no_tile_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no tile ETOPO_2022"):
        tiles_in(tmp_path)
    write_tile(tmp_path, 15, 30)
    (tile,) = tiles_in(tmp_path)
    elsewhere = Tile(tile.path, 15, 45)
    with pytest.raises(DatasetError, match=r"corner is \(30.0, 15.0\) degrees east and north; expected \(45, 15\)"):
        read_tile(elsewhere)
    write_tile(tmp_path, 15, 30, np.full((SIZE, SIZE), -99999, np.float32))
    with pytest.raises(DatasetError, match=r"heights from -99999\.0 to"):
        read_tile(tile)
    write_tile(tmp_path, 15, 30, np.zeros((8, 8), np.float32))
    with pytest.raises(DatasetError, match=r"\(8, 8\) cells; expected 64 x 64"):
        read_tile(tile)
    whole = tile.path.read_bytes()
    tile.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="is not a whole tile"):
        read_tile(tile)
