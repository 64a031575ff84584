"""A stand-in scene: cloud over sea and land, SLSTR's measurement of it, and the masks of its ground segment.

It has what makes cloud masking hard: ice and snow as bright and cold as cloud, sun-glint and desert as bright, low
cloud as warm as the ground (at night without sunlight to tell them apart), thin cirrus, and a label that is the output
of an imperfect classifier. It copies no real place or day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.slstr_cloud.fields import Field, logistic, random_field
from workloads.slstr_cloud.radiation import SOLAR, Ground, Layer, emitted_temperatures, top_reflectances

SWATH_KM = 1500.0
LAPSE = 6.0
"""Cooling with height, K per km."""
CLOUD_DEPTH = 0.3
"""Smallest visible optical depth that counts as cloud."""
REFLECTANCE_OF = {  # in S1 to S6, above it the air
    #            S1     S2     S3     S4     S5     S6
    "sea": (0.020, 0.010, 0.006, 0.004, 0.004, 0.003),
    "vegetation": (0.060, 0.045, 0.320, 0.200, 0.190, 0.090),
    "desert": (0.190, 0.300, 0.380, 0.400, 0.470, 0.420),
    "snow": (0.880, 0.860, 0.780, 0.350, 0.090, 0.060),
    "ice": (0.620, 0.580, 0.460, 0.150, 0.060, 0.040),
}
NOISE_REFLECTANCE, NOISE_TEMPERATURE = 0.004, (0.10, 0.06, 0.06)
"""Instrument noise, reflectance and K: somewhat above the specified."""


@dataclass(frozen=True)
class Simulated:
    """The five datasets of a file by name, whether it is day, and the true cloud (h, w), which no file holds."""

    arrays: dict[str, NDArray[np.floating]]
    day: bool
    cloud: NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """Place and time of a scene: latitude, degrees; cosine of the sun's zenith angle, 0 at night; moisture, 0 to 1."""

    latitude: float
    sunlight: float
    land_share: float
    moisture: float

    @classmethod
    def draw(cls, random: np.random.Generator, day: bool) -> Place:
        """Draw a place between 75° south and 75° north, over sea, land or both."""
        latitude = float(random.uniform(-75, 75))
        sunlight = float(np.clip(np.cos(np.deg2rad(abs(latitude) - random.uniform(-10, 20))), 0.25, 0.95))
        land_share = float(np.clip(random.normal(0.35, 0.4), 0, 1))
        moisture = float(0.1 + 0.9 * np.cos(np.deg2rad(latitude)) ** 3)
        return cls(latitude, sunlight if day else 0.0, land_share, moisture)


@dataclass(frozen=True)
class Surface:
    """The surface under the clouds: the radiating ground and masks of its kinds, each (h, w)."""

    ground: Ground
    land: NDArray[np.bool_]
    frozen: Field
    glint: Field
    coast: NDArray[np.bool_]


def simulate_scene(shape: tuple[int, int], day: bool, random: np.random.Generator) -> Simulated:
    """Return one scene of (h, w) pixels, 1500 km across."""
    place = Place.draw(random, day)
    surface = _surface(shape, place, random)
    layers = _clouds(shape, place, surface.ground.temperature, random)
    depth = np.sum([layer.depth for layer in layers], axis=0)

    refs = np.zeros((*shape, len(SOLAR)), np.float32)
    if day:
        refs = top_reflectances(surface.ground, layers, place.moisture)
        refs += NOISE_REFLECTANCE * random.standard_normal(refs.shape, np.float32)
    bts = emitted_temperatures(surface.ground, layers, place.moisture, place.sunlight, surface.glint)
    bts += np.array(NOISE_TEMPERATURE, np.float32) * random.standard_normal(bts.shape, np.float32)
    rads = refs * SOLAR * np.float32(place.sunlight / np.pi)

    bayes = _bayesian_mask(shape, depth, surface, place, random)
    summary = _threshold_mask(refs, bts, surface.land, day)
    outside = _outside_swath(shape, random)
    arrays: dict[str, NDArray[np.floating]] = {
        "bts": bts, "refs": refs, "rads": rads,
        "bayes": np.float32(255) * bayes[..., None], "summary": np.float32(255) * summary[..., None],
    }  # fmt: skip
    for array in arrays.values():
        array[outside] = 0
    return Simulated(arrays, day, (depth > CLOUD_DEPTH) & ~outside)


