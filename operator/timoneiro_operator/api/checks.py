"""What makes no sense in a spec: the rules of the CRD once more, and those that it cannot state."""

import re
from datetime import timedelta
from itertools import pairwise

from timoneiro_operator.api.analysis_spec import Analysis, SourceSpec
from timoneiro_operator.api.component_checks import component_problem
from timoneiro_operator.api.duration import LONGEST, Duration
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.metric_checks import check_metric
from timoneiro_operator.api.names import OBJECT_NAME, PROFILES
from timoneiro_operator.api.promql import BadSelector, depends_on, matchers, selector
from timoneiro_operator.api.spec import CanaryStep, Retry, SessionPersistence, Signature, Spec, Timeouts

REVISION_LENGTH = 8
# With more the old model would serve most people, and it is the other one that was promoted.
_LARGEST_HOLDBACK = 50
# KServe labels pods with `isvc.<name>-<revision>-predictor`, and a label has at most 63 characters.
MAX_NAME_LENGTH = 63 - len("isvc.") - len("-predictor") - REVISION_LENGTH - 1
# And it makes a host name of `<name>-<revision>-predictor-<namespace>`, even where nobody uses it.
MAX_NAMES_LENGTH = 63 - len("-predictor-") - REVISION_LENGTH - 1
# By so much the names of a transformer's objects are longer.
_LONGER = len("transformer") - len("predictor")
# A path without a slash at its beginning would be another host.
_PATH = re.compile(r"/[^\s]*")
_PUBLIC_KEY = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*")
_GATEWAY_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")


def check(namespace: str, name: str, spec: Spec) -> None:
    """The rules of the CRD once more, for the cluster whose CRD is older than this operator."""
    longer, because = (_LONGER, " with spec.transformer") if spec.transformer is not None else (0, "")
    if len(name) > MAX_NAME_LENGTH - longer:
        raise InvalidSpec(f"metadata.name '{name}' is longer than {MAX_NAME_LENGTH - longer} characters{because}")
    if len(name) + len(namespace) > MAX_NAMES_LENGTH - longer:
        raise InvalidSpec(
            f"metadata.name '{name}' and the namespace '{namespace}' have {len(name) + len(namespace)} characters "
            f"together, and KServe can make a host name of {MAX_NAMES_LENGTH - longer} at most{because}: choose a "
            "shorter name"
        )
    if spec.model is not None and spec.model.signature is not None:
        _check_signature(spec.model.signature)
    _check_steps(spec.rollout.canary.steps)
    _check_comparison(spec)
    _check_route(spec)
    problem = component_problem(spec)
    if problem is not None:
        raise InvalidSpec(problem)
    if not spec.analysis.metrics:
        raise InvalidSpec("spec.analysis.metrics is empty; give at least one metric")
    durations = {
        "spec.rollout.progressDeadline": spec.rollout.progress_deadline,
        "spec.rollout.deadline": spec.rollout.deadline,
        "spec.rollout.keepStable": spec.rollout.keep_stable,
        "spec.rollout.scaleDownDelay": spec.rollout.scale_down_delay,
        "spec.analysis.interval": spec.analysis.interval,
        "spec.analysis.warmUp": spec.analysis.warm_up,
        "spec.rollout.blueGreen.mirror": spec.rollout.blue_green.mirror,
        "spec.rollout.blueGreen.bake": spec.rollout.blue_green.bake,
        **{
            f"spec.rollout.canary.steps[{index}].for": length
            for index, step in enumerate(spec.rollout.canary.steps)
            if (length := step.pause.for_ if step.pause else step.for_) is not None
        },
    }
    for field, length in durations.items():
        if length > LONGEST:
            raise InvalidSpec(f"{field}: {length} is longer than ten years")
    if not timedelta(seconds=1) <= spec.analysis.interval <= timedelta(days=1):
        raise InvalidSpec(f"spec.analysis.interval: {spec.analysis.interval} is not between 1s and 1d")
    _check_warm_up(spec)
    _check_source(spec.analysis.source)
    if spec.analysis.source.type == "Gateway" and spec.route.driver == "Knative":
        raise InvalidSpec(
            "spec.analysis.source of type Gateway needs spec.route.driver Gateway: choose Scrape or Prometheus"
        )
    for metric in spec.analysis.metrics:
        check_metric(metric, spec.analysis)
    _check_together(spec.analysis)


