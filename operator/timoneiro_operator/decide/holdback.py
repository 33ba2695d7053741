"""What follows a promotion: the model that was stable before keeps a part of the traffic, and both are compared on.

The evidence begins anew at the promotion, with an error probability of its own, so that it shows what full load brings
to light. Whatever begins or ends meanwhile, the model that was promoted is the stable one until it is rolled back.
"""

import msgspec

from timoneiro_operator.api.status import Leaving, Status
from timoneiro_operator.decide.capacity import as_it_serves
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.lifecycle import record, reject, retired
from timoneiro_operator.decide.reasons import failure_in_traffic
from timoneiro_operator.decide.routing import routing_of, settled
from timoneiro_operator.decide.steps import holdback_of, start_clock

replace = msgspec.structs.replace


def held_back(given: Given, status: Status) -> Status:
    """One pass of it: it goes on, it is over, or it has shown that the former model was better.

    Its time ends it, whatever was counted until then: what had to be known for the promotion was known before.
    """
    seen, former, stable = given.seen, status.former, status.stable
    if former is None or stable is None:
        # A step without a candidate is nothing else.
        return status if status.candidate is not None else replace(status, step=None)
    if not seen.blind and not seen.workload(former.revision).serving:
        # Its part of the traffic has to go to the one that was promoted, and nothing is left to compare that with.
        return _over(status)
    harm = failure_in_traffic(seen.workload(stable.revision), status, given.now) if not seen.blind else None
    if harm is None and given.verdict(status) == "Worse":
        harm = status.verdict
    if harm is not None:
        return take_back(given, status, Leaving(outcome="RolledBack", reason=f"after its promotion: {harm}"))
    if seen.held is not None:
        return status
    if settled(routing_of(given, status), seen):
        status = start_clock(status, given.now)
    until = status.step.not_before if status.step is not None else None
    unwanted = holdback_of(given.deployment.spec.rollout) is None
    return _over(status) if unwanted or (until is not None and given.now >= until) else status


def _over(status: Status) -> Status:
    """The model that was promoted has all traffic, and the former one is what it would be without a holdback."""
    return replace(status, step=None)


def take_back(given: Given, status: Status, leaving: Leaving) -> Status:
    """The former model is the stable one again, at once, and what was promoted goes as a rejected candidate does."""
    former, stable, now = status.former, status.stable, given.now
    assert former is not None
    assert stable is not None
    again = replace(former.as_stable(), since=now)
    # The one that goes is no model to come back to, however long it served.
    since = {former.revision: now, stable.revision: None}
    status = replace(
        status,
        stable=as_it_serves(status, again, given.seen),
        step=None,
        retiring=tuple(item for item in status.retiring if item is not former),
        revisions=tuple(
            replace(known, stable_since=since.get(known.revision, known.stable_since)) for known in status.revisions
        ),
    )
    gone = replace(stable, started_at=stable.since)
    delay = given.deployment.spec.rollout.scale_down_delay
    status = record(status, gone, leaving.outcome, leaving.reason, now)
    status = replace(status, retiring=(*status.retiring, retired(gone, "Candidate", now + delay, listed=True)))
    return reject(status, gone, leaving.reason, now)