def _surface(shape: tuple[int, int], place: Place, random: np.random.Generator) -> Surface:
    km = SWATH_KM / shape[1]
    height, width = shape
    degrees = np.linspace(5, -5, height, dtype=np.float32)[:, None] * np.float32(np.sign(place.latitude) or 1)
    latitude = np.abs(np.float32(place.latitude)) + np.abs(degrees) * np.sign(degrees)

    relief = random_field(random, shape, km, 3.0, 1200)
    level = np.quantile(relief, 1 - place.land_share)
    land = relief > level
    elevation = np.where(land, 0.9 * np.maximum(relief - level, 0) ** 1.5, 0).astype(np.float32)
    variety = random_field(random, shape, km, 2.6, 600)

    season = float(random.uniform(-8, 6))
    climate = 302 - 0.0085 * latitude**2 + season * np.minimum(latitude / 60, 1)
    sea = np.maximum(climate + 0.9 * random_field(random, shape, km, 3.2, 500), 271.3)
    swing = 10 * place.sunlight + 4 if place.sunlight else float(random.uniform(-16, -4))
    dry = logistic(4 * variety + (6 - 0.4 * np.abs(latitude - 24)) / 2)
    ashore = climate + swing * (0.5 + 0.8 * dry) - LAPSE * elevation + 1.2 * variety
    floes = random_field(random, shape, km, 2.4, 300)
    frozen_sea = logistic(8 * (floes + (latitude - 66 - season) / 6))
    snow = logistic((272 - ashore + (8 if place.sunlight else -4)) / 1.5 + 2 * variety)
    frozen = np.where(land, snow, frozen_sea)

    temperature = np.where(land, np.where(snow > 0.5, np.minimum(ashore, 273), ashore), sea)
    cold_ice = np.minimum(271 + swing * 0.6 - 0.5 * np.maximum(latitude - 60, 0), 272) + 1.5 * variety
    temperature = np.where(land, temperature, sea + frozen_sea * (cold_ice - sea)).astype(np.float32)

    kinds = {kind: np.array(values, np.float32) for kind, values in REFLECTANCE_OF.items()}
    bare = kinds["vegetation"] + dry[..., None] * (kinds["desert"] - kinds["vegetation"])
    bare = bare * (1 + 0.12 * variety)[..., None]
    base = np.where(land[..., None], bare, kinds["sea"])
    white = np.where(land[..., None], kinds["snow"], kinds["ice"])
    reflectances = base + frozen[..., None] * (white * (1 + 0.05 * floes[..., None]) - base)

    glint: Field = np.zeros(shape, np.float32)
    if place.sunlight:
        across = np.linspace(0, 1, width, dtype=np.float32)[None, :]
        wind = random_field(random, shape, km, 2.8, 700)
        offset = across - random.uniform(0.1, 0.9) - 0.04 * wind
        ridge = random.uniform(0.05, 0.45) * np.exp(-((offset / random.uniform(0.05, 0.14)) ** 2))
        glint = np.where(land, 0, ridge * (1 - frozen) * (1 + 0.3 * wind)).astype(np.float32).clip(0)
    reflectances = np.maximum(reflectances + glint[..., None], 0.001).astype(np.float32)
    emissivity = np.where(land, 0.97 - 0.12 * dry * (1 - frozen), 0.98).astype(np.float32)
    coast = np.zeros(shape, bool)
    for axis in (0, 1):
        coast |= land != np.roll(land, 1, axis)
    return Surface(Ground(reflectances, temperature, emissivity), land, frozen.astype(np.float32), glint, coast)