def check_selectors(spec: Spec) -> None:
    """What Prometheus is asked for. A rule of its own: missing counts keep no traffic from going back."""
    given = [("spec.analysis.source.selector", matchers, spec.analysis.source.selector)]
    for metric in spec.analysis.metrics:
        for field, text in (("events", metric.events), ("total", metric.total), ("bins", metric.bins)):
            if text is not None:
                given.append((f"metric '{metric.name}': {field}", selector, text))
    # Knative has one InferenceService for all revisions.
    telling = ["revision", "workload", *(["inferenceService"] if spec.route.driver == "Gateway" else [])]
    for field, read, text in given:
        try:
            found = read(text)
        except BadSelector as error:
            raise InvalidSpec(f"{field}: {error}") from error
        if not depends_on(found, telling):
            names = ", ".join(f"{{{{{name}}}}}" for name in telling)
            raise InvalidSpec(f"{field} has the same series for both models: give it a label with one of {names}")
        if spec.transformer is not None and read is matchers and not depends_on(found, ["workload"]):
            raise InvalidSpec(
                f"{field} has the series of a transformer and of its predictor together: give it a label with "
                "{{workload}}, which names the one that requests reach first"
            )


def _check_signature(signature: Signature) -> None:
    if not signature.public_keys:
        raise InvalidSpec("spec.model.signature.publicKeys is empty; give at least one key, or no signature")
    for index, key in enumerate(signature.public_keys):
        if not _PUBLIC_KEY.fullmatch(key):
            # Without what it is: that may be a private key.
            must = "must be a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----"
            raise InvalidSpec(f"spec.model.signature.publicKeys[{index}] {must}")


def _check_steps(steps: tuple[CanaryStep, ...]) -> None:
    if not steps:
        raise InvalidSpec("spec.rollout.canary.steps is empty; give at least one step")
    for index, step in enumerate(steps):
        given = [step.weight is not None, step.for_ is not None]
        if any(given) if step.pause is not None else not all(given):
            raise InvalidSpec(f"spec.rollout.canary.steps[{index}] must have either weight and for, or pause")
    weights = [step.weight for step in steps if step.weight is not None]
    if any(later <= earlier for earlier, later in pairwise(weights)):
        raise InvalidSpec(f"spec.rollout.canary.steps must have rising weights, not {weights}")
    if not all(0 < weight <= 100 for weight in weights):
        raise InvalidSpec(f"spec.rollout.canary.steps must have weights from 1 to 100, not {weights}")


def _check_comparison(spec: Spec) -> None:
    if not 0 <= spec.rollout.holdback <= _LARGEST_HOLDBACK:
        raise InvalidSpec(
            f"spec.rollout.holdback must be from 0 (no holdback) to {_LARGEST_HOLDBACK} percent, "
            f"not {spec.rollout.holdback}"
        )
    compared = any(step.weight is not None and step.weight < 100 for step in spec.rollout.canary.steps)
    if spec.rollout.strategy == "Canary" and spec.analysis.promotion == "Evidence" and not compared:
        raise InvalidSpec("spec.rollout.canary.steps needs a weight below 100: without one nothing is compared")


