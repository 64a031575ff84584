"""Physics-informed operator learning: the solution of a differential equation for any of a family of functions."""