def _clouds(shape: tuple[int, int], place: Place, ground: Field, random: np.random.Generator) -> tuple[Layer, ...]:
    """A layer of water cloud and one of ice cloud above it."""
    km = SWATH_KM / shape[1]
    weather = random_field(random, shape, km, 4.0, 1500)
    cells = random_field(random, shape, km, 2.67, random.uniform(30, 250))
    amount = random.normal(0.15, 0.6)
    grown = cells + 1.3 * weather + amount
    water = np.where(grown > 0, 0.4 * np.exp(np.minimum(2.2 * grown, 5)) - 0.4, 0).astype(np.float32)
    # Low where weather is calm (stratus, cumulus), high along its fronts.
    water_top = np.clip(0.5 + 2.2 * logistic(2 * weather + random.normal(-0.5, 1)) + 0.25 * cells, 0.3, 5)
    # Inversions make low cloud as warm as the ground, at night and over cold ground often warmer.
    inversion = float(random.uniform(0, 7)) * np.exp(-water_top / 0.8)
    water_temperature = np.maximum(ground - LAPSE * water_top + inversion, 225)

    streaks = random_field(random, shape, km, 2.67, random.uniform(100, 500), 0, 3.5, random.uniform(0, np.pi))
    storms = random_field(random, shape, km, 3.0, 400)
    thin = streaks + 0.9 * weather + random.normal(-0.7, 0.7)
    ice = np.where(thin > 0, 0.25 * np.exp(np.minimum(1.6 * thin, 3)) - 0.25, 0)
    ice = ice + np.where(storms > 1.6, 30 * (storms - 1.6), 0) * (weather > 0)
    tropopause = 16 - 8 * np.sin(np.deg2rad(abs(place.latitude))) ** 2
    ice_top = np.clip(tropopause * (0.68 + 0.1 * weather + 0.06 * streaks), 5, tropopause)
    ice_temperature = np.clip(ground.mean() - LAPSE * ice_top, 195, 250)
    return (
        Layer("water", water, water_temperature.astype(np.float32), water_top.astype(np.float32)),
        Layer("ice", ice.astype(np.float32), ice_temperature.astype(np.float32), ice_top.astype(np.float32)),
    )


def _bayesian_mask(
    shape: tuple[int, int], depth: Field, surface: Surface, place: Place, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the cloud mask of a probabilistic classifier: unsure of thin cloud, misled by glint, ice and coasts."""
    km = SWATH_KM / shape[1]
    evidence = 1.3 * np.log((depth + 0.02) / CLOUD_DEPTH)
    evidence = np.clip(evidence, -2.6, 3.2) + random.normal(0, 0.2)
    evidence += 4.0 * surface.glint + 0.9 * surface.coast
    evidence += surface.frozen * (0.8 + 1.8 * random_field(random, shape, km, 2.5, 250))
    uncertainty = 0.7 if place.sunlight else 1.0
    evidence += uncertainty * random_field(random, shape, km, 2.0, 40)
    evidence += 0.5 * random.standard_normal(shape, np.float32)
    cloud: NDArray[np.bool_] = evidence > 0
    return cloud


def _threshold_mask(
    refs: NDArray[np.float32], bts: NDArray[np.float32], land: NDArray[np.bool_], day: bool
) -> NDArray[np.bool_]:
    """Cloud by fixed thresholds: cold, or bright by day, or a large difference of S8 and S9."""
    cloud = (bts[..., 1] < 265) | (bts[..., 1] - bts[..., 2] > 2.5)
    if day:
        cloud |= refs[..., 2] > np.where(land, 0.45, 0.2)
    return cloud


def _outside_swath(shape: tuple[int, int], random: np.random.Generator) -> NDArray[np.bool_]:
    """A narrow wedge at one side that the curved scan does not reach."""
    height, width = shape
    rows = np.linspace(0, 1, height)[:, None]
    edge = width * 0.03 * random.uniform(0, 1) * (rows if random.random() < 0.5 else 1 - rows)
    columns = np.arange(width)[None, :]
    return columns < edge if random.random() < 0.5 else columns >= width - edge
