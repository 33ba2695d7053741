"""Which Prometheus servers may be asked: people who write ModelDeployments must not make the operator reach anything.

Guarantees: an address is a service of the ModelDeployment's own namespace, or at or below one that the operator's
administrator has named; what is returned is what was checked, so that nothing is read in two ways. yarl, which comes
with aiohttp, reads it: requests take what it has read.
"""

import re
from collections.abc import Iterable

from yarl import URL

from timoneiro_operator.api.names import is_service_of
from timoneiro_operator.metrics.problem import ProblemError

# What proxies read in several ways (escapes, dots, backslashes) is not compared with anything.
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_~:-][A-Za-z0-9_~:.-]*)*/?")
_SHOWN = 200


class AllowedUrls:
    """Addresses that the operator's administrator has named, beside the services of each namespace itself."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        """`named`: such as `http://prometheus.monitoring:9090`. Raises ValueError for what is no plain address."""
        self._named = tuple(_plain(text) for text in named)

    def names(self, host: str) -> bool:
        """Whether the administrator has named anything on `host`."""
        return any(one.raw_host == host for one in self._named)

    def address(self, text: str, namespace: str) -> URL:
        """`text` as it may be asked for a ModelDeployment of `namespace`. Raises ProblemError."""
        try:
            url = _plain(text)
        except ValueError as error:
            raise ProblemError("UrlNotAllowed", f"spec.analysis.source.url {error}") from error
        if is_service_of(namespace, url.raw_host or "") or any(_is_below(one, url) for one in self._named):
            return url
        raise ProblemError(
            "UrlNotAllowed",
            f"spec.analysis.source.url {_shown(url)} is not allowed: from namespace {namespace} the operator asks "
            f"http://SERVICE.{namespace}.svc, and the addresses that its administrator names in the chart "
            "(helm upgrade --reuse-values --set 'analysis.prometheusUrls={URL}')",
        )


def _plain(text: str) -> URL:
    try:
        url = URL(text)
        port = url.port
    except ValueError as error:
        raise ValueError("is not an address such as http://prometheus.monitoring:9090") from error
    if url.scheme not in ("http", "https") or not url.raw_host or port is None:
        raise ValueError(f"{_shown(url)} is not an address such as http://prometheus.monitoring:9090")
    if url.raw_user is not None or url.raw_password is not None:
        raise ValueError(f"{_shown(url)} has a login in it: use secretRef")
    if url.raw_query_string or url.raw_fragment or not _PLAIN_PATH.fullmatch(url.raw_path):
        raise ValueError(f"{_shown(url)} has more than a plain path: leave out queries, escapes and what follows them")
    return url


def _is_below(named: URL, url: URL) -> bool:
    same = (named.scheme, named.raw_host, named.port) == (url.scheme, url.raw_host, url.port)
    path = named.raw_path.rstrip("/")
    return same and (url.raw_path.rstrip("/") == path or url.raw_path.startswith(f"{path}/"))


def _shown(url: URL) -> str:
    """Without what may be a password."""
    return ascii(str(url.with_user(None) if url.raw_host else url))[1:-1][:_SHOWN]
