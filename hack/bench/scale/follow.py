"""What happens to all objects of one kind, for as long as somebody wants to know."""

from collections.abc import AsyncIterator

from localcluster.api.client import KubeApi
from localcluster.api.jsontypes import Json


async def follow(api: KubeApi, path: str) -> AsyncIterator[tuple[str, Json]]:
    """What there is, as ADDED, and then each change, as (type, object). Never ends by itself.

    A watch ends after minutes, and the next one begins where it ended: a list of everything in between would keep what
    is being measured waiting.
    """
    listing = await api.get(path)
    for body in listing["items"]:
        yield "ADDED", body
    version = listing["metadata"]["resourceVersion"]
    while True:
        async for kind, body in api.watch(path, version):
            version = body["metadata"]["resourceVersion"]
            yield kind, body
