"""An event loop in a thread, so that what runs in it goes on whatever a test waits for."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_END_SECONDS = 10.0


class Background:
    """Runs until close(). What is done in it has to be begun and ended in it, too."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` returns or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def call(self, work: Callable[[], Any]) -> Any:
        """The same for a plain function."""

        async def wrapped() -> Any:
            return work()

        return self.run(wrapped())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_SECONDS)
        assert not self._thread.is_alive(), f"the event loop does not end: {asyncio.all_tasks(self._loop)}"
        self._loop.close()
