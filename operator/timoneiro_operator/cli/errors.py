"""How the program ends: the exit codes, and the errors that are one sentence for people."""

DONE = 0
FAILED = 1
USAGE = 2
UNFINISHED = 3
NOT_FOUND = 4
NO_ANSWER = 5


class CliError(Exception):
    """The program cannot do what was asked; `message` is a sentence that says why and what to do.

    `transient`: asking again may help, so that a wait goes on.
    """

    def __init__(self, message: str, *, code: int = FAILED, transient: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.transient = transient
