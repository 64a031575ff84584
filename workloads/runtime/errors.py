"""Errors that a user can act on: the message names the file or key, its value and what would be right."""


class DatasetError(Exception):
    """A data set is missing, damaged or not what its description says."""


class NonFiniteLossError(ArithmeticError):
    """Training diverged: the loss is infinite or not a number."""


class MissingDatasetError(DatasetError):
    """A data set is not there. ``verb`` is what `python -m orchestrator data NAME …` can do about it."""

    def __init__(self, message: str, verb: str) -> None:
        super().__init__(message)
        self.verb = verb
