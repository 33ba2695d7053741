"""The requests that the command line makes: reads, watches, and one annotation. Every failure is a CliError."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import RESOURCES, Body, Kind
from timoneiro_operator.cli.commands.failures import Asked, in_one_sentence, refusal
from timoneiro_operator.cli.commands.kubeconfig import select
from timoneiro_operator.cli.errors import NO_ANSWER, CliError

if TYPE_CHECKING:
    import httpx2
    from lightkube import Client

FIELD_MANAGER = "kubectl-timoneiro"
_LONGEST_ANSWER = 300

# What is shown of a ModelDeployment.
SHOWN: tuple[Kind, ...] = ("ModelDeployment", "InferenceService", "Pod")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Objects, and the version of the list, from which a watch goes on without a gap."""

    items: list[Body]
    version: str


class ClusterAccess(Protocol):
    """What the commands need of a cluster, in one namespace."""

    @property
    def namespace(self) -> str: ...

    def get(self, name: str) -> Body:
        """The ModelDeployment `name`."""

    def named(self, kind: Kind, name: str) -> Body:
        """One object, whoever it belongs to."""

    def pods_of(self, service: str) -> "list[Body]":
        """All pods of an InferenceService, whoever it belongs to."""

    def apply(self, body: Body, *, manager: str) -> None:
        """Server-side apply of fields of a ModelDeployment, which become those of `manager`; never by force."""

    def release(self, body: Body) -> bool:
        """Deletes a ModelDeployment and nothing that belongs to it; False when it is not what it was in `body`."""

    def list(self, *, everywhere: bool) -> "list[Body]":
        """All ModelDeployments of the namespace, or of all of them."""

    def part(self, kind: Kind, name: str) -> Listed:
        """The objects of `kind` of the ModelDeployment `name`: itself, or what belongs to it."""

    def changes(self, kind: Kind, name: str, version: str) -> Iterator[tuple[str, Body]]:
        """Changes of those objects since `version`, as (event, object), until the server ends the watch."""

    def command(self, name: str, text: str, *, by: str) -> None:
        """Writes the annotations that are a command and who asks for it."""

    def user(self) -> str:
        """Who the API server says that we are."""

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """What is at a path of the API server, such as the proxy of a pod, or at an address of its own."""


