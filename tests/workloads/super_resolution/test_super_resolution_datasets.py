"""super_resolution's data: parts, masks, noise, and published files that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import netcdf_file

from workloads.runtime.errors import DatasetError
from workloads.super_resolution.datasets import astronomy, climate, microscopy, topography
from workloads.super_resolution.datasets.regions import Region, stripes
from workloads.super_resolution.making.ocean import COLDEST, LAND, WARMEST, make_seas
from workloads.super_resolution.making.relief import fractal_noise
from workloads.super_resolution.making.sky import SKY, make_sky

SETTINGS: dict[str, Any] = {
    "source": "real", "version": "1", "split": "regions, box x2", "preset": "tiny", "seed": 3, "scale": 2,
    "evaluation_scales": [4], "degradation": "box", "patch": 16, "stride": 16, "evaluation_patch": 16, "dose": None,
}  # fmt: skip
FIELD = np.random.default_rng(1).normal(size=(16, 24)).astype(np.float32)


def test_a_part_of_the_globe_is_in_one_part_alone() -> None:
    whole = Region(np.arange(24, dtype=np.float32).repeat(10)[None].repeat(4, axis=0))
    found = {
        part: {float(value) for region in stripes(whole, 12, (3, 9), part) for value in np.unique(region.values)}
        for part in ("training", "evaluation")
    }
    assert found["evaluation"] == {6, 7, 18, 19} and found["training"] == set(range(24)) - found["evaluation"]


def test_coarse_cells_are_means_of_what_there_is() -> None:
    valid = np.ones(FIELD.shape, np.bool_)
    valid[:4, :4] = False
    valid[8, 8] = False
    nonsense = np.where(valid, FIELD, np.float32(1e30))
    coarse = Region(nonsense, valid).coarse(4, "box")
    assert np.abs(coarse).max() < 10
    inside = FIELD[8:12, 8:12].astype(np.float64)
    assert coarse[2, 2] == pytest.approx((inside.sum() - inside[0, 0]) / 15, rel=1e-5)
    # Of nothing there is no mean: the nearest cell's stands there.
    assert coarse[0, 0] in (coarse[0, 1], coarse[1, 0])
    np.testing.assert_array_equal(Region(FIELD, np.ones_like(valid)).coarse(4, "box"), Region(FIELD).coarse(4, "box"))


def test_only_patches_with_values_are_taken_and_land_is_masked() -> None:
    dataset = climate.ClimateDataset(SETTINGS)
    valid = np.ones((32, 32), np.bool_)
    valid[:16, :16] = valid[16:, 20:] = False
    region = Region(np.where(valid, 1.0, np.nan).astype(np.float32), valid)
    corners = region.corners(16, 16, dataset.is_worth)
    assert corners == [(0, 16), (16, 0)]
    samples = dataset.samples(region, (1, 0), corners, 0.0, 1.0)
    assert set(samples) == {"input", "x4", "target", "mask"} and samples["x4"].shape == (2, 1, 4, 4)
    assert all(np.isfinite(values).all() for values in samples.values()) and samples["mask"].all()


def test_a_detector_counts_electrons_of_all_fine_pixels() -> None:
    dataset = microscopy.MicroscopyDataset({**SETTINGS, "dose": 20.0})
    coarse = np.full((200, 200), 127.5, np.float32)
    seen = dataset.detect(coarse, 4, np.random.default_rng(1))
    # Half of 20 electrons in 16 pixels: 160, whose deviation is their root.
    assert seen.mean() == pytest.approx(127.5, rel=2e-3)
    assert seen.std() == pytest.approx(127.5 / np.sqrt(160), rel=0.02)
    assert microscopy.MicroscopyDataset(SETTINGS).detect(coarse, 4, np.random.default_rng(1)) is coarse


def test_invented_relief_has_the_spectrum_that_is_asked_for() -> None:
    profiles = fractal_noise(256, 512, 2.0, np.random.default_rng(1))
    power = (np.abs(np.fft.rfft(profiles, axis=1)) ** 2).mean(axis=0)
    waves = np.arange(4, 64)
    slope = np.polyfit(np.log(waves), np.log(power[waves]), 1)[0]
    assert slope == pytest.approx(-2, abs=0.2)


def test_invented_seas_are_warm_at_the_equator_and_have_land() -> None:
    seas = make_seas(2, 90, 120, np.random.default_rng(1))
    land = np.isnan(seas)
    assert (land[0] == land[1]).all() and land.mean() == pytest.approx(LAND, abs=0.01)
    assert (
        np.nanmean(seas[:, 40:50]) > WARMEST - 6 and np.nanmean(seas[:, :5]) < 4 and np.nanmin(seas) >= COLDEST - 1e-5
    )


def test_an_invented_sky_is_dark_with_bright_things() -> None:
    sky = make_sky(120, 160, np.random.default_rng(1))
    assert sky.shape == (120, 160, 3) and abs(float(np.median(sky)) - SKY) < 6 and sky.max() > 100


def write_relief(folder: Path, relief: NDArray[np.float32], key: str = topography.KEY) -> None:
    """A file in the published form."""
    with netcdf_file(folder / topography.FILE, "w") as file:
        for name, size in zip(("rows", "columns"), relief.shape, strict=True):
            file.createDimension(name, size)
        variable = file.createVariable(key, "f4", ("rows", "columns"))
        variable[:] = relief
        variable.missing_value = np.float32(-1e34)


def test_published_relief_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    dataset = topography.TopographyDataset(SETTINGS)
    with pytest.raises(DatasetError, match=r"etopo5.cdf does not exist.*ferret-datasets"):
        dataset.check_published(tmp_path)
    (tmp_path / topography.FILE).write_bytes(b"CDF\x01")
    with pytest.raises(DatasetError, match="no whole NetCDF 3 file"):
        dataset.check_published(tmp_path)
    write_relief(tmp_path, FIELD)
    with pytest.raises(DatasetError, match=r"shape \(16, 24\); expected \(2161, 4320\)"):
        dataset.check_published(tmp_path)
    write_relief(tmp_path, FIELD, "DEPTH")
    with pytest.raises(DatasetError, match="no variable 'ROSE'"):
        dataset.check_published(tmp_path)
    missing = FIELD.copy()
    missing[3, 4] = -1e34
    write_relief(tmp_path, missing)
    stand_in = topography.TopographyDataset({**SETTINGS, "source": "stand-in", "rows": 16, "columns": 24})
    with pytest.raises(DatasetError, match="1 missing values"):
        stand_in.check_published(tmp_path)


def test_published_seas_have_no_value_where_they_say_so(tmp_path: Path) -> None:
    dataset = climate.ClimateDataset({**SETTINGS, "source": "stand-in", "rows": 16, "columns": 24})
    with pytest.raises(DatasetError, match="iris-sample-data"):
        dataset.check_published(tmp_path)
    field = FIELD.copy()
    field[0, :5] = climate.FILL
    for name in climate.FILES:
        with h5py.File(tmp_path / name, "w") as file:
            stored = file.create_dataset(climate.KEY, data=field[None])
            stored.attrs["_FillValue"] = np.array([climate.FILL], np.float32)
    assert dataset.check_published(tmp_path)["values"] == 3 * (16 * 24 - 5)
    (tmp_path / climate.FILES[1]).write_bytes(b"no HDF5")
    with pytest.raises(DatasetError, match="no whole NetCDF 4 file"):
        dataset.check_published(tmp_path)


def test_published_images_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    sky, cells = astronomy.AstronomyDataset(SETTINGS), microscopy.MicroscopyDataset(SETTINGS)
    for dataset in (sky, cells):
        with pytest.raises(DatasetError, match="does not exist"):
            dataset.check_published(tmp_path)
    (tmp_path / astronomy.FILE).write_bytes(b"no image")
    with pytest.raises(DatasetError, match="not a whole image"):
        sky.check_published(tmp_path)
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / astronomy.FILE)
    with pytest.raises(DatasetError, match="8 x 9 pixels; expected 872 x 1000"):
        sky.check_published(tmp_path)
