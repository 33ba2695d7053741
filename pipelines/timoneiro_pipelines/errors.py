"""How commands that ask Kubeflow end: exit codes, and errors that are one sentence."""

FAILED = 1
WRONG_USE = 2
UNFINISHED = 3
NOT_FOUND = 4
NO_ANSWER = 5


class KubeflowError(Exception):
    """Kubeflow cannot do, or has not done, what was asked: a sentence that says why, and what to do.

    `code`: how the program ends. `transient`: asking again may help.
    """

    def __init__(self, message: str, *, code: int = FAILED, transient: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.transient = transient
