"""The forwarder carries every byte, those included that arrive before it has reached the other side."""

import asyncio

from localcluster.network.forwarder import Entrance


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


async def test_what_is_sent_comes_back_whole_and_in_order() -> None:
    inner = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = inner.sockets[0].getsockname()[1]
    pending: set[asyncio.Task[None]] = set()
    outer = await asyncio.get_running_loop().create_server(lambda: Entrance("127.0.0.1", port, pending), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*outer.sockets[0].getsockname())
    message = bytes(range(256)) * 4096
    writer.write(message)
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), timeout=10) == message
    writer.close()
    inner.close()
    outer.close()


async def test_bytes_that_come_before_the_inner_connection_are_kept() -> None:
    inner = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = inner.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    del reader
    pending: set[asyncio.Task[None]] = set()
    entrance = Entrance("127.0.0.1", port, pending)
    received = asyncio.get_running_loop().create_future()

    class Outside(asyncio.Transport):
        def pause_reading(self) -> None: ...
        def resume_reading(self) -> None: ...
        def is_closing(self) -> bool:
            return False

        def write(self, data: object) -> None:
            received.set_result(bytes(data))  # type: ignore[call-overload]

        def write_eof(self) -> None: ...
        def close(self) -> None: ...

    entrance.connection_made(Outside())
    entrance.data_received(b"early")
    assert entrance.eof_received()
    assert await asyncio.wait_for(received, timeout=10) == b"early"
    inner.close()
