"""The requests that the operator makes, and no others: its RBAC rules are this file."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx2
from lightkube.core.async_client import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.types import CascadeType, PatchType

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import RESOURCES, Body, Key, Kind
from timoneiro_operator.api.times import Moment
from timoneiro_operator.kube.event import MESSAGE_BYTES, at_most, event_about
from timoneiro_operator.telemetry import Telemetry

# What lightkube calls each kind by. Made once: it takes a resource of the core group only once in a process.
LIGHTKUBE: Mapping[Kind, Any] = {
    kind: (create_namespaced_resource if known.namespaced else create_global_resource)(
        known.group, known.version, known.name, known.plural
    )
    for kind, known in RESOURCES.items()
}

# Objects in one answer. With all that managedFields say, each takes tens of kilobytes until it is in the cache.
LISTED_AT_ONCE = 100


class Conflict(Exception):
    """The object has changed since it was read; the pass is to be done again on what it is now."""


class Refused(Exception):
    """The API server, or a webhook, does not take an object; the message says which and why."""


class Unanswered(Refused):
    """Nobody has said whether an object is taken: a webhook that hangs, say, or the network."""


class NotLeading(Exception):
    """Another process may be the leader; this one must not write."""


class Forbidden(Exception):
    """The operator may not list the kind."""


class NotInstalled(Exception):
    """The API server does not know the kind."""


class KubeClient:
    """Requests as the operator needs them, counted by verb and resource."""

    def __init__(self, client: AsyncClient, telemetry: Telemetry, *, may_write: Callable[[], bool]) -> None:
        """`may_write` is asked before every write: a process that was asleep may not be the leader any more."""
        self._client = client
        self._telemetry = telemetry
        self._may_write = may_write
        # Something was refused with 403 since this was last looked at.
        self.forbidden = False

    async def list_all(self, kind: Kind, take: Callable[[Body], None]) -> int:
        """Hands on all objects of `kind` that concern the operator; returns the version at which they were listed.

        Raises NotInstalled when the API server does not know the kind, and Forbidden.
        """
        self._telemetry.count_request("list", kind)
        # A label that is None in a selector of lightkube means: it exists, whatever its value.
        label = RESOURCES[kind].label
        labels: Any = None if label is None else {label: None}
        listing = (
            self._client.list(LIGHTKUBE[kind], namespace="*", chunk_size=LISTED_AT_ONCE, labels=labels)
            if RESOURCES[kind].namespaced
            else self._client.list(LIGHTKUBE[kind], chunk_size=LISTED_AT_ONCE, labels=labels)
        )
        try:
            async for item in listing:
                take(_as_dict(item))
        except ApiError as error:
            self._note(error)
            if error.status.code == 403:
                raise Forbidden(error.status.message) from error
            raise
        except httpx2.HTTPStatusError as error:
            # Not an ApiError: for a group that it does not know the API server answers in plain text.
            if error.response.status_code == 404:
                raise NotInstalled(kind) from error
            raise
        return int(listing.resourceVersion)

    async def may(self, verb: str, group: str, resource: str, name: str) -> bool:
        """Whether the operator has a permission in all namespaces; everybody may ask that. Raises ApiError."""
        self._telemetry.count_request("create", "SelfSubjectAccessReview")
        resource, _, part = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": resource, "subresource": part, "name": name}
        asked = LIGHTKUBE["SelfSubjectAccessReview"].from_dict(
            {"metadata": {}, "spec": {"resourceAttributes": attributes}}
        )
        return bool(_as_dict(await self._client.create(asked))["status"]["allowed"])

    async def crd(self) -> Body:
        """The CRD of ModelDeployments. Raises ApiError."""
        self._telemetry.count_request("get", "CustomResourceDefinition")
        return _as_dict(await self._client.get(LIGHTKUBE["CustomResourceDefinition"], f"{names.PLURAL}.{names.GROUP}"))

    async def command_policy(self) -> tuple[Body, Body]:
        """The admission policy that compares who asks for a command with the user, and its binding. Raises ApiError."""
        self._telemetry.count_request("get", "ValidatingAdmissionPolicy")
        policy = _as_dict(await self._client.get(LIGHTKUBE["ValidatingAdmissionPolicy"], names.COMMAND_POLICY))
        self._telemetry.count_request("get", "ValidatingAdmissionPolicyBinding")
        return policy, _as_dict(
            await self._client.get(LIGHTKUBE["ValidatingAdmissionPolicyBinding"], names.COMMAND_POLICY)
        )

    async def secret(self, key: Key) -> Body:
        """A Secret of somebody who has allowed it to be read. Raises ApiError."""
        self._telemetry.count_request("get", "Secret")
        # Quoted: a name must not become another path, and with it a Secret of another namespace.
        return _as_dict(await self._client.get(LIGHTKUBE["Secret"], quote(key[1], safe=""), namespace=key[0]))

    async def named(self, kind: Kind, key: Key) -> Body | None:
        """An object that carries no label of ours, or None. By a list: its permission is there. Raises ApiError."""
        self._telemetry.count_request("list", kind)
        found = self._client.list(LIGHTKUBE[kind], namespace=key[0], fields={"metadata.name": key[1]})
        return next(iter([_as_dict(item) async for item in found]), None)

    async def pods_of(self, service: Key) -> list[Body]:
        """All pods of an InferenceService, whoever has made it. Raises ApiError."""
        return await self.labelled_pods(service[0], {"serving.kserve.io/inferenceservice": service[1]})

    async def labelled_pods(self, namespace: str, labels: Mapping[str, str]) -> list[Body]:
        """All pods of a namespace with these labels. Raises ApiError."""
        self._telemetry.count_request("list", "Pod")
        wanted: Any = dict(labels)
        found = self._client.list(LIGHTKUBE["Pod"], namespace=namespace, labels=wanted)
        return [_as_dict(item) async for item in found]

    async def component(self, key: Key) -> Body | None:
        """The Deployment of a component; None when it cannot be read: what it says is only a cause."""
        self._telemetry.count_request("get", "Deployment")
        try:
            found = await self._client.get(LIGHTKUBE["Deployment"], key[1], namespace=key[0])
        except (ApiError, httpx2.HTTPError):
            return None
        return _as_dict(found)

    async def apply(self, kind: Kind, body: Body, *, first: bool) -> Body:
        """Server-side apply of a child. Raises Refused.

        The operator's fields are the operator's, so that edits of them are overruled. Unless it is the `first` time:
        then an object of that name is somebody else's, and stays as it is.
        """
        self._count_write("apply", kind)
        metadata = body["metadata"]
        try:
            return await self._apply(kind, body, force=not first)
        except ApiError as error:
            self._note(error)
            if error.status.code == 409:
                words = "exists and belongs to somebody else; remove it, or give the ModelDeployment another name"
                raise Refused(f"{kind} {metadata['name']} {words}") from error
            raise Refused(f"{kind} {metadata['name']} was refused: {_reason(error)}") from error
        except httpx2.HTTPError as error:
            raise _unanswered(kind, metadata["name"], error) from error

    async def refusal(self, kind: Kind, body: Body) -> tuple[int, str] | None:
        """Code and message with which a child would be refused, by a dry run; None when it would be taken or unknown.

        Fields that the served schema does not have are refused, as by every server-side apply.
        """
        self._telemetry.count_request("dry-run", kind)
        try:
            await self._apply(kind, body, force=True, dry_run=True)
        except ApiError as error:
            return error.status.code or 0, _reason(error)
        except httpx2.HTTPError:
            return None
        return None

    async def _apply(self, kind: Kind, body: Body, *, force: bool, dry_run: bool = False) -> Body:
        metadata = body["metadata"]
        applied = await self._client.patch(
            LIGHTKUBE[kind],
            metadata["name"],
            dict(body),
            namespace=metadata["namespace"],
            patch_type=PatchType.APPLY,
            field_manager=names.FIELD_MANAGER,
            force=force,
            dry_run=dry_run,
        )
        return _as_dict(applied)

    def _note(self, error: ApiError) -> None:
        self.forbidden = self.forbidden or error.status.code == 403

    def _count_write(self, verb: str, resource: str) -> None:
        if not self._may_write():
            raise NotLeading("this process is no longer the leader and writes nothing")
        self._telemetry.count_request(verb, resource)

    async def patch_components(self, key: Key, components: Mapping[str, Mapping[str, Any]]) -> Body:
        """Changes fields of components of an InferenceService and nothing else. Raises Refused."""
        self._count_write("patch", "InferenceService")
        try:
            patched = await self._client.patch(
                LIGHTKUBE["InferenceService"],
                key[1],
                {"spec": {kind: dict(fields) for kind, fields in components.items()}},
                namespace=key[0],
                patch_type=PatchType.MERGE,
                field_manager=names.FIELD_MANAGER,
            )
        except ApiError as error:
            self._note(error)
            raise Refused(f"InferenceService {key[1]} cannot be changed: {_reason(error)}") from error
        except httpx2.HTTPError as error:
            raise _unanswered("InferenceService", key[1], error) from error
        return _as_dict(patched)

    async def delete(self, kind: Kind, key: Key) -> None:
        """Deletes in the background; what is gone already is fine. Raises Refused."""
        self._count_write("delete", kind)
        try:
            await self._client.delete(LIGHTKUBE[kind], key[1], namespace=key[0], cascade=CascadeType.BACKGROUND)
        except ApiError as error:
            self._note(error)
            if error.status.code != 404:
                raise Refused(f"{kind} {key[1]} cannot be deleted: {_reason(error)}") from error
        except httpx2.HTTPError as error:
            raise _unanswered(kind, key[1], error) from error

    async def write_status(self, body: Body, status: Body) -> Body:
        """Replaces the status of a ModelDeployment that is still at the version of `body`.

        Raises Conflict when it is not: a window must not be counted on top of a status that was not read. Fields that
        the CRD does not declare are dropped by the API server, where a server-side apply would be refused for them.
        """
        self._count_write("patch", "ModelDeployment/status")
        metadata = body["metadata"]
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            written = await self._client.patch(
                LIGHTKUBE["ModelDeployment"].Status,
                metadata["name"],
                patch,
                namespace=metadata["namespace"],
                patch_type=PatchType.JSON,
                field_manager=names.FIELD_MANAGER,
            )
        except ApiError as error:
            self._note(error)
            if error.status.code == 409:
                raise Conflict(metadata["name"]) from error
            raise
        return _as_dict(written)

    async def record_event(
        self, body: Body, *, kind: str, reason: str, message: str, identity: str, now: Moment
    ) -> None:
        """Writes an Event about a ModelDeployment. One of the same `identity` that is there already is counted."""
        self._count_write("create", "Event")
        event = event_about(body, kind=kind, reason=reason, message=message, identity=identity, now=now)
        resource = LIGHTKUBE["Event"]
        try:
            await self._client.create(resource.from_dict(event))
        except ApiError as error:
            self._note(error)
            if error.status.code != 409:
                raise
            await self._repeat_event(event)

    async def _repeat_event(self, event: Body) -> None:
        """The event was there: it gets the words and the time of now, and one more in its count."""
        metadata = event["metadata"]
        latest: dict[str, Any] = {"message": event["message"], "lastTimestamp": event["lastTimestamp"]}
        for _ in range(2):
            self._count_write("patch", "Event")
            patched = await self._client.patch(
                LIGHTKUBE["Event"],
                metadata["name"],
                latest,
                namespace=metadata["namespace"],
                patch_type=PatchType.MERGE,
            )
            # Only one process writes: what the first answer says is what there is.
            latest = {"count": (_as_dict(patched).get("count") or 1) + 1}


def _unanswered(kind: str, name: str, error: httpx2.HTTPError) -> Unanswered:
    return Unanswered(f"{kind} {name}: the API server gives no clear answer ({type(error).__name__})")


def _reason(error: ApiError) -> str:
    """What the API server says, without the end of what it quotes: a spec may be most of a megabyte."""
    return at_most(error.status.message or "", MESSAGE_BYTES)


def _as_dict(item: Any) -> dict[str, Any]:
    return dict(item.to_dict())
