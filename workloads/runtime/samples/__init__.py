"""From files to batches: which samples, read how, kept where."""
