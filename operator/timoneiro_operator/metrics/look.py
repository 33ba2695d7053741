"""What a source of counts is asked in one pass."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.set_back import TOLERANCE_SECONDS
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.decide.warm_up import settle_seconds
from timoneiro_operator.metrics.profile import Profile
from timoneiro_operator.metrics.profiles import KSERVE


class Target(NamedTuple):
    """A pod to read: its uid (a pod of the same name may be another one), name, address, and how often it restarted.

    `ready_since`: in seconds since the epoch, by the clock of its node; minus infinity where it is not known.
    """

    uid: str
    name: str
    address: str
    restarts: int = 0
    ready_since: float = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTargets:
    """One arm: its ready pods, and what it is called in the cluster. `workload`: beginning of its pods' names.

    `transforms`: the pods are those of a transformer, and the model is behind it. `traffic_since`: when it got its
    first traffic, in seconds since the epoch; minus infinity for what has served before.
    """

    revision: str
    inference_service: str
    workload: str
    pods: tuple[Target, ...] = ()
    profile: Profile = KSERVE
    transforms: bool = False
    traffic_since: float = -math.inf

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
    the source has handed out with the last window. `gateway`: namespace and name of what splits the traffic. Times
    that are measured are in seconds since the epoch, as pods and Prometheus have them.
    """

    key: Key
    arms: Arms
    analysis: Analysis
    stable: ArmTargets
    candidate: ArmTargets
    now: float
    recorded: Moment | None = None
    since: float | None = None
    bounds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    marks: str | None = None
    gateway: Key | None = None

    @property
    def interval(self) -> float:
        return self.analysis.interval.total_seconds()

    @property
    def settled(self) -> float | None:
        """From when on is counted what the accepted routing does; None while it is not accepted."""
        return None if self.since is None else self.since + settle_seconds(self.analysis)

    def warms_up(self, arm: ArmTargets, pod: Target, start: float) -> bool:
        """Whether the pod had not warmed up yet when a window began, at `start`."""
        seconds = self.analysis.warm_up.total_seconds()
        # A node whose clock is ahead would keep its pods from ever being counted.
        ready = pod.ready_since if pod.ready_since <= self.now + TOLERANCE_SECONDS else -math.inf
        return seconds > 0 and start < max(ready, arm.traffic_since) + seconds
