"""Language models of scientific texts: molecules, crystals, proteins."""
