"""Methods of surrogates, a file each."""
