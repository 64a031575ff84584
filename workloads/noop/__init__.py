"""A job without work, which shows the time that a run takes beside its work."""
