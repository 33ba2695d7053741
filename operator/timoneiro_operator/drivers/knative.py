"""Driver Knative: one InferenceService, whose canaryTrafficPercent splits the traffic between two revisions."""

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.observation import RouteState, Workload
from timoneiro_operator.drivers.driver import Children, Write


class KnativeDriver:
    """KServe in Knative mode."""

    def workloads(self, deployment: ModelDeployment, children: Children) -> dict[str, Workload]:
        raise NotImplementedError

    def route(self, deployment: ModelDeployment, children: Children) -> RouteState | None:
        raise NotImplementedError

    def writes(self, deployment: ModelDeployment, decision: Decision, children: Children) -> tuple[Write, ...]:
        raise NotImplementedError
