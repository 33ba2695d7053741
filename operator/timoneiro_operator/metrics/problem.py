"""Why there are no counts: for conditions, and for people."""

from typing import NamedTuple


class Problem(NamedTuple):
    """A reason in one word, and a sentence."""

    reason: str
    message: str


class ProblemError(Exception):
    """Nothing can be counted now."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(reason, message)
