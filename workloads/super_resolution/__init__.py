"""Super-resolution imaging: fine fields from coarse ones."""
