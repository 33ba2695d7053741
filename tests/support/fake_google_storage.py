"""A fake of Google Cloud Storage on loopback, for Google's own client: what reading and publishing ask of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

from support.loopback import listening

_PAGE = 2
# In messages of errors, which may not reach anybody.
PERSON = "Jane"


@dataclass
class _Object:
    content: bytes
    generation: int

    def metadata(self, key: str) -> dict[str, str]:
        return {
            "name": key,
            "size": str(len(self.content)),
            "generation": str(self.generation),
            "crc32c": _checksum(self.content),
        }


class FakeGoogleStorage(ThreadingHTTPServer):
    """Objects by bucket and key, in `buckets`. In `closed` nobody may do anything, in `read_only` nobody may write.

    `puts`: keys in the order in which they were written. `knows_permissions`: whether it can be asked for them, which
    other programs that speak the protocol cannot.
    """

    def __init__(self, *buckets: str, closed: tuple[str, ...] = (), read_only: tuple[str, ...] = ()) -> None:
        self.buckets: dict[str, dict[str, _Object]] = {name: {} for name in (*buckets, *closed, *read_only)}
        self.closed, self.read_only = closed, read_only
        self.puts: list[str] = []
        self.knows_permissions = True
        self.uploads: dict[str, tuple[str, str]] = {}
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, bucket: str, key: str, content: bytes) -> _Object:
        """Writes an object, over the one that is there."""
        objects = self.buckets[bucket]
        objects[key] = _Object(content, objects[key].generation + 1 if key in objects else 1)
        self.puts.append(key)
        return objects[key]


@contextmanager
def fake_google_storage(
    *buckets: str, closed: tuple[str, ...] = (), read_only: tuple[str, ...] = ()
) -> Iterator[FakeGoogleStorage]:
    """One that answers meanwhile."""
    server = FakeGoogleStorage(*buckets, closed=closed, read_only=read_only)
    with listening(server):
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeGoogleStorage

    def do_GET(self) -> None:  # the name is http.server's
        bucket, key, query = self._asked()
        if not self._may(bucket, write=False):
            return
        if key is None and self.path.partition("?")[0].endswith("/iam/testPermissions"):
            wanted = [] if bucket in self.server.read_only else query["permissions"]
            self._answer(200, {"permissions": wanted}) if self.server.knows_permissions else self._refuse(404)
        elif key is None:
            self._list(bucket, query)
        elif key not in self.server.buckets[bucket]:
            self._refuse(404)
        else:
            self._give(bucket, key, query)

    def do_POST(self) -> None:
        bucket, _, query = self._asked()
        body = self.rfile.read(int(self.headers["content-length"]))
        if not self._may(bucket, write=True):
            return
        if query["uploadType"] == ["resumable"]:
            name = f"{len(self.server.uploads)}"
            self.server.uploads[name] = bucket, json.loads(body)["name"]
            condition = "".join(f"&ifGenerationMatch={each}" for each in query.get("ifGenerationMatch", ()))
            location = f"{self.server.address}/upload/storage/v1/b/{bucket}/o?upload_id={name}{condition}"
            self._answer(200, {}, location=location)
            return
        boundary = self.headers["content-type"].partition('boundary="')[2].rstrip('"').encode()
        said, content = (part.partition(b"\r\n\r\n")[2] for part in body.split(b"\r\n--" + boundary)[:2])
        metadata = json.loads(said)
        if metadata["crc32c"] != _checksum(content):
            self._refuse(400)
            return
        self._take(bucket, metadata["name"], content, query)

    def do_PUT(self) -> None:
        _, _, query = self._asked()
        bucket, key = self.server.uploads[query["upload_id"][0]]
        self._take(bucket, key, self.rfile.read(int(self.headers["content-length"])), query)

    def _asked(self) -> tuple[str, str | None, dict[str, list[str]]]:
        """Bucket, key and query; no key where the request is about the bucket."""
        address = urlsplit(self.path)
        bucket, _, rest = address.path.partition("/b/")[2].partition("/")
        kind, _, key = rest.partition("/")
        return unquote(bucket), unquote(key) if kind == "o" and key else None, parse_qs(address.query)

    def _may(self, bucket: str, *, write: bool) -> bool:
        if bucket not in self.server.buckets:
            self._refuse(404)
        elif bucket in self.server.closed or (write and bucket in self.server.read_only):
            self._refuse(403)
        else:
            return True
        return False

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        found = sorted(key for key in self.server.buckets[bucket] if key.startswith(query["prefix"][0]))
        start = int(query.get("pageToken", ["0"])[0])
        page: dict[str, Any] = {"items": [{"name": key} for key in found[start : start + _PAGE]]}
        if start + _PAGE < len(found):
            page["nextPageToken"] = str(start + _PAGE)
        self._answer(200, page)

    def _give(self, bucket: str, key: str, query: dict[str, list[str]]) -> None:
        found = self.server.buckets[bucket][key]
        if query.get("alt") != ["media"]:
            self._answer(200, found.metadata(key))
        elif not _matches(query, found):
            self._refuse(412)
        elif "range" in self.headers:
            first, last = self.headers["range"].removeprefix("bytes=").split("-")
            part = found.content[int(first) : int(last) + 1]
            self._answer(206, part, content_range=f"bytes {first}-{last}/{len(found.content)}")
        else:
            self._answer(200, found.content, x_goog_hash=f"crc32c={_checksum(found.content)}")

    def _take(self, bucket: str, key: str, content: bytes, query: dict[str, list[str]]) -> None:
        if _matches(query, self.server.buckets[bucket].get(key)):
            self._answer(200, self.server.put(bucket, key, content).metadata(key))
        else:
            self._refuse(412)

    def _refuse(self, status: int) -> None:
        self._answer(status, {"error": {"code": status, "message": PERSON}})

    def _answer(self, status: int, body: dict[str, Any] | bytes, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "content_length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _matches(query: dict[str, list[str]], found: _Object | None) -> bool:
    wanted = query.get("ifGenerationMatch")
    return wanted is None or int(wanted[0]) == (found.generation if found else 0)


def _checksum(content: bytes) -> str:
    return base64.b64encode(google_crc32c.Checksum(content).digest()).decode()
