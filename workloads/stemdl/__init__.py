"""stemdl: space groups of crystals from convergent-beam electron diffraction."""
