"""A lakeFS that answers as its API (`api/swagger.yml`, version 1.0.0) says, to the three requests of who reads."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

KEY, SECRET = "AKIAJANE", "jane/s3cret"
STRANGER = "AKIASTRANGER"
_WHO = f"Basic {base64.b64encode(f'{KEY}:{SECRET}'.encode()).decode()}"
_STRANGER = f"Basic {base64.b64encode(f'{STRANGER}:{SECRET}'.encode()).decode()}"


class FakeLakeFS(ThreadingHTTPServer):
    """The repository `loans`. `branches` (and tags) name commits, which have files. `asked`: what was asked for, after
    the repository. `answering`: called with that before each answer; what it gives, status and body, is the answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.branches: dict[str, str] = {}
        self.commits: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.answering: Callable[[str], tuple[int, bytes] | None] = lambda what: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def environment(self) -> dict[str, str]:
        """Variables of who may read everything."""
        return {
            "LAKECTL_SERVER_ENDPOINT_URL": self.url,
            "LAKECTL_CREDENTIALS_ACCESS_KEY_ID": KEY,
            "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY": SECRET,
        }

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        """A new commit of the branch, with these files in it; gives its id."""
        text = f"{len(self.commits)} {branch}"
        found = hashlib.sha256(text.encode()).hexdigest()
        self.commits[found] = {**self.commits.get(self.branches.get(branch, ""), {}), **files}
        self.branches[branch] = found
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeLakeFS

    def do_GET(self) -> None:  # the name is http.server's
        url = urlsplit(self.path)
        _, _, what = url.path.partition("/api/v1/repositories/")
        repository, _, rest = what.partition("/")
        self.server.asked.append(rest)
        if (said := self.server.answering(rest)) is not None:
            self._answer(*said)
        elif self.headers["Authorization"] == _STRANGER:
            self._failed(401, "insufficient permissions")
        elif self.headers["Authorization"] != _WHO:
            self._failed(401, "error authenticating request")
        elif repository != "loans":
            self._failed(404, "repository not found")
        else:
            self._found(*rest.split("/"), path=parse_qs(url.query).get("path", [""])[0])

    def _found(self, kind: str, reference: str, *rest: str, path: str) -> None:
        commit = self.server.branches.get(unquote(reference), unquote(reference))
        files = self.server.commits.get(commit)
        if files is None:
            self._failed(404, "commit not found")
        elif kind == "commits":
            self._json(200, {"id": commit, "parents": [], "committer": "jane", "message": "x", "creation_date": 1})
        elif path not in files:
            self._failed(404, "object not found")
        elif rest == ("objects", "stat"):
            self._json(200, {"path": path, "path_type": "object", "checksum": "c", "size_bytes": len(files[path])})
        else:
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            self._answer(206, files[path][first : last + 1])

    def _failed(self, status: int, message: str) -> None:
        self._json(status, {"message": message})

    def _json(self, status: int, document: dict[str, Any]) -> None:
        self._answer(status, json.dumps(document).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}/api/v1/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
