"""Data sets of surrogates, a file each."""