class KubeCluster:
    """A Cluster behind an API server."""

    def __init__(self, client: "Client", *, namespace: str, server: str, login: str | None) -> None:
        self._client = client
        self._raw: httpx2.Client | None = None
        self._namespace = namespace
        self._server = server
        self._login = login

    @property
    def namespace(self) -> str:
        return self._namespace

    def get(self, name: str) -> Body:
        return self.named("ModelDeployment", name)

    def named(self, kind: Kind, name: str) -> Body:
        with in_one_sentence(self._asked("get", kind, name=name)):
            return dict(self._client.get(_resource(kind), name, namespace=self._namespace))

    def pods_of(self, service: str) -> "list[Body]":
        with in_one_sentence(self._asked("list", "Pod")):
            labels: Any = {"serving.kserve.io/inferenceservice": service}
            return [dict(pod) for pod in self._client.list(_resource("Pod"), namespace=self._namespace, labels=labels)]

    def apply(self, body: Body, *, manager: str) -> None:
        from lightkube.types import PatchType  # noqa: PLC0415

        name = body["metadata"]["name"]
        with in_one_sentence(self._asked("patch", "ModelDeployment", name=name)):
            self._client.patch(
                _resource("ModelDeployment"),
                name,
                dict(body),
                namespace=self._namespace,
                patch_type=PatchType.APPLY,
                field_manager=manager,
            )

    def release(self, body: Body) -> bool:
        metadata = body["metadata"]
        path = f"/apis/{names.API_VERSION}/namespaces/{self._namespace}/{names.PLURAL}/{metadata['name']}"
        # lightkube deletes whatever is there by now, and a rollout may have begun since we looked.
        same = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        options = {"propagationPolicy": "Orphan", "preconditions": same}
        asked = self._asked("delete", "ModelDeployment", name=metadata["name"])
        with in_one_sentence(asked):
            response = self._behind().request("DELETE", path, json=options)
        if response.status_code in (200, 202, 409):
            return bool(response.status_code != 409)
        answer = response.json() if "json" in response.headers.get("content-type", "") else {}
        message = str(answer.get("message") or response.text)
        raise refusal(asked, code=response.status_code, message=message, known=bool(answer.get("details")))

    def list(self, *, everywhere: bool) -> "list[Body]":
        namespace = "*" if everywhere else self._namespace
        with in_one_sentence(self._asked("list", "ModelDeployment", everywhere=everywhere)):
            found = self._client.list(_resource("ModelDeployment"), namespace=namespace, chunk_size=500)
            return [dict(item) for item in found]

    def part(self, kind: Kind, name: str) -> Listed:
        with in_one_sentence(self._asked("list", kind)):
            found = self._client.list(_resource(kind), namespace=self._namespace, **_selector(kind, name))
            items: list[Body] = [dict(item) for item in found]
            return Listed(items=items, version=found.resourceVersion)

    def changes(self, kind: Kind, name: str, version: str) -> Iterator[tuple[str, Body]]:
        with in_one_sentence(self._asked("watch", kind)):
            events = self._client.watch(
                _resource(kind), namespace=self._namespace, resource_version=version, **_selector(kind, name)
            )
            for event, item in events:
                yield event, dict(item)

    def command(self, name: str, text: str, *, by: str) -> None:
        from lightkube.types import PatchType  # noqa: PLC0415

        annotations = {names.ANNOTATION_COMMAND: text, names.ANNOTATION_COMMAND_BY: by}
        patch = {"metadata": {"annotations": annotations}}
        with in_one_sentence(self._asked("patch", "ModelDeployment", name=name)):
            self._client.patch(
                _resource("ModelDeployment"),
                name,
                patch,
                namespace=self._namespace,
                patch_type=PatchType.MERGE,
                field_manager=FIELD_MANAGER,
            )

    def user(self) -> str:
        """The name for the record: the API server's if it tells, else the kubeconfig's, which is only claimed."""
        from lightkube.generic_resource import create_global_resource  # noqa: PLC0415

        group, version = "authentication.k8s.io", "v1"
        review = create_global_resource(group, version, "SelfSubjectReview", "selfsubjectreviews")
        asked = Asked(server=self._server, verb="create", resource="selfsubjectreviews", group=group, namespace=None)
        try:
            with in_one_sentence(asked):
                answer = dict(self._client.create(review()))
        except CliError:
            return self._login or "somebody"
        info = (answer.get("status") or {}).get("userInfo") or {}
        return str(info.get("username") or self._login or "somebody")

    def text(self, path: str, query: Mapping[str, str]) -> str:
        """Of what stands behind the API server its own words are passed on: they say what is wrong there."""
        import httpx2  # noqa: PLC0415

        if path.startswith("/"):
            kinds = {"/pods/": "pods/proxy", "/services/": "services/proxy"}
            resource = next((kind for part, kind in kinds.items() if part in path), path.rpartition("/")[2])
            asked = Asked(server=self._server, verb="get", resource=resource, group="", namespace=self._namespace)
            with in_one_sentence(asked):
                response = self._behind().get(path, params=dict(query))
        else:
            # Another server than the one that the credentials are for.
            try:
                response = httpx2.get(path, params=dict(query), timeout=10)
            except httpx2.HTTPError as error:
                raise CliError(f"{path} cannot be reached: {type(error).__name__}", code=NO_ANSWER) from error
        if response.status_code == 200:
            return response.text
        raise CliError(f"{path} answers with {response.status_code}: {response.text.strip()[:_LONGEST_ANSWER]}")

    def _behind(self) -> "httpx2.Client":
        """The connection to the API server, for what lightkube has no request for."""
        from lightkube.config.client_adapter import Client as raw_client  # noqa: PLC0415, N813
        from lightkube.config.client_adapter import ConnectionParams  # noqa: PLC0415

        if self._raw is None:
            self._raw = raw_client(self._client.config, ConnectionParams())
        return self._raw

    def _asked(self, verb: str, kind: Kind, *, name: str | None = None, everywhere: bool = False) -> Asked:
        resource = RESOURCES[kind]
        namespace = None if everywhere else self._namespace
        return Asked(
            server=self._server,
            verb=verb,
            resource=resource.plural,
            group=resource.group,
            namespace=namespace,
            name=name,
        )


def connect(*, kubeconfig: str | None, context: str | None, namespace: str | None) -> KubeCluster:
    """The cluster that the options and the kubeconfig mean. Nothing is asked of it yet."""
    from lightkube import Client  # noqa: PLC0415

    config = select(path=kubeconfig, context=context)
    server = config.cluster.server
    asked = Asked(server=server, verb="get", resource=names.PLURAL, group=names.GROUP, namespace=namespace)
    with in_one_sentence(asked):
        client = Client(config)
    return KubeCluster(client, namespace=namespace or config.namespace, server=server, login=config.context.user)


def _resource(kind: Kind) -> Any:
    from lightkube.generic_resource import GenericNamespacedResource, create_api_info  # noqa: PLC0415

    known = RESOURCES[kind]
    info = create_api_info(known.group, known.version, known.name, known.plural)
    # Not by create_namespaced_resource: its registry takes a resource of the core group only once in a process.
    return type(kind, (GenericNamespacedResource,), {"_api_info": info})


def _selector(kind: Kind, name: str) -> dict[str, Any]:
    if kind == "ModelDeployment":
        return {"fields": {"metadata.name": name}}
    return {"labels": {names.LABEL_DEPLOYMENT: name}}
