"""Why a rollout is where it is, and what would change it: sentences for people. Pure."""

from timoneiro_operator.api import names
from timoneiro_operator.api.analysis_status import MetricStatus
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.status import Candidate, Revision, Stable
from timoneiro_operator.api.times import Moment, clock
from timoneiro_operator.cli.presentation.explain_holdback import explain_holdback
from timoneiro_operator.cli.presentation.explain_rollout import explain_rollout
from timoneiro_operator.cli.presentation.text import (
    ago,
    big_name,
    bound,
    counts_text,
    left,
    measured_text,
    sentence,
    shares,
    shares_text,
    upper,
)
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.text import name_of, number, ratio_text


def explain(view: View, now: Moment) -> list[str]:
    """Sentences, the most important first, each true by itself. At least one, whatever the state."""
    if not view.status.phase and view.invalid is None:
        return [
            f"The operator has not looked at '{view.name}' yet. If that does not change within seconds: is it "
            "running, and does it watch this namespace?"
        ]
    return [*_spec(view), *_state(view, now), *_surroundings(view, now)]


def _spec(view: View) -> list[str]:
    """What is to be known about the spec before anything else."""
    if view.invalid is not None:
        return [
            f"The spec is invalid and is not acted on: {sentence(view.invalid)} "
            "Nothing that serves is touched: fix the spec."
        ]
    if view.foreign is not None:
        return [f"{upper(sentence(view.foreign))} What follows is from the status alone."]
    if not view.seen:
        return [
            f"The operator has not seen the latest spec yet (generation {view.generation}, it knows "
            f"{view.status.observed_generation}): what follows is about the one before it."
        ]
    return []


def _state(view: View, now: Moment) -> list[str]:
    status = view.status
    if view.lacking is not None:
        return [f"Nothing can be done for '{view.name}': {sentence(view.lacking.message)}", *_served(view)]
    if status.candidate is not None and status.candidate.leaving is not None:
        return [*_leaving(view, status.candidate), *_served(view)]
    if status.candidate is not None and status.stable is not None:
        return [*explain_rollout(view, status.candidate, now), *_served(view)]
    if status.candidate is not None:
        return _first(view, status.candidate, now)
    if status.phase == "Degraded":
        return _degraded(view)
    if status.phase in ("RolledBack", "RollingBack") or (view.seen and view.rejection is not None):
        return _rolled_back(view, now)
    if status.stable is not None:
        return _healthy(view, status.stable, now)
    if view.invalid is not None:
        return ["Nothing serves yet."]
    if view.spec is not None and view.spec.adopt is not None:
        return [f"Nothing has been adopted yet: {sentence(status.message)} The operator looks again every few seconds."]
    return [f"No model has been published yet: set spec.model of '{view.name}', or run the pipeline that publishes it."]


def _served(view: View) -> list[str]:
    """Who has the traffic meanwhile."""
    text = shares_text(view.status)
    return [text] if text is not None else []


def _leaving(view: View, candidate: Candidate) -> list[str]:
    assert candidate.leaving is not None
    has = shares(view.status)
    weight = has.candidate if has else 0
    sentences = [
        f"{big_name(candidate)} is being removed ({candidate.leaving.outcome}): {sentence(candidate.leaving.reason)}"
    ]
    if weight:
        sentences.append(
            f"It keeps {weight} % of the traffic only until the stable model can take it: that one has no ready "
            "replica, or the gateway has not accepted the change. Look at the pods of the stable model."
        )
    else:
        sentences.append("It ends as soon as the gateway has accepted that all traffic goes to the stable model.")
    return sentences


def _first(view: View, candidate: Candidate, now: Moment) -> list[str]:
    """The first revision: there is nothing to compare it with."""
    sentences = [
        f"{big_name(candidate)} is the first model of '{view.name}' and gets all traffic as soon as it is ready."
    ]
    if view.status.phase == "Degraded":
        sentences.append(
            f"It does not get there: {sentence(view.status.message)} Fix what is named, or publish another model."
        )
    elif candidate.progress_deadline is not None:
        sentences.append(
            f"It waits: {sentence(view.status.message)} {_deadline(candidate.progress_deadline, now)} "
            "its phase becomes Degraded."
        )
    return sentences


def _degraded(view: View) -> list[str]:
    return [
        f"'{view.name}' does not serve as it should: {sentence(view.status.message)}",
        *_served(view),
        "The operator changes nothing by itself here, since there is no rollout to roll back: fix what is named, "
        + (f"or leave this model with `timoneiro rollback {view.name}`." if view.former() else "or publish another."),
    ]


def _rolled_back(view: View, now: Moment) -> list[str]:
    status, entry = view.status, view.rejection
    sentences = []
    if status.phase == "RollingBack":
        why = "the gateway has not accepted that yet" if view.not_taken is None else view.not_taken.message
        sentences.append(f"All traffic goes back to the stable model: {sentence(why)}")
    if entry is not None:
        name = name_of(entry.revision, entry.version)
        sentences.append(f"{upper(name)} was rolled back {ago(entry.at, now)}: {sentence(entry.reason)}")
        if status.analysis is not None and status.analysis.candidate == entry.revision:
            sentences += [
                f"Evidence when it was rolled back, {metric.name}: {_evidence(metric)}{_bound(view)}."
                for metric in status.analysis.metrics
                if metric.candidate.requests
            ]
        sentences.append(
            f"It is not rolled out again by itself: publish another revision, or let this one try again with "
            f"`timoneiro retry {view.name}`."
        )
    elif status.message:
        sentences.append(upper(sentence(status.message)))
    return [*sentences, *_served(view)]


