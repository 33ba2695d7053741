"""What the operator may do, what it may not, and what follows from that. The table is the ClusterRole of the chart."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from lightkube.core.exceptions import ApiError

from timoneiro_operator.api import names
from timoneiro_operator.kube.cache import Kind
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger(__name__)

_LATE = "changes are seen only by listing every few seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One verb on one resource, cluster-wide. `effect`: what does not go without it.

    `kind`: what is read with it. `driver`: the only one that needs it. `holds`: nothing may go forward without it;
    `blind`: and readiness is unknown.
    """

    verb: str
    group: str
    resource: str
    effect: str
    kind: Kind | None = None
    driver: str | None = None
    name: str = ""
    holds: bool = False
    blind: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}.{self.group}".removesuffix(".")


_MD, _KSERVE, _GATEWAY, _KNATIVE = (
    "timoneiro.dev",
    "serving.kserve.io",
    "gateway.networking.k8s.io",
    "serving.knative.dev",
)
_ISVC, _RUNTIMES, _ROUTE, _GW, _KN = "inferenceservices", "servingruntimes", "httproutes", "Gateway", "Knative"

WRITE_STATUS = Permission(
    verb="patch",
    group=_MD,
    resource="modeldeployments/status",
    effect="nothing can be recorded",
    holds=True,
)
PERMISSIONS: tuple[Permission, ...] = (
    Permission(
        verb="list",
        group=_MD,
        resource="modeldeployments",
        effect="changes that were missed stay unseen",
        kind="ModelDeployment",
    ),
    Permission(verb="watch", group=_MD, resource="modeldeployments", effect=_LATE, kind="ModelDeployment"),
    WRITE_STATUS,
    Permission(
        verb="update",
        group=_MD,
        resource="modeldeployments/finalizers",
        effect="nothing new can be created where owner references are checked",
    ),
    Permission(
        verb="get",
        group="apiextensions.k8s.io",
        resource="customresourcedefinitions",
        name="modeldeployments.timoneiro.dev",
        effect="a CRD that is too old is only noticed when a status is written",
    ),
    Permission(
        verb="list",
        group=_KSERVE,
        resource=_ISVC,
        effect="it is not known what serves",
        kind="InferenceService",
        holds=True,
        blind=True,
    ),
    Permission(verb="watch", group=_KSERVE, resource=_ISVC, effect=_LATE, kind="InferenceService"),
    Permission(verb="create", group=_KSERVE, resource=_ISVC, effect="no new revision can be served"),
    Permission(verb="patch", group=_KSERVE, resource=_ISVC, effect="no revision can be served or scaled"),
    Permission(
        verb="delete", group=_KSERVE, resource=_ISVC, effect="revisions that are no longer needed are not removed"
    ),
    Permission(
        verb="list",
        group=_KSERVE,
        resource=_RUNTIMES,
        effect="it is not known what revisions are served with",
        kind="ServingRuntime",
        holds=True,
    ),
    Permission(verb="watch", group=_KSERVE, resource=_RUNTIMES, effect=_LATE, kind="ServingRuntime"),
    Permission(verb="create", group=_KSERVE, resource=_RUNTIMES, effect="no new revision can be served"),
    Permission(verb="patch", group=_KSERVE, resource=_RUNTIMES, effect="no revision can be served"),
    Permission(
        verb="delete", group=_KSERVE, resource=_RUNTIMES, effect="runtimes that are no longer needed are not removed"
    ),
    Permission(
        verb="list",
        group=_KSERVE,
        resource=f"cluster{_RUNTIMES}",
        effect="it is not known what revisions are served with",
        kind="ClusterServingRuntime",
        holds=True,
    ),
    Permission(verb="watch", group=_KSERVE, resource=f"cluster{_RUNTIMES}", effect=_LATE, kind="ClusterServingRuntime"),
    Permission(
        verb="list",
        group=_GATEWAY,
        resource=_ROUTE,
        effect="it is not known how the traffic is split",
        kind="HTTPRoute",
        driver=_GW,
        holds=True,
    ),
    Permission(verb="watch", group=_GATEWAY, resource=_ROUTE, effect=_LATE, kind="HTTPRoute", driver=_GW),
    Permission(verb="create", group=_GATEWAY, resource=_ROUTE, effect="no route can be created", driver=_GW),
    Permission(
        verb="patch",
        group=_GATEWAY,
        resource=_ROUTE,
        effect="no weight can be changed, and no candidate rolled back",
        driver=_GW,
    ),
    Permission(
        verb="list",
        group=_KNATIVE,
        resource="services",
        effect="it is not known what serves",
        kind="KnativeService",
        driver=_KN,
        holds=True,
        blind=True,
    ),
    Permission(verb="watch", group=_KNATIVE, resource="services", effect=_LATE, kind="KnativeService", driver=_KN),
    Permission(
        verb="list",
        group="",
        resource="pods",
        effect="neither readiness nor metrics are known",
        kind="Pod",
        holds=True,
        blind=True,
    ),
    Permission(verb="watch", group="", resource="pods", effect=_LATE, kind="Pod"),
    *(
        Permission(
            verb="get",
            group="admissionregistration.k8s.io",
            resource=resource,
            name=names.COMMAND_POLICY,
            effect="who asks for a command is not proven",
        )
        for resource in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
    ),
    Permission(verb="get", group="apps", resource="deployments", effect="it is not known why pods are missing"),
    Permission(verb="create", group="", resource="events", effect="no events are written"),
    Permission(verb="patch", group="", resource="events", effect="repeats of events are not counted"),
)


