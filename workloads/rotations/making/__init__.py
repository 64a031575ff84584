"""What stands in for published images: radio sources, galaxies and proteins, made here."""
