"""The data sets of super_resolution: fields of five sciences, fine and coarse."""