class Permissions:
    """Which permissions are missing: as the API server reviews them, and as it has refused."""

    def __init__(self, client: KubeClient, telemetry: Telemetry) -> None:
        self._client = client
        self._telemetry = telemetry
        self._reviewed: frozenset[Permission] = frozenset()
        self._refused: frozenset[Permission] = frozenset()

    @property
    def missing(self) -> frozenset[Permission]:
        return self._reviewed | self._refused

    def may(self, verb: str, kind: Kind) -> bool:
        """Whether objects of `kind` may be listed, or watched."""
        return all((known.verb, known.kind) != (verb, kind) for known in self.missing)

    def concerning(self, driver: str) -> list[Permission]:
        """What is missing for a deployment with that driver, in the order of the table."""
        return [known for known in PERMISSIONS if known in self.missing and known.driver in (None, driver)]

    async def review(self) -> None:
        """Asks the API server for each permission; what is known stays where it does not tell. Never fails."""
        missing = set()
        for permission in PERMISSIONS:
            try:
                allowed = await self._client.may(
                    permission.verb, permission.group, permission.resource, permission.name
                )
            except ApiError as error:
                log.warning("permissions cannot be reviewed: %s", error.status.message)
                return
            except Exception as error:
                log.warning("permissions cannot be reviewed: %s", type(error).__name__)
                return
            if not allowed:
                missing.add(permission)
        self._change(missing, self._refused)

    def refused(self, permission: Permission) -> None:
        """The API server has refused what needs `permission`, whatever a review says."""
        self._change(self._reviewed, self._refused | {permission})

    def granted(self, permission: Permission) -> None:
        """What needs `permission` was done."""
        if permission in self.missing:
            self._change(self._reviewed - {permission}, self._refused - {permission})

    def refused_to_list(self, kind: Kind) -> None:
        self.refused(_list_of(kind))

    def granted_to_list(self, kind: Kind) -> None:
        self.granted(_list_of(kind))

    def _change(self, reviewed: Iterable[Permission], refused: Iterable[Permission]) -> None:
        before = self.missing
        self._reviewed, self._refused = frozenset(reviewed), frozenset(refused)
        for permission in self.missing ^ before:
            missing = permission in self.missing
            self._telemetry.set_permission_missing(permission.verb, permission.resource, missing=missing)
            if missing:
                log.error("the operator may not %s: %s", permission, permission.effect)
            else:
                log.info("the operator may %s now", permission)


def _list_of(kind: Kind) -> Permission:
    return next(known for known in PERMISSIONS if (known.verb, known.kind) == ("list", kind))
