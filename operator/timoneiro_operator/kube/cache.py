"""What the operator knows of the cluster, fed by watches and by its own writes.

Write-through: the answer to a write goes into the cache at once, and a watch event that is older than what is there is
ignored. A pass after a write therefore never decides on what was before it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from timoneiro_operator.api import names
from timoneiro_operator.api.manifests import marked, still_marked

Kind = Literal[
    "ModelDeployment",
    "InferenceService",
    "HTTPRoute",
    "KnativeService",
    "Pod",
    "ServingRuntime",
    "ClusterServingRuntime",
]
Key = tuple[str, str]
# Of those that carry no label of ours any ModelDeployment may be served by.
SHARED: frozenset[Kind] = frozenset({"ServingRuntime", "ClusterServingRuntime"})
EVERYBODY = ""
_READ_ANNOTATIONS = {names.ANNOTATION_COMMAND, names.ANNOTATION_COMMAND_BY, names.ANNOTATION_ROUTE_FIELDS}
Body = Mapping[str, Any]


class Cache:
    """Objects by kind, namespace and name; children also by the ModelDeployment whose label they carry."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Kind, str, str], Body] = {}
        self._children: dict[Key, dict[tuple[Kind, str], Body]] = {}
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
        metadata = body["metadata"]
        identity = (kind, metadata.get("namespace", ""), metadata["name"])
        version = _version(body)
        old = self._objects.get(identity)
        if old is not None and version <= _version(old):
            if written is not None and version == _version(old):
                # The write has changed nothing, or a watch was faster than its answer.
                self._replace(identity, marked(old, written))
            return None
        if version <= self._deleted.get(metadata["uid"], -1):
            return None
        if old is not None:
            self._unlink(kind, old)
        slim = _slim(kind, self._remembered(body))
        if written is not None:
            slim = marked(slim, written)
        elif old is not None:
            slim = still_marked(slim, old)
        self._objects[identity] = slim
        owner = owner_key(kind, slim)
        if kind == "ModelDeployment":
            for host in _hosts(slim):
                self._by_host.setdefault(host, set()).add((metadata["namespace"], metadata["name"]))
        elif owner is not None:
            self._children.setdefault(owner, {})[(kind, metadata["name"])] = slim
        return owner

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
        identity = ("ModelDeployment", metadata["namespace"], metadata["name"])
        if identity in self._objects:
            self._objects[identity] = {**self._objects[identity], "status": status}

    def unwritten(self, body: Body) -> bool:
        """Whether the API server has not taken the status that is read of `body`."""
        return body["metadata"]["uid"] in self._unwritten

    def _remembered(self, body: Body) -> Body:
        kept, written = self._unkept.get(body["metadata"]["uid"], (None, None))
        return {**body, "status": written} if written is not None and body.get("status") == kept else body

    def _replace(self, identity: tuple[Kind, str, str], body: Body) -> None:
        """The same object in another form."""
        kind, _, name = identity
        self._objects[identity] = body
        owner = owner_key(kind, body)
        if owner is not None:
            self._children[owner][(kind, name)] = body

    def remove(self, kind: Kind, body: Body) -> Key | None:
        """An object is gone; returns the ModelDeployment that it concerned."""
        metadata = body["metadata"]
        identity = (kind, metadata.get("namespace", ""), metadata["name"])
        old = self._objects.get(identity)
        if old is None or old["metadata"]["uid"] != metadata["uid"]:
            return None
        del self._objects[identity]
        self._unkept.pop(metadata["uid"], None)
        self._unwritten.discard(metadata["uid"])
        self._unlink(kind, old)
        self._deleted[metadata["uid"]] = max(_version(body), _version(old))
        while len(self._deleted) > 10_000:
            self._deleted.pop(next(iter(self._deleted)))
        return owner_key(kind, old)

    def replace_all(self, kind: Kind, bodies: Iterable[Body], listed_at: int) -> set[Key]:
        """What a list of all objects of `kind` at `listed_at` says; what it lacks is gone. Returns who is concerned.

        Objects that a watch has brought since are newer than the list and stay.
        """
        concerned: set[Key] = set()
        present = set()
        for body in bodies:
            present.add((kind, body["metadata"].get("namespace", ""), body["metadata"]["name"]))
            owner = self.put(kind, body)
            if owner is not None:
                concerned.add(owner)
        missing = [
            body
            for identity, body in self._objects.items()
            if identity[0] == kind and identity not in present and _version(body) <= listed_at
        ]
        for body in missing:
            owner = self.remove(kind, body)
            if owner is not None:
                concerned.add(owner)
        return concerned

    def get(self, kind: Kind, key: Key) -> Body | None:
        return self._objects.get((kind, *key))

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
        body = self.get("ModelDeployment", key)
        others = {other for host in _hosts(body or {}) for other in self._by_host.get(host, ())} - {key}
        return [found for other in sorted(others) if (found := self.get("ModelDeployment", other)) is not None]

    def children(self, key: Key, kind: Kind) -> list[Body]:
        return [body for (child, _), body in self._children.get(key, {}).items() if child == kind]

    def _unlink(self, kind: Kind, body: Body) -> None:
        if kind == "ModelDeployment":
            for host in _hosts(body):
                self._by_host[host].discard((body["metadata"]["namespace"], body["metadata"]["name"]))
                if not self._by_host[host]:
                    del self._by_host[host]
            return
        owner = owner_key(kind, body)
        children = self._children.get(owner) if owner is not None else None
        if owner is None or children is None:
            return
        children.pop((kind, body["metadata"]["name"]), None)
        if not children:
            del self._children[owner]


def owner_key(kind: Kind, body: Body) -> Key | None:
    """The ModelDeployment that an object is, or belongs to; EVERYBODY in the namespace, or without one everywhere."""
    metadata = body["metadata"]
    if kind == "ModelDeployment":
        return metadata["namespace"], metadata["name"]
    name = (metadata.get("labels") or {}).get(names.LABEL_DEPLOYMENT)
    if name is None and kind in SHARED:
        return metadata.get("namespace", ""), EVERYBODY
    return (metadata["namespace"], name) if name else None


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
