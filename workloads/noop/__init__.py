"""A job that does nothing: what is left of a run's time when there is no work in it."""
