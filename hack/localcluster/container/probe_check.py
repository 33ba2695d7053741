"""One probe of one container: HTTP, TCP or a command. Returns whether it passed, and why not."""

from __future__ import annotations

import asyncio
import ssl

from ..api.jsontypes import Json
from ..machine.http_status import http_status
from .run import Container


async def check(probe: Json, ports: dict[str, int], address: str, container: Container) -> tuple[bool, str]:
    """Runs the probe's action within its timeout."""
    timeout = float(probe.get("timeoutSeconds", 1))
    try:
        if "exec" in probe:
            code, output = await container.execute(probe["exec"]["command"], timeout)
            return code == 0, output[-1024:]
        async with asyncio.timeout(timeout):
            if "httpGet" in probe:
                return await _http(probe["httpGet"], ports, address)
            if "tcpSocket" in probe:
                return await _tcp(probe["tcpSocket"], ports, address)
    except TimeoutError:
        return False, f"no answer within {timeout:g} s"
    except OSError as failure:
        return False, failure.strerror or str(failure)
    return False, f"a probe of kind {sorted(probe)} is not offered by this node"


def _port(value: int | str, ports: dict[str, int]) -> int:
    return ports[value] if isinstance(value, str) and value in ports else int(value)


async def _tcp(action: Json, ports: dict[str, int], address: str) -> tuple[bool, str]:
    _, writer = await asyncio.open_connection(action.get("host") or address, _port(action["port"], ports))
    writer.close()
    return True, ""


async def _http(action: Json, ports: dict[str, int], address: str) -> tuple[bool, str]:
    host = action.get("host") or address
    port = _port(action["port"], ports)
    context = None
    if action.get("scheme", "HTTP").upper() == "HTTPS":
        # Like a kubelet: a probe asks whether somebody answers, not who.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    headers = {"User-Agent": "kube-probe/localcluster", "Accept": "*/*"}
    headers |= {header["name"]: header["value"] for header in action.get("httpHeaders") or []}
    code = await http_status(host, port, action.get("path") or "/", headers, context)
    return 200 <= code < 400, f"HTTP probe failed with statuscode: {code}"
