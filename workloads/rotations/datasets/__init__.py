"""The data sets of rotations: one YAML and, where it needs code, one module each."""
