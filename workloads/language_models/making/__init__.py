"""Texts that are made here, in the form of the published ones."""
