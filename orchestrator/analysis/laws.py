"""Why it stops scaling: Amdahl's, Gustafson's and the Universal Scalability Law fitted to throughput by scale.

Each law gives throughput X at p = N ÷ N₀ times the base's resources, with X₁ the throughput at the base:

- Amdahl 1967:               X = X₁ ÷ (σ + (1 − σ) ÷ p)                       σ: serial fraction
- Gustafson 1988:            X = X₁ · (p − α (p − 1))                         α: serial fraction of the scaled work
- Universal Scalability Law: X = X₁ · p ÷ (1 + σ (p − 1) + κ p (p − 1))       σ: contention, κ: coherency (Gunther 1993)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from orchestrator.analysis.statistics import CONFIDENCE, t_quantile

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A law fitted to geometric means by scale.

    ``intervals`` are the parameters' 95 % intervals, empty for a fit with as many parameters as scales, which says
    nothing of them. ``residuals`` are ln(measured ÷ fitted) by node count. ``rms`` is their root mean square over the
    degrees of freedom; None with as many parameters as scales, where the fit cannot be tested. ``peak_nodes`` is the
    node count of the law's greatest throughput, None if the law only rises, or only falls from the base on.
    """

    law: str
    parameters: dict[str, float]
    base_throughput: float
    base_nodes: int
    residuals: dict[int, float]
    rms: float | None
    peak_nodes: float | None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def efficiency(self, nodes: float) -> float:
        """Return the law's efficiency at ``nodes``, relative to the base."""
        share = nodes / self.base_nodes
        return float(LAWS[self.law](np.asarray([share]), *self.parameters.values())[0] / share)


def amdahl(p: Floats, serial: float) -> Floats:
    """Return the speed-up over the base."""
    return np.asarray(1 / (serial + (1 - serial) / p))


def gustafson(p: Floats, serial: float) -> Floats:
    """Return the scaled speed-up over the base."""
    return np.asarray(p - serial * (p - 1))


def usl(p: Floats, contention: float, coherency: float) -> Floats:
    """Return the capacity relative to the base."""
    return np.asarray(p / (1 + contention * (p - 1) + coherency * p * (p - 1)))


LAWS: dict[str, Callable[..., Floats]] = {"amdahl": amdahl, "gustafson": gustafson, "usl": usl}
PARAMETERS = {"amdahl": ("serial",), "gustafson": ("serial",), "usl": ("contention", "coherency")}


