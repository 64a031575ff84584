"""Reference solutions on a circle of length 1: u_t + u u_x = L u, where L u has the Fourier coefficients s(k) û(k)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Waves = NDArray[np.complex128]

STABLE = 2.8
"""Greatest step times largest wave number times speed: the classic Runge-Kutta method is stable on the imaginary axis
up to 2 √2.
"""
ACCURATE = 0.5
"""The part of it that is tried first where no number of steps is asked for."""
AGREED = 1e-6
"""How far from a function's solution, in relative L2, that with half as many steps may be, for it to be taken."""
MOST_DOUBLINGS = 9


def solve_periodic(
    initial: Values, symbol: Callable[[Waves], Waves], times: Values, resolution: int, steps: int | None = None
) -> Values:
    """Solutions (n, resolution, times) at x = j / resolution for initial values (n, m) at x = j / m.

    ``symbol`` gives s of wave numbers i k (K,), such as ν (i k)² for diffusion. Fourier's method in space without
    aliasing (products keep two thirds of the waves); in time the classic Runge-Kutta method for what is left when L is
    integrated exactly, ``steps`` from one of the equidistant ``times`` to the next. None: as many as it takes for twice
    as many to make no difference. Raises ValueError for steps that would be unstable, with the number that are not, and
    where no number was found.
    """
    kept = resolution // 3
    waves: Waves = np.fft.rfftfreq(resolution, 1 / resolution).astype(np.complex128) * 2j * np.pi
    spectrum = np.fft.rfft(initial) * (resolution / initial.shape[1])
    first = np.zeros((len(initial), len(waves)), np.complex128)
    common = min(spectrum.shape[1], kept + 1)
    first[:, :common] = spectrum[:, :common]
    interval = float(times[1] - times[0])
    speed = float(np.abs(np.fft.irfft(first, resolution)).max(initial=0))
    rate = interval * 2 * np.pi * kept * speed
    if steps is not None and rate / steps > STABLE:
        raise ValueError(
            f"{steps} steps of {interval / steps:.3g} are unstable for speeds up to {speed:.3g} at {kept} waves; "
            f"take {int(np.ceil(rate / STABLE))} at least"
        )

    def slope(spectrum: Waves) -> Waves:
        found: Waves = -0.5 * waves * np.fft.rfft(np.fft.irfft(spectrum, resolution) ** 2)
        found[:, kept + 1 :] = 0
        return found

    def march(steps: int) -> Values:
        u, half = first, np.exp(symbol(waves) * interval / steps / 2)
        solutions = np.empty((len(initial), resolution, len(times)))
        solutions[..., 0] = np.fft.irfft(u, resolution)
        for number in range(1, len(times)):
            for _ in range(steps):
                u = advance(u, slope, half, interval / steps)
            solutions[..., number] = np.fft.irfft(u, resolution)
        return solutions

    # Too few steps may grow beyond all numbers; what comes of it is looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        solutions = march(steps) if steps else settle(march, max(1, int(np.ceil(rate / ACCURATE))))
    if not np.isfinite(solutions).all():
        raise ValueError("the solution does not stay finite; take more steps or a greater resolution")
    return solutions


def settle(march: Callable[[int], Values], steps: int) -> Values:
    """The solutions (n, resolution, times) with the fewest of so many steps, and doubled ones, that twice as many agree
    with: what disperses turns its waves faster than they move, and bounds by speed say nothing of that.

    Raises ValueError if none do.
    """
    coarse = march(steps)
    for _ in range(MOST_DOUBLINGS):
        steps *= 2
        fine = march(steps)
        apart, size = (np.linalg.norm(values.reshape(len(values), -1), axis=1) for values in (coarse - fine, fine))
        if (apart <= AGREED * size).all():
            return coarse
        coarse = fine
    raise ValueError(
        f"solutions with {steps // 2} and {steps} steps from one time to the next still differ; take a finer grid in "
        "time, fewer waves, or another resolution"
    )


def advance(u: Waves, slope: Callable[[Waves], Waves], half: Waves, step: float) -> Waves:
    """One step of the classic Runge-Kutta method in the variables that L leaves alone; ``half`` is L's part in half of
    it (Cox and Matthews 2002, doi:10.1006/jcph.2002.6995, section 1).
    """
    first = slope(u)
    second = slope(half * (u + 0.5 * step * first))
    third = slope(half * u + 0.5 * step * second)
    fourth = slope(half * (half * u + step * third))
    found: Waves = half * (half * (u + step / 6 * first) + step / 3 * (second + third)) + step / 6 * fourth
    return found
