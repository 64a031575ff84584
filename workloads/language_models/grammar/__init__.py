"""What makes a text of each data set a molecule, a crystal, a protein."""