def fit_law(law: str, throughput: Mapping[int, Sequence[float]]) -> Fit | None:
    """Fit a law by least squares on the logarithms of the mean throughputs, so that every scale has the same weight.

    Returns None with fewer scales than parameters (the base's throughput is one of them). Fractions stay within [0, 1],
    so super-linear speed-up (caches) appears in the residuals and not as a negative fraction. Raises ValueError for a
    scale or a throughput that is not a positive number.
    """
    check_rates(throughput)
    from scipy.optimize import least_squares

    scales = sorted(nodes for nodes, values in throughput.items() if len(values))
    names = PARAMETERS[law]
    if len(scales) < len(names) + 1:
        return None
    speedup = LAWS[law]
    p = np.asarray(scales, np.float64) / scales[0]
    measured = np.asarray([log_mean(throughput[nodes]) for nodes in scales])

    def residuals(values: Floats) -> Floats:
        return np.asarray(measured - values[0] - np.log(speedup(p, *values[1:])))

    # Gustafson's line would reach zero at α = 1 + 1/(p − 1); USL's terms have no upper end.
    upper = 1.0 - 1e-9 if law != "usl" else np.inf
    found = least_squares(
        residuals,
        [measured[0], *([0.01] * len(names))],
        bounds=([-np.inf, *([0.0] * len(names))], [np.inf, *([upper] * len(names))]),
        x_scale=[1.0, *([0.01] * len(names))],
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    parameters = dict(zip(names, (float(value) for value in found.x[1:]), strict=True))
    remaining = residuals(found.x)
    freedom = len(scales) - len(found.x)
    peak = None
    if law == "usl" and parameters["coherency"] > 1e-12 and parameters["contention"] < 1:
        found_peak = scales[0] * float(np.sqrt((1 - parameters["contention"]) / parameters["coherency"]))
        # Below the base nothing was measured: there the base itself is the best scale known.
        peak = found_peak if found_peak >= scales[0] else None
    return Fit(
        law,
        parameters,
        float(np.exp(found.x[0])),
        scales[0],
        {nodes: float(value) for nodes, value in zip(scales, remaining, strict=True)},
        float(np.sqrt(np.sum(remaining**2) / freedom)) if freedom else None,
        peak,
        parameter_intervals(names, found.x, found.jac, remaining, [1.0, *([upper] * len(names))]),
    )


def parameter_intervals(
    names: Sequence[str], values: Floats, jacobian: Floats, residuals: Floats, most: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of the parameters after the first, by linearising the law about its fit.

    They stay between 0 and ``most``. Empty with as many parameters as scales, or where the scales do not tell the
    parameters apart.
    """
    freedom = len(residuals) - len(values)
    normal = jacobian.T @ jacobian
    if freedom < 1 or np.linalg.cond(normal / np.outer(*2 * [np.sqrt(np.diag(normal) + 1e-300)])) > 1e12:
        return {}
    variance = float(residuals @ residuals) / freedom
    errors = np.sqrt(np.clip(np.diag(np.linalg.inv(normal)) * variance, 0, None))
    half = t_quantile((1 + CONFIDENCE) / 2, freedom) * errors
    return {
        name: (max(0.0, float(values[place] - half[place])), min(most[place], float(values[place] + half[place])))
        for place, name in enumerate(names, start=1)
    }


def check_rates(throughput: Mapping[int, Sequence[float]]) -> None:
    """Raise ValueError for a scale or a throughput that is not a positive number."""
    for nodes, values in throughput.items():
        if not nodes > 0:
            raise ValueError(f"a scale is a positive number of nodes, not {nodes}")
        wrong = [value for value in values if not 0 < value < np.inf]
        if wrong:
            raise ValueError(f"a throughput is a positive number; at {nodes} nodes there is {wrong[0]}")


def log_mean(values: Sequence[float]) -> float:
    """Return the logarithm of the geometric mean."""
    return float(np.mean(np.log(np.asarray(values, np.float64))))


def fit_laws(throughput: Mapping[int, Sequence[float]], mode: str) -> list[Fit]:
    """Return the fits of the laws that apply to ``mode``, "weak" or "strong", where there are enough scales.

    Amdahl's law is about a fixed problem, Gustafson's about one that grows with the machine. The USL fits both.
    """
    laws = ("gustafson", "usl") if mode == "weak" else ("amdahl", "usl")
    return [found for law in laws if (found := fit_law(law, throughput)) is not None]


def serial_fractions(throughput: Mapping[int, Sequence[float]], mode: str) -> dict[int, float]:
    """Return the experimentally determined serial fraction at each scale above the base.

    Strong: e = (1/S − 1/p) ÷ (1 − 1/p) (Karp and Flatt 1990). Weak: α = (p − S) ÷ (p − 1), from Gustafson's law. S is
    the speed-up of the mean throughputs. A fraction that grows with scale means growing overhead (communication,
    waiting); a constant one, a part that is not parallel; a negative one, super-linear speed-up. Raises ValueError as
    fit_law.
    """
    check_rates(throughput)
    scales = sorted(nodes for nodes, values in throughput.items() if len(values))
    fractions = {}
    for nodes in scales[1:]:
        p = nodes / scales[0]
        speedup = float(np.exp(log_mean(throughput[nodes]) - log_mean(throughput[scales[0]])))
        strong = (1 / speedup - 1 / p) / (1 - 1 / p)
        fractions[nodes] = strong if mode == "strong" else (p - speedup) / (p - 1)
    return fractions
