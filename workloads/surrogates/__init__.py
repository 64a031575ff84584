"""surrogates: networks in place of simulations, measured against the solvers that they replace."""
