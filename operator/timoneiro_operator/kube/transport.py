"""The way of lightkube's requests to the API server: by aiohttp, which takes half the time of httpx' own transport."""

import ssl

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
        limits = request.extensions.get("timeout") or {}
        try:
            async with self._open().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=limits.get("connect"), sock_read=limits.get("read")),
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
