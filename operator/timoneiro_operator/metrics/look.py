"""What a source of counts is asked in one pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.spec import Analysis
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.profile import Profile
from timoneiro_operator.metrics.profiles import KSERVE

Key = tuple[str, str]


class Target(NamedTuple):
    """A pod to read: its uid (a pod of the same name may be another one), name, address, and how often it restarted."""

    uid: str
    name: str
    address: str
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTargets:
    """One arm: its ready pods, and what it is called in the cluster. `workload`: beginning of its pods' names.

    `transforms`: the pods are those of a transformer, and the model is behind it.
    """

    revision: str
    inference_service: str
    workload: str
    pods: tuple[Target, ...] = ()
    profile: Profile = KSERVE
    transforms: bool = False

    def placeholders(self, namespace: str) -> Mapping[str, str]:
        """What a selector of PromQL may name."""
        return {
            "namespace": namespace,
            "revision": self.revision,
            "inferenceService": self.inference_service,
            "workload": self.workload,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`recorded`: end of the last window in the status, as it stands there: only what is there has been counted.

    `since`: when the gateway accepted the routing that is measured. `bounds`: those that are fixed. `marks`: what
    the source has handed out with the last window. `gateway`: namespace and name of what splits the traffic. All times
    in seconds since the epoch.
    """

    key: Key
    arms: Arms
    analysis: Analysis
    stable: ArmTargets
    candidate: ArmTargets
    now: float
    recorded: str | None = None
    since: float | None = None
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    marks: str | None = None
    gateway: Key | None = None

    @property
    def interval(self) -> float:
        return parse_duration(self.analysis.interval)
