"""Slurm as a scheduler: all commands to it, and the parsing of all its answers."""
