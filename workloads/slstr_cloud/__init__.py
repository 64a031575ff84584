"""Cloud masks from Sentinel-3 SLSTR scenes."""
