"""What the operator may do, what it may not, and what follows from that. The table is the ClusterRole of the chart."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from lightkube.core.exceptions import ApiError

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import RESOURCES, Kind
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.telemetry import Telemetry

log = logging.getLogger(__name__)

_LATE = "changes are seen only by listing every few seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One verb on one kind, or on a part of it, cluster-wide. `effect`: what does not go without it.

    `driver`: the only one that needs it. `holds`: nothing may go forward without it; `blind`: and readiness is unknown.
    """

    verb: str
    kind: Kind
    effect: str
    part: str = ""
    driver: str | None = None
    name: str = ""
    holds: bool = False
    blind: bool = False

    @property
    def group(self) -> str:
        return RESOURCES[self.kind].group

    @property
    def resource(self) -> str:
        """As RBAC names it: `modeldeployments/status`."""
        return f"{RESOURCES[self.kind].plural}/{self.part}".removesuffix("/")

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}.{self.group}".removesuffix(".")


_POLICY: tuple[Kind, ...] = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")

WRITE_STATUS = Permission(
    verb="patch", kind="ModelDeployment", part="status", effect="nothing can be recorded", holds=True
)
PERMISSIONS: tuple[Permission, ...] = (
    Permission(verb="list", kind="ModelDeployment", effect="changes that were missed stay unseen"),
    Permission(verb="watch", kind="ModelDeployment", effect=_LATE),
    WRITE_STATUS,
    Permission(
        verb="update",
        kind="ModelDeployment",
        part="finalizers",
        effect="nothing new can be created where owner references are checked",
    ),
    Permission(
        verb="get",
        kind="CustomResourceDefinition",
        name="modeldeployments.timoneiro.dev",
        effect="a CRD that is too old is only noticed when a status is written",
    ),
    Permission(verb="list", kind="InferenceService", effect="it is not known what serves", holds=True, blind=True),
    Permission(verb="watch", kind="InferenceService", effect=_LATE),
    Permission(verb="create", kind="InferenceService", effect="no new revision can be served"),
    Permission(verb="patch", kind="InferenceService", effect="no revision can be served or scaled"),
    Permission(verb="delete", kind="InferenceService", effect="revisions that are no longer needed are not removed"),
    Permission(verb="list", kind="ServingRuntime", effect="it is not known what revisions are served with", holds=True),
    Permission(verb="watch", kind="ServingRuntime", effect=_LATE),
    Permission(verb="create", kind="ServingRuntime", effect="no new revision can be served"),
    Permission(verb="patch", kind="ServingRuntime", effect="no revision can be served"),
    Permission(verb="delete", kind="ServingRuntime", effect="runtimes that are no longer needed are not removed"),
    Permission(
        verb="list", kind="ClusterServingRuntime", effect="it is not known what revisions are served with", holds=True
    ),
    Permission(verb="watch", kind="ClusterServingRuntime", effect=_LATE),
    Permission(
        verb="list", kind="HTTPRoute", effect="it is not known how the traffic is split", driver="Gateway", holds=True
    ),
    Permission(verb="watch", kind="HTTPRoute", effect=_LATE, driver="Gateway"),
    Permission(verb="create", kind="HTTPRoute", effect="no route can be created", driver="Gateway"),
    Permission(
        verb="patch",
        kind="HTTPRoute",
        effect="no weight can be changed, and no candidate rolled back",
        driver="Gateway",
    ),
    Permission(
        verb="list",
        kind="KnativeService",
        effect="it is not known what serves",
        driver="Knative",
        holds=True,
        blind=True,
    ),
    Permission(verb="watch", kind="KnativeService", effect=_LATE, driver="Knative"),
    Permission(verb="list", kind="Pod", effect="neither readiness nor metrics are known", holds=True, blind=True),
    Permission(verb="watch", kind="Pod", effect=_LATE),
    *(
        Permission(verb="get", kind=kind, name=names.COMMAND_POLICY, effect="who asks for a command is not proven")
        for kind in _POLICY
    ),
    Permission(verb="get", kind="Deployment", effect="it is not known why pods are missing"),
    Permission(verb="create", kind="Event", effect="no events are written"),
    Permission(verb="patch", kind="Event", effect="repeats of events are not counted"),
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
