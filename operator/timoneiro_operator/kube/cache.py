"""What the operator knows of the cluster, fed by watches and by its own writes.

Write-through: the answer to a write goes into the cache at once, and a watch event that is older than what is there is
ignored. A pass after a write therefore never decides on what was before it.

Objects are kept as JSON and decoded for the pass that asks: as dictionaries they take five times the memory, which with
a thousand rollouts is most of what the operator has.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import msgspec

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import SHARED, Body, Key, Kind
from timoneiro_operator.api.manifests import marked, still_marked

EVERYBODY = ""
_READ_ANNOTATIONS = {names.ANNOTATION_COMMAND, names.ANNOTATION_COMMAND_BY, names.ANNOTATION_ROUTE_FIELDS}
_Identity = tuple[Kind, str, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """An object of the cache: what is asked of it without decoding it, and itself."""

    uid: str
    version: int
    owner: Key | None
    hosts: tuple[str, ...]
    packed: bytes

    @classmethod
    def of(cls, kind: Kind, body: Body) -> "_Kept":
        hosts = tuple(_hosts(body)) if kind == "ModelDeployment" else ()
        owner = owner_key(kind, body)
        return cls(body["metadata"]["uid"], _version(body), owner, hosts, msgspec.json.encode(body))

    def body(self) -> Body:
        found: Body = msgspec.json.decode(self.packed)
        return found


class Cache:
    """Objects by kind, namespace and name; children also by the ModelDeployment whose label they carry."""

    def __init__(self) -> None:
        self._objects: dict[_Identity, _Kept] = {}
        # In the order in which they came.
        self._children: dict[Key, dict[_Identity, None]] = {}
        # Versions of what was deleted, so that an event that is late does not bring it back.
        self._deleted: dict[str, int] = {}
        self._by_host: dict[str, set[Key]] = {}
        # By uid: a status as the API server has kept it, and as it was written.
        self._unkept: dict[str, tuple[Any, Body]] = {}
        self._unwritten: set[str] = set()
        # Kinds that the API server does not know.
        self.absent: frozenset[Kind] = frozenset()

    def put(self, kind: Kind, body: Body, *, written: Body | None = None) -> Key | None:
        """Takes an object in; returns the ModelDeployment that it concerns, None when nothing is new.

        `written`: what the operator has written, when `body` is the answer of the API server.
        """
        identity, version, uid = _identity(kind, body), _version(body), body["metadata"]["uid"]
        old = self._objects.get(identity)
        if old is not None and version <= old.version:
            if written is not None and version == old.version:
                # The write has changed nothing, or a watch was faster than its answer.
                self._objects[identity] = _Kept.of(kind, marked(old.body(), written))
            return None
        if version <= self._deleted.get(uid, -1):
            return None
        slim = _slim(kind, self._remembered(body))
        if written is not None:
            slim = marked(slim, written)
        elif old is not None and old.uid == uid:
            slim = still_marked(slim, old.body())
        if old is not None:
            self._unlink(identity, old)
        return self._link(identity, _Kept.of(kind, slim))

    def put_written(self, body: Body, status: Body) -> None:
        """A ModelDeployment as the answer to a write of `status` has it.

        Where the CRD lacks fields, the answer lacks them too: for as long as this process lives, and nobody else writes
        the status, it is read as it was written.
        """
        uid = body["metadata"]["uid"]
        self._unkept.pop(uid, None)
        self._unwritten.discard(uid)
        if body.get("status") != status:
            self._unkept[uid] = body.get("status"), status
        self.put("ModelDeployment", body)

    def put_unwritten(self, body: Body, status: Body) -> None:
        """A status that the API server did not take: it is read as if it had, for as long as this process lives."""
        metadata = body["metadata"]
        kept, _ = self._unkept.get(metadata["uid"], (body.get("status"), None))
        self._unkept[metadata["uid"]] = kept, status
        self._unwritten.add(metadata["uid"])
        identity = _identity("ModelDeployment", body)
        if identity in self._objects:
            known = {**self._objects[identity].body(), "status": status}
            self._objects[identity] = _Kept.of("ModelDeployment", known)

    def unwritten(self, body: Body) -> bool:
        """Whether the API server has not taken the status that is read of `body`."""
        return body["metadata"]["uid"] in self._unwritten

    def _remembered(self, body: Body) -> Body:
        kept, written = self._unkept.get(body["metadata"]["uid"], (None, None))
        return {**body, "status": written} if written is not None and body.get("status") == kept else body

    def remove(self, kind: Kind, body: Body) -> Key | None:
        """An object is gone; returns the ModelDeployment that it concerned."""
        return self._remove(_identity(kind, body), uid=body["metadata"]["uid"], version=_version(body))

    def _remove(self, identity: _Identity, *, uid: str, version: int) -> Key | None:
        old = self._objects.get(identity)
        if old is None or old.uid != uid:
            return None
        del self._objects[identity]
        self._unkept.pop(uid, None)
        self._unwritten.discard(uid)
        self._unlink(identity, old)
        self._deleted[uid] = max(version, old.version)
        while len(self._deleted) > 10_000:
            self._deleted.pop(next(iter(self._deleted)))
        return old.owner

    def list_anew(self, kind: Kind) -> "Listing":
        """Takes in a list of all objects of `kind`, one by one."""
        return Listing(self, kind)

    def keep_only(self, kind: Kind, present: Collection[Key], listed_at: int) -> set[Key]:
        """Removes the objects of `kind` that a list at `listed_at` lacks. Returns who is concerned.

        Objects that a watch has brought since are newer than the list and stay.
        """
        missing = [
            (identity, known)
            for identity, known in self._objects.items()
            if identity[0] == kind and identity[1:] not in present and known.version <= listed_at
        ]
        owners = [self._remove(identity, uid=known.uid, version=known.version) for identity, known in missing]
        return {owner for owner in owners if owner is not None}

    def get(self, kind: Kind, key: Key) -> Body | None:
        known = self._objects.get((kind, *key))
        return known.body() if known is not None else None

    def runtime(self, namespace: str, name: str) -> Body | None:
        """A serving runtime; as KServe does it, one of the namespace comes before one of the cluster."""
        return self.get("ServingRuntime", (namespace, name)) or self.get("ClusterServingRuntime", ("", name))

    def deployments(self) -> list[Key]:
        """All ModelDeployments."""
        return [(namespace, name) for kind, namespace, name in self._objects if kind == "ModelDeployment"]

    def concerned(self, owner: Key) -> list[Key]:
        """The ModelDeployments that `owner`, of what was put or removed, stands for."""
        if owner[1] != EVERYBODY:
            return [owner]
        return [key for key in self.deployments() if owner[0] in ("", key[0])]

    def sharing_a_host(self, key: Key) -> list[Body]:
        """Other ModelDeployments that name one of the host names of `key`."""
        known = self._objects.get(("ModelDeployment", *key))
        hosts = known.hosts if known is not None else ()
        others = {other for host in hosts for other in self._by_host.get(host, ())} - {key}
        return [found for other in sorted(others) if (found := self.get("ModelDeployment", other)) is not None]

    def children(self, key: Key, kind: Kind) -> list[Body]:
        return [self._objects[child].body() for child in self._children.get(key, {}) if child[0] == kind]

    def _link(self, identity: _Identity, known: _Kept) -> Key | None:
        kind, namespace, name = identity
        self._objects[identity] = known
        for host in known.hosts:
            self._by_host.setdefault(host, set()).add((namespace, name))
        if kind != "ModelDeployment" and known.owner is not None:
            self._children.setdefault(known.owner, {})[identity] = None
        return known.owner

    def _unlink(self, identity: _Identity, known: _Kept) -> None:
        for host in known.hosts:
            self._by_host[host].discard(identity[1:])
            if not self._by_host[host]:
                del self._by_host[host]
        children = self._children.get(known.owner) if known.owner is not None else None
        if known.owner is not None and children is not None:
            children.pop(identity, None)
            if not children:
                del self._children[known.owner]


class Listing:
    """A list of all objects of one kind on its way into the cache: never all of them in memory at once."""

    def __init__(self, cache: Cache, kind: Kind) -> None:
        self._cache, self._kind = cache, kind
        self._present: set[Key] = set()
        self._concerned: set[Key] = set()

    def take(self, body: Body) -> None:
        self._present.add(_identity(self._kind, body)[1:])
        owner = self._cache.put(self._kind, body)
        if owner is not None:
            self._concerned.add(owner)

    def end(self, listed_at: int) -> set[Key]:
        """What was not in the list is gone. Returns the ModelDeployments that anything has changed for."""
        return self._concerned | self._cache.keep_only(self._kind, self._present, listed_at)


def owner_key(kind: Kind, body: Body) -> Key | None:
    """The ModelDeployment that an object is, or belongs to; EVERYBODY in the namespace, or without one everywhere."""
    metadata = body["metadata"]
    if kind == "ModelDeployment":
        return metadata["namespace"], metadata["name"]
    name = (metadata.get("labels") or {}).get(names.LABEL_DEPLOYMENT)
    if name is None and kind in SHARED:
        return metadata.get("namespace", ""), EVERYBODY
    return (metadata["namespace"], name) if name else None


def _identity(kind: Kind, body: Body) -> _Identity:
    metadata = body["metadata"]
    return kind, metadata.get("namespace", ""), metadata["name"]


def _version(body: Body) -> int:
    return int(body["metadata"]["resourceVersion"])


def _slim(kind: Kind, body: Body) -> Body:
    """Only what is read: a pod's spec and everybody's field ownership are most of the memory otherwise."""
    metadata = {key: value for key, value in body["metadata"].items() if key not in ("managedFields", "annotations")}
    annotations = body["metadata"].get("annotations") or {}
    read = annotations.keys() if kind in SHARED else annotations.keys() & _READ_ANNOTATIONS
    if read:
        metadata["annotations"] = {key: annotations[key] for key in read}
    if kind != "Pod":
        return {**body, "metadata": metadata}
    status = body.get("status") or {}
    kept = ("conditions", "podIP", "phase", "containerStatuses", "initContainerStatuses")
    return {"metadata": metadata, "status": {key: status[key] for key in kept if key in status}}


def _hosts(body: Body) -> list[str]:
    return ((body.get("spec") or {}).get("route") or {}).get("hostnames") or []
