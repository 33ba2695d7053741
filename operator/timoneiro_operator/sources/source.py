"""What every source of counts does."""

from typing import Protocol

from timoneiro_operator.api.kinds import Key
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.metrics.look import Look


class Source(Protocol):
    """Where counts come from. A window is handed out until it stands in the status, and never again after that."""

    def known(self, look: Look) -> Metrics | None:
        """What there is to say without a read; None once an interval has passed, so that one is due."""

    async def read(self, look: Look) -> Metrics:
        """Counts since the last recorded look, once an interval has passed; nothing, or why nothing, before."""

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
