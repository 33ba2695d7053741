"""Objects of a lakeFS repository, read in parts: all of them of one commit.

Where the server is, and who asks, is said by the variables that lakeFS's own tools read. Three kinds of requests to its
REST API are all that is needed; its SDK would bring hundreds of modules for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter, Retry

from ..definition.source import split_lakefs
from ..errors import StepError
from .ranges import in_parts

_ENDPOINT = "LAKECTL_SERVER_ENDPOINT_URL"
_CREDENTIALS = ("LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY")
_API = "/api/v1"
_COMMIT = re.compile(r"[0-9a-f]{64}")
_SECONDS = (10, 60)
_RETRIES = 3
_BACKOFF_SECONDS = 0.5
_UNREACHABLE = f"the server cannot be reached: check {_ENDPOINT}"
_NO_LAKEFS = f"what answers there is no lakeFS: check {_ENDPOINT}"
_STATUSES: Mapping[int, str] = {
    401: f"its credentials are not accepted: check {' and '.join(_CREDENTIALS)}",
    403: "these credentials may not read it",
    410: "its bytes were deleted by garbage collection",
}


def at_commit(address: str) -> str:
    """The same object at the commit to which its branch or tag points now: an address that never changes its meaning.

    Raises StepError if there is none, or if it may not be read.
    """
    repository, reference, path = split_lakefs(address)
    if _COMMIT.fullmatch(reference):
        return address
    found = _asked(address, f"commits/{quote(reference, safe='')}", none="there is no such repository, branch or tag")
    commit = _field(address, found, "id", str)
    # An old server repeats the name of the branch, which says nothing.
    if not _COMMIT.fullmatch(commit):
        raise StepError(f"{address}: the server does not say which commit {reference} is: write the commit itself")
    return f"lakefs://{repository}/{commit}/{path}"


def version_of(address: str) -> dict[str, str]:
    """What identifies the version of the object at an address with a commit."""
    return {"commit": split_lakefs(address)[1]}


def open_object(address: str) -> BinaryIO:
    """The object at `lakefs://repository/reference/path`. Raises StepError if it is not there, or may not be read."""
    fixed = at_commit(address)
    _, commit, path = split_lakefs(fixed)
    objects, query = f"refs/{commit}/objects", {"path": path}
    none = f"it is not there at commit {commit}; what is not committed is not read"
    found = _asked(address, f"{objects}/stat", query, none=none)

    def part(start: int, end: int) -> bytes:
        asked = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        content: bytes = _asked(address, objects, query, headers=asked, none=none).content
        if len(content) != end - start:
            raise StepError(f"{address}: the server gave other bytes than it was asked for: try again")
        return content

    return in_parts(_field(address, found, "size_bytes", int), part)


def _asked(
    address: str,
    what: str,
    query: Mapping[str, str] | None = None,
    *,
    none: str,
    headers: Mapping[str, str] | None = None,
) -> requests.Response:
    """The answer to GET `what` of the repository of `address`. `none`: the sentence where there is no such thing."""
    url, who = _server(address)
    retries = Retry(
        _RETRIES, backoff_factor=_BACKOFF_SECONDS, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retries))
        try:
            answer = session.get(
                f"{url}/repositories/{split_lakefs(address)[0]}/{what}",
                params=query,
                headers=headers,
                auth=who,
                timeout=_SECONDS,
                # What another server says is not what was asked for.
                allow_redirects=False,
            )
        except requests.RequestException:
            raise StepError(f"{address}: {_UNREACHABLE}") from None
    if answer.status_code in (200, 206):
        return answer
    if answer.status_code == 404:
        sentence = none
    elif answer.status_code == 401 and "insufficient permissions" in answer.text:
        # Which lakeFS does not tell by another status.
        sentence = _STATUSES[403]
    else:
        refusal = f"the server refuses to give it ({answer.status_code})"
        sentence = _STATUSES.get(answer.status_code, refusal)
    raise StepError(f"{address}: {sentence}")


def _server(address: str) -> tuple[str, tuple[str, str]]:
    """The URL of the API, and who asks."""
    said = {name: os.environ.get(name, "").strip() for name in (_ENDPOINT, *_CREDENTIALS)}
    if missing := [name for name, value in said.items() if not value]:
        raise StepError(f"{address}: where its server is, and who asks, is not said: set {' and '.join(missing)}")
    endpoint, key, secret = (said[_ENDPOINT].rstrip("/"), *(said[name] for name in _CREDENTIALS))
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in endpoint
    except ValueError:
        usable = False
    if not usable:
        raise StepError(
            f"{address}: {_ENDPOINT} has to be a URL such as https://lakefs.example.com, without credentials"
        )
    return f"{endpoint}{'' if parts.path else _API}", (key, secret)


def _field(address: str, answer: requests.Response, name: str, kind: type[Any]) -> Any:
    try:
        value = answer.json()[name]
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, kind):
        raise StepError(f"{address}: {_NO_LAKEFS}")
    return value
