"""The data sets of operators."""
