"""The counts of a pass go into the evidence, whatever they are: neither a command nor a rollback may wait for them."""

import dataclasses

import msgspec

from timoneiro_operator.api.status import Status
from timoneiro_operator.decide.analysis import fold
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.preflight import with_preflight
from timoneiro_operator.decide.steps import arms_to_measure, requests_of
from timoneiro_operator.decide.text import verdict_sentence

replace = msgspec.structs.replace


def weighed(given: Given) -> tuple[Given, Status, Exception | None]:
    """The status with the counts of this pass in it, and what the judge says of them, if they can be weighed.

    If they cannot, which is a fault of ours, there are no counts: neither a command nor a rollback may wait for them.
    """
    status = given.deployment.status
    try:
        return *_with_new_counts(given, status), None
    except Exception as error:
        sentence = f"the counts cannot be judged ({type(error).__name__}); commands and rollbacks go on"
        seen = dataclasses.replace(given.seen, metrics=Metrics(problem=("CountsNotWeighed", sentence)))
        given = dataclasses.replace(given, seen=seen)
        try:
            return *_with_new_counts(given, status), error
        except Exception:
            # Not the counts of this pass, but what is kept of those before it: it is of no use to anybody.
            status = replace(status, analysis=None)
            return *_with_new_counts(given, status), error


def _with_new_counts(given: Given, status: Status) -> tuple[Given, Status]:
    """The status with the counts of this pass in it, if they belong to the rollout that is running."""
    arms = arms_to_measure(status)
    if arms is None:
        return given, status
    seen = given.seen
    both = seen.workload(arms.candidate).serving and seen.workload(arms.stable).serving
    metrics = seen.metrics
    if seen.workload(arms.stable).strayed is not None:
        # What it answers is not what the candidate is compared with: this stretch of time counts for neither.
        metrics = dataclasses.replace(metrics, windows={}, shapes={}, answers=None, warm_up=None)
    analysis = given.deployment.spec.analysis
    folded, verdict = fold(status, arms.candidate, arms.stable, analysis, metrics, split=both)
    status = replace(status, analysis=folded)
    if status.step is not None and status.step.requests_before > requests_of(status):
        # The evidence began anew because its limits were edited, and so does the count of requests.
        status = replace(status, step=replace(status.step, requests_before=0), analysis=replace(folded, preflight=None))
    status = with_preflight(status, given.deployment.spec, metrics)
    return dataclasses.replace(given, judged=verdict), replace(status, verdict=verdict_sentence(status))
