"""The command line refuses beforehand just what the operator would refuse, and for the same reason."""

from collections.abc import Iterator
from itertools import product
from typing import Any, get_args

import msgspec
import pytest

from timoneiro_operator.api.command import Action, Command
from timoneiro_operator.api.status import CommandRecord
from timoneiro_operator.api.times import read_moment
from timoneiro_operator.cli.commands.request import CommandRequest, command_for
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.cli.presentation.view import View, view_of
from timoneiro_operator.decide.commands import carry_out
from timoneiro_operator.decide.given import Given
from timoneiro_operator.decide.observation import Observation, Workload
from timoneiro_operator.decide.refusal import refusal

REQUESTS: dict[str, CommandRequest] = {
    **{action: CommandRequest(action=action) for action in get_args(Action)},
    "promote in full": CommandRequest(action="promote", full=True),
    "rollback to a version": CommandRequest(action="rollback", to="3"),
    "rollback to nothing known": CommandRequest(action="rollback", to="77"),
}
PAUSED = {"by": "bob", "at": "2026-11-24T09:59:00.000000Z"}


def states(md) -> Iterator[View]:
    """Every combination of what commands look at."""
    stables = [None, md.part("1", ready=True, since=md.at(-86400))]
    candidates = [
        None,
        md.candidate(),
        md.candidate(instant="it is kept warm"),
        md.candidate(leaving={"outcome": "Aborted", "reason": "aborted by bob"}),
    ]
    steps = [
        None,
        md.step(),
        md.step(kind="Listed", weight=0),
        md.step(kind="Pause"),
        md.step(kind="Pause", seconds=None, notBefore=None),
        md.step(kind="Promotion", index=4, weight=100),
    ]
    known = [md.snapshot("1", -86400), md.snapshot("2")]
    revisions = [known, [*known, md.snapshot("3", -186400)]]
    for stable, candidate, step, paused, rejected, kept in product(
        stables, candidates, steps, [None, PAUSED], [[], [md.rejected()]], revisions
    ):
        status: dict[str, Any] = {"stable": stable, "candidate": candidate, "step": step, "paused": paused}
        given = {key: value for key, value in status.items() if value is not None}
        yield view_of(md.body(phase="Progressing", rejected=rejected, revisions=kept, **given))


def answered(view: View, command: Command) -> CommandRecord:
    """What the operator does with the command, where everything is ready and nothing is in the way."""
    assert view.deployment is not None
    ready = {known.revision: Workload(ready_replicas=9, routable=True) for known in view.status.revisions}
    deployment = msgspec.structs.replace(view.deployment, command=command)
    now = read_moment("2026-11-24T10:00:00Z")
    given = Given(deployment=deployment, seen=Observation(workloads=ready), now=now)
    return carry_out(given, view.status).commands[-1]


@pytest.mark.parametrize("asked", REQUESTS)
def test_it_writes_what_the_operator_carries_out_and_nothing_else(md, asked: str) -> None:
    request, told = REQUESTS[asked], set()
    for view in states(md):
        try:
            command = command_for(view=view, request=request, by="ada", at="2026-11-24T10:00:00Z", id="c-1")
        except CliError:
            command = naming_all(view, request)
            refused = refusal(command, view.status, view.wanted)
            assert refused is not None
            record = answered(view, command)
            assert (record.outcome, record.message) == ("Refused", refused.sentence)
            told.add("Refused")
        else:
            assert answered(view, command).outcome == "Done", view.status
            told.add("Done")
    assert told == ({"Refused"} if request.to == "77" else {"Refused", "Done"})


def naming_all(view: View, request: CommandRequest) -> Command:
    """The command that could have been written, about whatever is there."""
    part = view.status.stable if request.action == "rollback" else view.status.candidate
    revision = view.wanted if request.action == "retry" else part.revision if part else "none"
    return Command(id="c-1", action=request.action, revision=revision or "none", full=request.full, to=request.to)
