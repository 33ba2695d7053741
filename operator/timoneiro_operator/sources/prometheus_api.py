"""One request to a Prometheus server, with what people have set up in front of it: tokens, tenants, TLS, limits."""

import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

import aiohttp
from yarl import URL

from timoneiro_operator.api.analysis_spec import SourceSpec
from timoneiro_operator.api.promql import Selector
from timoneiro_operator.metrics.problem import ProblemError
from timoneiro_operator.metrics.promql import range_query
from timoneiro_operator.metrics.series import LONGEST_SENTENCE, RawSeries, answered
from timoneiro_operator.sources.allowed_urls import AllowedUrls
from timoneiro_operator.sources.ask import Request

_LARGEST_ANSWER = 32 * 1024 * 1024
_TOLERATED_SKEW_SECONDS = 30.0
# Where a server that is busy does not say for how long.
_BACK_OFF_SECONDS, _LONGEST_BACK_OFF_SECONDS = 30.0, 600.0

# Content of a Secret, by namespace and name. Raises ProblemError where it cannot be read.
Secrets = Callable[[str, str], Awaitable[Mapping[str, bytes]]]


class PrometheusApi:
    """Reads raw samples. A server that asks for patience gets it, from everybody who uses it."""

    def __init__(self, session: aiohttp.ClientSession, secrets: Secrets, allowed: AllowedUrls) -> None:
        self._session = session
        self._secrets = secrets
        self._allowed = allowed
        self._not_before: dict[URL, float] = {}

    async def samples(self, request: Request, selector: Selector, seconds: float) -> list[RawSeries]:
        """What series of the request's namespace showed in the last `seconds`.

        Raises ProblemError, or Malformed for an answer that is no samples.
        """
        url = self._allowed.address(request.source.url or "", request.namespace)
        wait = self._not_before.get(url, 0.0) - request.now
        if 0.0 < wait <= _LONGEST_BACK_OFF_SECONDS:
            raise ProblemError("ProviderBusy", f"Prometheus asked for fewer requests: the next try is in {wait:.0f} s")
        secret = await self._secret(request)
        timeout = request.source.timeout.total_seconds()
        try:
            async with self._session.post(
                url / "api/v1/query",
                data={
                    "query": range_query(selector, request.namespace, seconds),
                    "time": f"{request.at:.3f}",
                    "timeout": f"{timeout:g}s",
                },
                headers=_headers(request.source, secret),
                ssl=_tls(request.source, secret),
                server_hostname=request.source.tls.server_name,
                timeout=aiohttp.ClientTimeout(total=timeout),
                allow_redirects=False,
            ) as response:
                body = await _body(response)
                if response.status in (429, 503):
                    self._not_before[url] = request.now + _patience(response.headers.get("Retry-After"))
                _complain(response.status, body)
                _compare_clocks(response.headers.get("Date"), request.now)
        except TimeoutError as error:
            raise ProblemError("ProviderSlow", f"Prometheus did not answer within {timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProblemError(
                "ProviderUnavailable", f"Prometheus cannot be reached: {type(error).__name__}"
            ) from error
        except ValueError as error:
            sentence = "the headers or the Secret have characters that no header may have"
            raise ProblemError("BadHeader", sentence) from error
        return answered(body)

    async def _secret(self, request: Request) -> Mapping[str, bytes]:
        reference = request.source.secret_ref
        return await self._secrets(request.namespace, reference.name) if reference else {}


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise ProblemError("TooManySamples", f"Prometheus answers with more than {_LARGEST_ANSWER} bytes")
    return bytes(body)


def _complain(status: int, body: bytes) -> None:
    if status == 200:
        return
    try:
        sentence = str(json.loads(body).get("error") or "")[:LONGEST_SENTENCE]
    except (ValueError, AttributeError):
        sentence = ""
    reason = {400: "QueryFailed", 422: "QueryFailed", 401: "NotAllowed", 403: "NotAllowed", 429: "ProviderBusy"}
    words = f": {sentence}" if sentence else ""
    raise ProblemError(reason.get(status, "ProviderUnavailable"), f"Prometheus answers with {status}{words}")


def _compare_clocks(date: str | None, now: float) -> None:
    if date is None:
        return
    try:
        skew = parsedate_to_datetime(date).timestamp() - now
    except ValueError:
        return
    if abs(skew) > _TOLERATED_SKEW_SECONDS:
        way = "ahead of" if skew > 0 else "behind"
        raise ProblemError("ClockSkew", f"the clock of Prometheus is {abs(skew):.0f} s {way} the operator's")


def _patience(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or _BACK_OFF_SECONDS), 1.0), _LONGEST_BACK_OFF_SECONDS)
    except ValueError:
        return _BACK_OFF_SECONDS


def _headers(source: SourceSpec, secret: Mapping[str, bytes]) -> dict[str, str]:
    headers = {header.name: header.value for header in source.headers}
    if "token" in secret:
        headers["Authorization"] = f"Bearer {_text(secret['token'])}"
    elif "username" in secret:
        password = _text(secret.get("password", b""))
        headers["Authorization"] = aiohttp.encode_basic_auth(_text(secret["username"]), password)
    return headers


def _tls(source: SourceSpec, secret: Mapping[str, bytes]) -> ssl.SSLContext | bool:
    if source.tls.insecure_skip_verify:
        return False
    if "ca.crt" not in secret:
        return True
    return _trusting(_text(secret["ca.crt"]))


@lru_cache(maxsize=64)
def _trusting(authority: str) -> ssl.SSLContext:
    """The same context for the same authority: connections are kept by it."""
    try:
        return ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise ProblemError("BadSecret", "ca.crt in the Secret is not a certificate in PEM") from error


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ProblemError("BadSecret", "a key of the Secret is not text") from error
