"""Slurm as a scheduler: all that is said to it, and all that it says."""