def _evidence(metric: MetricStatus) -> str:
    if metric.shape is not None:
        return f"{measured_text(metric)}, evidence that the models differ {number(metric.evidence.worse)}"
    worse = number(metric.evidence.worse)
    return f"{counts_text(metric)}, ratio {ratio_text(metric.ratio)}, evidence of 'worse' {worse}"


def _bound(view: View) -> str:
    return f" (bound {bound(view.spec.analysis.false_rollback)})" if view.spec else ""


def _healthy(view: View, stable: Stable, now: Moment) -> list[str]:
    since = f" since {clock(stable.since)}" if stable.since else ""
    sentences = [f"{big_name(stable)} serves all traffic{since}."]
    if view.status.former is not None and view.status.step is not None:
        sentences = explain_holdback(view, stable, view.status.former, view.status.step, now)
    adopted = view.adopted(stable.revision)
    if adopted is not None:
        sentences.append(
            f"InferenceService {adopted} was adopted: it is read and never written, and KServe's own addresses of it "
            "stay. Only requests to the host names of spec.route get the next model."
        )
    if view.seen and view.deployment is not None and view.wanted is None:
        sentences.append("The spec names no model any more; the last one goes on serving until another is published.")
    warm = {item.revision: item.delete_at for item in view.status.retiring if item.was == "Stable"}
    for entry in view.former():
        name = name_of(entry.revision, entry.model.version)
        text = f"`timoneiro rollback {view.name} --to {entry.revision}` goes back to {name}, "
        until = warm.get(entry.revision)
        if until is not None and left(until, now) > 0:
            sentences.append(f"{text}at once: it is kept warm for another {format_duration(left(until, now))}.")
        else:
            sentences.append(f"{text}as soon as it has started again.")
        if entry.adopted is not None:
            sentences.append(
                f"InferenceService {entry.adopted} was adopted and is left as it is, for those who call it by KServe's "
                f"own addresses: when nobody does any more, `kubectl delete inferenceservice {entry.adopted}` ends it."
            )
    if not view.former():
        sentences.append("There is no former model to go back to.")
    return sentences


def _origin(view: View) -> list[str]:
    """Where the model of the spec comes from."""
    said = [f"{what} {which}" for what, which in (("run", view.run), ("commit", view.commit)) if which]
    if not said or view.wanted_version is None:
        return []
    return [
        f"Version {view.wanted_version} comes from {' and '.join(said)}, as the pipeline says that has published it."
    ]


def _surroundings(view: View, now: Moment) -> list[str]:
    """What holds beside the state: the origin of the model, the route, the operator, a command on its way, what had to
    be put back."""
    status, sentences = view.status, _origin(view)
    serving = [part for part in (status.stable, status.candidate) if part is not None]
    named = [name_of(part.revision, part.version) for part in serving if status.transforms(part.revision)]
    if named:
        sentences.append(
            f"Requests to {' and '.join(named)} reach a transformer first, which calls the predictor of its own "
            "revision: what is counted is what the transformer answers."
        )
    route = view.condition("RouteAccepted")
    if route is not None and route.reason == "RoutingMismatch":
        sentences.append(f"The gateway does not split the traffic as it has accepted: {sentence(route.message)}")
    elif route is not None and route.status == "False":
        sentences.append(
            f"The gateway does not accept the route (RouteNotAccepted, {route.reason}, since "
            f"{clock(route.last_transition_time)}): {sentence(route.message)} Weights stay as they were until "
            f"it does: look at `kubectl describe httproute -l {names.LABEL_DEPLOYMENT}={view.name}` and at spec.route."
        )
    if view.not_taken is not None and view.not_taken.reason == "HostnameConflict":
        sentences.append(f"What the spec wants cannot be done: {sentence(view.not_taken.message)}")
    elif view.not_taken is not None and (status.candidate is None or status.stable is None):
        sentences.append(
            f"The API server does not accept what is due, and is asked again every few seconds: "
            f"{sentence(view.not_taken.message)}"
        )
    operator = view.condition("OperatorReady")
    if operator is not None and operator.status == "False":
        since = clock(operator.last_transition_time)
        sentences.append(f"The operator has lacked something since {since}: {sentence(operator.message)}")
    held = [(part, text) for part in serving if (text := _held(part))]
    if held:
        numbers = ", ".join(f"{name_of(part.revision, part.version)} at {text}" for part, text in held)
        until = "until the rollout is over and spec.rollout.keepStable has passed after it"
        sentences.append(f"Autoscalers are held at the replicas that the traffic may need, {until}: {numbers}.")
    command = view.command
    if command is not None and status.record(command.id) is None:
        sentences.append(
            f"The command '{command.action}' of {command.asker} has not been answered by the operator yet."
        )
    if status.restored is not None:
        what = upper(status.restored.what)
        sentences.append(f"{what} by somebody else, and was put back {ago(status.restored.at, now)}.")
    return sentences


def _held(part: Revision) -> str:
    """Replicas that an autoscaler is held at; empty where none is."""
    transformers = part.transformer_replicas
    texts = [str(part.replicas)] if part.replicas is not None else []
    texts += [f"{transformers} of its transformer"] if transformers is not None else []
    return " and ".join(texts)


def _deadline(until: Moment, now: Moment) -> str:
    remaining = left(until, now)
    when = f"in {format_duration(remaining)}" if remaining > 0 else ago(until, now)
    return f"If that has not changed at {clock(until)} ({when}),"
