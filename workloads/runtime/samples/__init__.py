"""From files to batches: the choice of samples, and their storage and reading."""
