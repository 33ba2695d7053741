"""Why there are no counts: for conditions, and for people."""

from typing import NamedTuple, Self

SEVERAL_PROCESSES = (
    "pod {} answers from several processes in turn, each with counters of its own: run one worker in each pod and more "
    "replicas instead, or let the server share its metrics"
)


class Problem(NamedTuple):
    """A reason in one word, and a sentence."""

    reason: str
    message: str

    @classmethod
    def implausible(cls, pod: str, what: str) -> Self:
        """What a pod shows cannot be: none of it is counted."""
        return cls(
            "ImplausibleCounts",
            f"pod {pod}: {what}: restart the pod, and if that does not help fix its server or set source.profile",
        )


class ProblemError(Exception):
    """Nothing can be counted now."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(reason, message)
