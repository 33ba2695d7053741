"""The way of lightkube's requests to the API server: by aiohttp, which takes half the time of httpx' own transport."""

import ssl
from collections.abc import Mapping

import aiohttp
import httpx2
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import SingleConfig
from yarl import URL


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Sends requests and reads whole answers; what goes wrong is an exception of httpx, as its callers know them."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of(cls, config: SingleConfig) -> "AiohttpTransport":
        """With the certificates of a kubeconfig, or of a pod's ServiceAccount."""
        assert config.user is not None, "a kubeconfig without a user"
        return cls(verify_cluster(config.cluster, config.user, config.abs_file))

    def _open(self) -> aiohttp.ClientSession:
        """The session, which has to begin within an event loop."""
        if self._session is None:
            # Compressed answers are the client's to unpack. Proxies of the environment, which the watches do not know
            # either, would be looked up in files, and by another thread, for each request.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        limits, sent = request.extensions.get("timeout") or {}, await request.aread()
        try:
            async with self._open().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=sent or None,
                allow_redirects=False,
                timeout=_timeout(limits, sends=bool(sent)),
            ) as answer:
                content = await answer.read()
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx2.ConnectTimeout(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error), request=request) from error
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ReadError(str(error), request=request) from error
        return httpx2.Response(answer.status, headers=answer.raw_headers, content=content, request=request)


def _timeout(limits: Mapping[str, float | None], *, sends: bool) -> aiohttp.ClientTimeout:
    """The limits of httpx. For a peer that stops to take what is sent aiohttp has none but that for all together."""
    connect, write, read = (limits.get(name) for name in ("connect", "write", "read"))
    total = None
    if sends and connect is not None and write is not None and read is not None:
        total = connect + write + read
    return aiohttp.ClientTimeout(total=total, connect=connect, sock_read=read)
