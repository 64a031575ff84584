"""The methods of rotations: one YAML and, where it needs code, one module each."""
