"""A ModelDeployment as the command line sees it: also one whose spec makes no sense still has a status."""

from dataclasses import dataclass

from timoneiro_operator.api import names
from timoneiro_operator.api.command import Command, parse_command, plain
from timoneiro_operator.api.deployment import ModelDeployment, UnreadableStatus, parse, parse_acted_on, parse_status
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.spec import Spec
from timoneiro_operator.api.status import Condition, Rejected, Snapshot, Status
from timoneiro_operator.cli.errors import CliError
from timoneiro_operator.decide.events import NOT_TAKEN
from timoneiro_operator.decide.lifecycle import former, rejection_entry, snapshot_of

_SHORTEST_PREFIX = 4
# Of what somebody else has written.
_LONGEST = 128

LACKING = ("KServeNotInstalled", "DriverNotInstalled", "HostnameConflict")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Identity, wish and status. `deployment` is None when the spec cannot be read; `unreadable` says why.

    `acted_on`: the spec that the operator goes by: the last one that could be read. `run` and `commit`: where the
    pipeline says that the model of the spec comes from; "" where nobody does.
    """

    namespace: str
    name: str
    generation: int
    status: Status
    deployment: ModelDeployment | None
    unreadable: str | None
    acted_on: Spec | None
    command: Command | None
    run: str
    commit: str

    @property
    def spec(self) -> Spec | None:
        return self.deployment.spec if self.deployment else None

    @property
    def wanted(self) -> str | None:
        """The revision that the spec wants; None without a model, and when the spec cannot be read.

        The operator says it: a revision depends on its serving runtime too.
        """
        if self.deployment is None:
            return None
        return (self.status.wanted if self.seen else "") or self.deployment.revision

    @property
    def wanted_version(self) -> str | None:
        return self.spec.model.version if self.spec and self.spec.model else None

    @property
    def seen(self) -> bool:
        """The status is about this spec, and not about one before it."""
        return bool(self.status.phase) and self.status.observed_generation >= self.generation

    @property
    def invalid(self) -> str | None:
        """Why the spec is not acted on: in the operator's words, or in ours while it has not looked yet."""
        ready = self.condition("Ready")
        if ready is not None and ready.reason == "InvalidSpec" and ready.observed_generation >= self.generation:
            return ready.message
        return None if self.seen else self.unreadable

    @property
    def foreign(self) -> str | None:
        """What is to be said of a spec that the operator acts on, and that this program cannot read."""
        if self.unreadable is None or self.invalid is not None:
            return None
        return f"this version of timoneiro cannot read the spec, use the operator's version ({self.unreadable})"

    @property
    def not_taken(self) -> Condition | None:
        """What the API server or another deployment keeps the operator from doing; None while nothing does."""
        progressing = self.condition("Progressing")
        return progressing if progressing is not None and progressing.reason in NOT_TAKEN else None

    @property
    def lacking(self) -> Condition | None:
        """What the cluster lacks, so that nothing can be done at all; None when it lacks nothing."""
        ready = self.condition("Ready")
        return ready if ready is not None and ready.reason in LACKING else None

    @property
    def rejection(self) -> Rejected | None:
        """The rejection of the wanted revision; None when it was not rejected."""
        return rejection_entry(self.status, self.wanted)

    def adopted(self, revision: str) -> str | None:
        """The InferenceService that serves `revision` and was not made for it; None when there is no such one."""
        known = snapshot_of(self.status, revision)
        return known.adopted if known is not None else None

    def condition(self, kind: str) -> Condition | None:
        return next((condition for condition in self.status.conditions if condition.type == kind), None)

    def former(self) -> list[Snapshot]:
        """The revisions that were the stable model before this one, the last one first."""
        return former(self.status)

    def meant_by(self, to: str) -> list[Snapshot]:
        """The former revisions that `to` may mean: a revision, else a version, else the first digits of a revision."""
        former = self.former()
        exact = [entry for entry in former if entry.revision == to]
        versions = [entry for entry in former if entry.model.version == to]
        started = [entry for entry in former if len(to) >= _SHORTEST_PREFIX and entry.revision.startswith(to)]
        return exact or versions or started


def view_of(body: Body) -> View:
    """View of an API object. Raises CliError when the operator writes a status that this version does not know."""
    metadata = body["metadata"]
    try:
        status = parse_status(body)
    except UnreadableStatus as error:
        raise CliError(
            f"the status of '{metadata['name']}' is not one that this version of timoneiro knows ({error}): "
            "use the version of the operator"
        ) from error
    deployment, unreadable = None, None
    try:
        deployment = parse(body)
    except InvalidSpec as error:
        unreadable = str(error)
    acting = deployment or parse_acted_on(body)
    annotations = metadata.get("annotations") or {}
    text = annotations.get(names.ANNOTATION_COMMAND)
    return View(
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        status=status,
        deployment=deployment,
        unreadable=unreadable,
        acted_on=acting.spec if acting else None,
        command=parse_command(text, annotations.get(names.ANNOTATION_COMMAND_BY)) if text else None,
        run=plain(annotations.get(names.ANNOTATION_RUN, ""), _LONGEST),
        commit=plain(annotations.get(names.ANNOTATION_COMMIT, ""), _LONGEST),
    )
