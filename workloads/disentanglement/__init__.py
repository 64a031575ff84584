"""Disentanglement: the factors behind unlabelled images."""
