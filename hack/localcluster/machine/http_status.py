"""Asks an HTTP server for one page and returns the status code: all that a probe needs, without a client library."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping


async def http_status(
    host: str, port: int, path: str, headers: Mapping[str, str] | None = None, context: ssl.SSLContext | None = None
) -> int:
    """The status code; raises OSError when there is no answer, or one that is not HTTP."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        lines = {"Host": f"{host}:{port}", "Connection": "close", **(headers or {})}
        request = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        writer.write("\r\n".join(request).encode())
        words = (await reader.readline()).decode(errors="replace").split()
        if len(words) < 2 or not words[1].isdigit():
            raise ConnectionError("the answer is not HTTP")
        return int(words[1])
    finally:
        writer.close()