def _check_route(spec: Spec) -> None:
    if spec.route.driver == "Gateway" and not spec.route.hostnames:
        raise InvalidSpec("spec.route.hostnames is empty; driver Gateway needs at least one host name")
    if spec.adopt is not None and not OBJECT_NAME.fullmatch(spec.adopt):
        raise InvalidSpec(f"spec.adopt '{spec.adopt}' is not the name of an InferenceService")
    if spec.adopt is not None and spec.route.driver == "Knative":
        raise InvalidSpec("spec.adopt needs route.driver Gateway")
    if spec.route.driver == "Knative" and spec.rollout.strategy == "BlueGreen":
        raise InvalidSpec(
            "spec.rollout.strategy BlueGreen needs mirrored traffic, which route.driver Knative does not support"
        )
    given = {
        "preview": spec.route.preview,
        "timeouts": spec.route.timeouts,
        "retry": spec.route.retry,
        "sessionPersistence": spec.route.session_persistence,
    }
    for field, value in given.items():
        if spec.route.driver == "Knative" and value is not None:
            raise InvalidSpec(f"spec.route.{field} needs route.driver Gateway")
    timeouts, retry = spec.route.timeouts or Timeouts(), spec.route.retry or Retry()
    session = spec.route.session_persistence or SessionPersistence()
    durations = {
        "timeouts.request": timeouts.request,
        "timeouts.backendRequest": timeouts.backend_request,
        "retry.backoff": retry.backoff,
        "sessionPersistence.absoluteTimeout": session.absolute_timeout,
        "sessionPersistence.idleTimeout": session.idle_timeout,
    }
    for field, text in durations.items():
        if text is not None and not _GATEWAY_DURATION.fullmatch(text):
            raise InvalidSpec(
                f"spec.route.{field}: '{text}' is not a duration of the Gateway API, such as 10s or 500ms"
            )
    whole, one_try = Duration(timeouts.request or "0s"), Duration(timeouts.backend_request or "0s")
    if whole and whole < one_try:
        raise InvalidSpec(
            f"spec.route.timeouts: backendRequest {timeouts.backend_request} must not be longer than request "
            f"{timeouts.request}, which it is a part of"
        )
    if any(not 400 <= code <= 599 for code in retry.codes):
        raise InvalidSpec(f"spec.route.retry.codes must be status codes from 400 to 599, not {list(retry.codes)}")


def _check_warm_up(spec: Spec) -> None:
    warm_up, deadline, limit = spec.analysis.warm_up, spec.rollout.deadline, spec.analysis.warm_up_limit
    if warm_up >= deadline:
        raise InvalidSpec(
            f"spec.analysis.warmUp: {warm_up} must be shorter than spec.rollout.deadline {deadline}: before it is over "
            "nothing is compared"
        )
    if not 0 < limit <= 1:
        raise InvalidSpec(f"spec.analysis.warmUpLimit: {limit} must be a rate above 0, and 1 at most")


def _check_source(source: SourceSpec) -> None:
    prometheus = source.type == "Prometheus"
    if prometheus and not (source.url or "").startswith(("http://", "https://")):
        raise InvalidSpec(f"spec.analysis.source.url must be the address of a Prometheus server, not '{source.url}'")
    if not prometheus and (source.url or source.secret_ref or source.headers):
        raise InvalidSpec("spec.analysis.source: url, secretRef and headers are for type Prometheus")
    if source.type != "Scrape" and (source.port or source.path):
        raise InvalidSpec("spec.analysis.source: port and path are for type Scrape")
    if source.type == "Gateway" and source.profile != "Auto":
        raise InvalidSpec(
            "spec.analysis.source: profile is for types Scrape and Prometheus: it is the gateway that counts"
        )
    if source.secret_ref is not None and not OBJECT_NAME.fullmatch(source.secret_ref.name):
        raise InvalidSpec(f"spec.analysis.source.secretRef.name '{source.secret_ref.name}' is not the name of a Secret")
    if source.path is not None and not _PATH.fullmatch(source.path):
        raise InvalidSpec(f"spec.analysis.source.path '{source.path}' must be a path such as /metrics")
    if source.profile not in ("Auto", *PROFILES):
        raise InvalidSpec(
            f"spec.analysis.source.profile '{source.profile}' is not known; choose Auto or one of {', '.join(PROFILES)}"
        )
    if not timedelta() < source.timeout <= timedelta(seconds=10):
        raise InvalidSpec(f"spec.analysis.source.timeout: {source.timeout} is not between 1ms and 10s")


def _check_together(analysis: Analysis) -> None:
    names = [metric.name for metric in analysis.metrics]
    if len(set(names)) < len(names):
        raise InvalidSpec(f"spec.analysis.metrics must have names of their own, not {', '.join(names)}")
    if not any(metric.compares for metric in analysis.metrics):
        raise InvalidSpec(
            "spec.analysis.metrics has no metric that counts requests: give one of type Errors, Latency or Ratio"
        )
    if analysis.promotion == "Evidence" and not any(metric.compares and metric.decides for metric in analysis.metrics):
        raise InvalidSpec(
            "spec.analysis.metrics has no required metric that compares: give one of type Errors, Latency or Ratio "
            "with role Required, or set spec.analysis.promotion to NoHarm"
        )
