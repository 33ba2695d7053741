"""The operator's own metrics, in the Prometheus text format. Labels are bounded: kinds, verbs, outcomes, phases.

Only the weight is kept by ModelDeployment, and its series goes when the ModelDeployment goes.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector


class Telemetry:
    """Counters of one operator process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._passes = Counter("timoneiro_reconcile_total", "Passes, by result.", ["result"], registry=self.registry)
        self._seconds = Histogram(
            "timoneiro_reconcile_seconds",
            "Duration of one pass.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._requests = Counter(
            "timoneiro_api_requests_total",
            "Requests to the API server, except watches.",
            ["verb", "resource"],
            registry=self.registry,
        )
        self._outcomes = Counter(
            "timoneiro_rollouts_total", "Rollouts that ended, by outcome.", ["outcome"], registry=self.registry
        )
        self._weight = Gauge(
            "timoneiro_candidate_weight",
            "Percent of the traffic that the candidate is meant to get.",
            ["namespace", "name"],
            registry=self.registry,
        )
        self._lacking_fields = Gauge(
            "timoneiro_crd_fields_lacking",
            "Fields of the status that the served CRD does not declare.",
            registry=self.registry,
        )
        self._permissions = Gauge(
            "timoneiro_permission_missing",
            "1 for each permission that the operator lacks.",
            ["verb", "resource"],
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "timoneiro_queue_length", "ModelDeployments that wait for a worker.", registry=self.registry
        )

    def count_request(self, verb: str, resource: str) -> None:
        self._requests.labels(verb, resource).inc()

    def count_pass(self, result: str, seconds: float) -> None:
        """`result`: ok, conflict or error."""
        self._passes.labels(result).inc()
        self._seconds.observe(seconds)

    def count_outcome(self, outcome: str) -> None:
        self._outcomes.labels(outcome).inc()

    def set_permission_missing(self, verb: str, resource: str, *, missing: bool) -> None:
        self._permissions.labels(verb, resource).set(int(missing))

    def set_lacking_fields(self, number: int) -> None:
        self._lacking_fields.set(number)

    def set_weight(self, key: tuple[str, str], weight: int) -> None:
        self._weight.labels(*key).set(weight)

    def forget(self, key: tuple[str, str]) -> None:
        self._weight.remove(*key)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
