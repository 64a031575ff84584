"""Solvers of the reference solutions."""
