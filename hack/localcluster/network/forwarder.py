"""Carries TCP connections from the host into the cluster's network.

A socket belongs to the network namespace in which it was made: the launcher listens on the host's loopback address and
hands the sockets down to this process, which lives in the cluster's network and connects there.

Usage: python -m localcluster.network.forwarder DESCRIPTOR=HOST:PORT...
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast


class _Pipe(asyncio.Protocol):
    """One side of a forwarded connection; what it reads the other side writes."""

    def __init__(self, peer: _Pipe | None = None) -> None:
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.peer is None or self.peer.transport is None:
            return False
        if self.peer.ended:
            self.peer.transport.close()
            return False
        self.peer.transport.write_eof()
        # The other direction may still have something to say.
        return True

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            if exc is None:
                self.peer.transport.close()
            else:
                self.peer.transport.abort()


class Entrance(_Pipe):
    """The host's side: opens the inner connection first, and keeps what comes before that."""

    def __init__(self, host: str, port: int, pending: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._host = host
        self._port = port
        self._pending = pending
        self._early = bytearray()

    def data_received(self, data: bytes) -> None:
        # Older Pythons read once even from a transport that was paused when it was made.
        if self.peer is None:
            self._early += data
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self.peer is None:
            self.ended = True
            return True
        return super().eof_received()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("asyncio.Transport", transport).pause_reading()
        task = asyncio.get_running_loop().create_task(self._connect())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _connect(self) -> None:
        assert self.transport is not None
        try:
            _, inner = await asyncio.get_running_loop().create_connection(lambda: _Pipe(self), self._host, self._port)
        except OSError:
            self.transport.abort()
            return
        self.peer = inner
        if self.transport.is_closing():
            if inner.transport is not None:
                inner.transport.close()
            return
        if inner.transport is not None:
            inner.transport.write(bytes(self._early))
            if self.ended:
                inner.transport.write_eof()
        self.transport.resume_reading()


async def _serve(routes: list[tuple[int, str, int]]) -> None:
    loop = asyncio.get_running_loop()
    pending: set[asyncio.Task[None]] = set()
    for descriptor, host, port in routes:
        await loop.create_server(
            lambda host=host, port=port: Entrance(host, port, pending),  # type: ignore[misc]
            sock=socket.socket(fileno=descriptor),
            backlog=1024,
        )
    await loop.create_future()


def _route(argument: str) -> tuple[int, str, int]:
    descriptor, _, target = argument.partition("=")
    host, _, port = target.rpartition(":")
    return int(descriptor), host, int(port)


if __name__ == "__main__":
    asyncio.run(_serve([_route(argument) for argument in sys.argv[1:]]))
