"""The nine channels' view of a surface under two layers of cloud: simple radiative transfer.

Channels: S1 to S6 at 0.555, 0.659, 0.865, 1.375, 1.610 and 2.250 µm (reflected sunlight), S7 to S9 at 3.74, 10.85 and
12.0 µm (thermal emission, in S7 sunlight as well). (Coppo et al., J. Mod. Opt. 57, 1815, 2010.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.slstr_cloud.fields import Field

THERMAL_UM = (3.742, 10.854, 12.023)
"""Centre wavelengths of S7, S8, S9."""
C1, C2 = 1.191043e8, 14387.77
"""Constants of Planck's law for µm: 2hc², W µm⁴ m⁻² sr⁻¹, and hc/k, µm K."""
SOLAR = np.array([1837.0, 1526.0, 956.0, 366.0, 249.0, 79.0], np.float32)
"""Sunlight at the top of the atmosphere in S1 to S6, W m⁻² µm⁻¹."""
SOLAR_S7 = 10.6

RAYLEIGH = np.array([0.050, 0.025, 0.008, 0.0, 0.001, 0.0], np.float32)
"""Reflectance of the air itself."""
VAPOUR_S4 = 12.0
VAPOUR_THERMAL = (0.12, 0.22, 0.38)
"""Optical depth of a moist atmosphere's water vapour, there and back in S4 and upwards in S7 to S9."""
VAPOUR_SCALE_KM = 2.0

BACKSCATTER = {"water": 0.13, "ice": 0.19}
"""(1 - g) √3 / 2: two-stream reflectance of a cloud of optical depth τ is bτ / (1 + bτ) (Lacis and Hansen 1974)."""
THICK = {
    "water": np.array([0.90, 0.90, 0.90, 0.88, 0.70, 0.52], np.float32),
    "ice": np.array([0.90, 0.90, 0.90, 0.85, 0.38, 0.26], np.float32),
}
"""Reflectance of a very thick cloud: droplets and, more so, ice crystals absorb beyond 1.5 µm."""
THICK_S7 = {"water": 0.14, "ice": 0.03}
EMISSION = {"water": (0.35, 0.50, 0.56), "ice": (0.50, 0.45, 0.52)}
"""Absorption optical depth in S7 to S9 per visible optical depth."""
THICK_EMISSIVITY_S7 = {"water": 0.86, "ice": 0.97}


@dataclass(frozen=True)
class Layer:
    """A cloud layer: visible optical depth, top temperature in K and height in km, each (h, w)."""

    phase: str
    depth: Field
    temperature: Field
    height: Field


@dataclass(frozen=True)
class Ground:
    """A surface: reflectances (h, w, 6) without the air, temperature in K and emissivity in S7 (h, w)."""

    reflectances: NDArray[np.float32]
    temperature: Field
    emissivity_s7: Field


def planck(wavelength: float, temperature: Field) -> Field:
    """Return the radiance of a black body, W m⁻² sr⁻¹ µm⁻¹, at a wavelength in µm and a temperature in K."""
    result: Field = (C1 / wavelength**5 / np.expm1(C2 / wavelength / temperature)).astype(np.float32)
    return result


def brightness_temperature(wavelength: float, radiance: Field) -> Field:
    """Return the temperature of the black body with this radiance, K: the inverse of ``planck``."""
    result: Field = (C2 / wavelength / np.log1p(C1 / wavelength**5 / radiance)).astype(np.float32)
    return result


def top_reflectances(ground: Ground, layers: tuple[Layer, ...], moisture: float) -> NDArray[np.float32]:
    """Return the reflectances in S1 to S6 (h, w, 6) at the top of the atmosphere; ``layers`` from the lowest to the
    highest.

    Layers are added by R = Rc + Tc² A / (1 - Rc A). In S4 (1.375 µm) water vapour above a layer absorbs its light, so
    only high cloud, or the ground in dry air, is seen.
    """
    result = np.empty_like(ground.reflectances)
    for channel in range(result.shape[-1]):
        below = ground.reflectances[..., channel] + RAYLEIGH[channel]
        depth_above = VAPOUR_S4 * moisture if channel == 3 else 0.0
        below = below * np.float32(np.exp(-depth_above))
        for layer in layers:
            grown = BACKSCATTER[layer.phase] * layer.depth
            own = grown / (1 + grown / THICK[layer.phase][channel])
            if channel == 3:
                own = own * np.exp(-depth_above * np.exp(-layer.height / VAPOUR_SCALE_KM))
            through = 1 / (1 + grown)
            below = own + through**2 * below / (1 - own * np.minimum(below, 1))
        result[..., channel] = below
    return result


def emitted_temperatures(
    ground: Ground, layers: tuple[Layer, ...], moisture: float, sunlight: float, glint: Field
) -> NDArray[np.float32]:
    """Return the brightness temperatures in S7 to S9 (h, w, 3), K.

    Each layer emits by its emissivity and transmits the rest. ``sunlight`` is the cosine of the sun's zenith angle, 0
    at night. In S7 ground, cloud and sun-glint (an additional reflectance (h, w)) reflect some of it.
    """
    result = np.empty((*ground.temperature.shape, len(THERMAL_UM)), np.float32)
    for channel, wavelength in enumerate(THERMAL_UM):
        sun = SOLAR_S7 * sunlight / np.pi if channel == 0 else 0.0
        emissivity: Field | float = ground.emissivity_s7 if channel == 0 else 0.99
        radiance = emissivity * planck(wavelength, ground.temperature)
        if sun:
            radiance = radiance + sun * (1 - ground.emissivity_s7 + glint)
        passed = np.float32(np.exp(-VAPOUR_THERMAL[channel] * moisture))
        radiance = passed * radiance + (1 - passed) * planck(wavelength, ground.temperature - 12)
        for layer in layers:
            covered = 1 - np.exp(-EMISSION[layer.phase][channel] * layer.depth)
            black = planck(wavelength, layer.temperature)
            own = black * (THICK_EMISSIVITY_S7[layer.phase] if channel == 0 else 1.0)
            radiance = covered * (own + sun * THICK_S7[layer.phase]) + (1 - covered) * radiance
        result[..., channel] = brightness_temperature(wavelength, radiance)
    return result
