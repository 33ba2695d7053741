"""What a fake of an HTTP API is asked, read from its handler."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit


def json_request(handler: BaseHTTPRequestHandler) -> tuple[str, dict[str, str], Any]:
    """Path, query (the last value of each name) and body; None where there is no body."""
    address = urlsplit(handler.path)
    length = int(handler.headers["content-length"] or 0)
    body = json.loads(handler.rfile.read(length)) if length else None
    return address.path, {name: values[-1] for name, values in parse_qs(address.query).items()}, body
