"""Errors that a user can act on: the message names the file or key, its value and what would be right."""


class DatasetError(Exception):
    """A data set is missing, damaged or not what its description says."""


class NonFiniteLossError(ArithmeticError):
    """Training diverged: the loss is infinite or not a number."""
