"""Puts a pass on record: the one status write, what is remembered where it is refused, and what people hear of it."""

import logging

import httpx2
import msgspec
from lightkube.core.exceptions import ApiError

from timoneiro_operator.api.declared import packable
from timoneiro_operator.api.deployment import parse_status
from timoneiro_operator.api.kinds import Body, Key
from timoneiro_operator.api.packing import pack
from timoneiro_operator.api.status import Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.events import Event, ended_between, events_between
from timoneiro_operator.kube.cache import Cache
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.kube.crd import ServedCrd
from timoneiro_operator.kube.permissions import WRITE_STATUS, Permissions
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger(__name__)

# Of a status: not allowed, too large, or not as the CRD wants it. Trying again does not help by itself.
_REFUSALS = (403, 413, 422)


class NotOnRecord(Exception):
    """The API server does not take the status: the pass is to be done again with that in mind."""


class Recorder:
    """Writes statuses and events of ModelDeployments."""

    def __init__(
        self, *, cache: Cache, client: KubeClient, telemetry: Telemetry, crd: ServedCrd, permissions: Permissions
    ) -> None:
        self._cache = cache
        self._client = client
        self._telemetry = telemetry
        self._crd = crd
        self._permissions = permissions

    async def write(self, body: Body, status: Status, now: Moment, *, held: bool) -> bool:
        """The one status write of a pass, and none when nothing has changed; then what people hear of it.

        Returns whether the API server has changed anything: if not, there is nothing new to look at again at once.
        `held`: it was decided that nothing goes forward. Only that may be gone by without being on record: what is
        refused is then remembered. Raises NotOnRecord.
        """
        old = parse_status(body)
        if status == old and not self._cache.unwritten(body):
            return False
        # As JSON has it, with lists in the place of tuples, so that the answer can be compared with it.
        sent = msgspec.json.decode(msgspec.json.encode(status))
        sent = pack(sent, packable(self._crd.lacking))
        try:
            written = await self._client.write_status(body, sent)
        except ApiError as error:
            if error.status.code not in _REFUSALS:
                raise
            log.warning("%s/%s: the status was refused: %s", *_key(body), error.status.message)
            self._permissions.refused(WRITE_STATUS)
            if not held:
                raise NotOnRecord from error
            self._cache.put_unwritten(body, sent)
            written = body
        else:
            self._permissions.granted(WRITE_STATUS)
            self._crd.learn(sent, written.get("status") or {})
            self._cache.put_written(written, sent)
        self._telemetry.set_weight(_key(body), status.weight or 0)
        for entry in ended_between(old, status):
            self._telemetry.count_outcome(entry.outcome)
        for event in events_between(old, status):
            await self.tell(written, event, now)
        return bool(written["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"])

    async def tell(self, body: Body, event: Event, now: Moment) -> None:
        """The status says the same; an event that is refused is no reason to repeat a pass."""
        key = _key(body)
        log.info("%s/%s %s: %s", *key, event.reason, event.message)
        try:
            await self._client.record_event(
                body,
                kind=event.kind,
                reason=event.reason,
                message=event.message,
                identity=event.identity,
                now=now,
            )
        except (ApiError, httpx2.HTTPError) as error:
            log.warning("%s/%s: the event %s was not written: %s", *key, event.reason, error or type(error).__name__)


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]
