"""The methods of super_resolution: interpolations, which learn nothing, and networks."""
