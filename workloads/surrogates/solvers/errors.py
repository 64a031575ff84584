"""What no solver can do."""

from __future__ import annotations


class SolverError(ValueError):
    """A setting under which a solver gives no solution; the message names it and its bound."""


def require_viscosity(viscosity: float) -> None:
    """Raise SolverError unless there is friction: without it these equations have no smooth solution."""
    if not viscosity > 0:
        raise SolverError(f"viscosity is {viscosity:g}; expected more than 0")
