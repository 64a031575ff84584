"""The simulations that surrogates replace. Without torch, which processes that only make data need not load."""
