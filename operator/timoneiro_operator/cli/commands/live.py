"""`watch`: what belongs to one ModelDeployment, kept up to date by watches, and told as it changes."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live

from timoneiro_operator.api.kinds import Body, Kind
from timoneiro_operator.cli.commands.cluster import SHOWN, ClusterAccess
from timoneiro_operator.cli.commands.waiting import Clock, stamped
from timoneiro_operator.cli.errors import NOT_FOUND, CliError
from timoneiro_operator.cli.presentation.outcome import status_exit
from timoneiro_operator.cli.presentation.tree import Picture, draw
from timoneiro_operator.cli.presentation.view import view_of

REDRAW_SECONDS = 0.2
# Remaining times are shown, so that the picture changes also when nothing else does.
TICK_SECONDS = 1.0
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """All objects of one kind, or one of them (None: it is gone), or why there is no news of them."""

    kind: Kind
    replace: list[Body] | None = None
    uid: str = ""
    body: Body | None = None
    problem: CliError | None = None


@dataclass(slots=True, kw_only=True)
class Scene:
    """The objects that are drawn, by kind and uid, as the updates have made them."""

    name: str
    objects: dict[Kind, dict[str, Body]] = field(default_factory=lambda: {kind: {} for kind in SHOWN})
    notes: dict[Kind, str] = field(default_factory=dict)

    def take(self, update: Update) -> None:
        """Raises CliError when the ModelDeployment cannot be read, or is not there any more."""
        found = self.objects[update.kind]
        if update.problem is not None:
            if update.kind == "ModelDeployment" and not update.problem.transient:
                raise update.problem
            self.notes[update.kind] = update.problem.message
            return
        self.notes.pop(update.kind, None)
        if update.replace is not None:
            found.clear()
            found.update({body["metadata"]["uid"]: body for body in update.replace})
        elif update.body is not None:
            found[update.uid] = update.body
        else:
            found.pop(update.uid, None)
        if update.kind == "ModelDeployment" and not found:
            raise CliError(f"there is no modeldeployment '{self.name}' (any more)", code=NOT_FOUND)

    def picture(self) -> Picture | None:
        """None while the ModelDeployment has not been read."""
        body = next(iter(self.objects["ModelDeployment"].values()), None)
        if body is None:
            return None
        return Picture(
            view=view_of(body),
            services=None if "InferenceService" in self.notes else list(self.objects["InferenceService"].values()),
            pods=list(self.objects["Pod"].values()),
            notes=list(self.notes.values()),
        )


def follow(
    *, cluster: ClusterAccess, name: str, kind: Kind, put: Callable[[Update], None], wait: Callable[[float], None]
) -> None:
    """Hands on everything about `kind`, for ever: lists, watches, and begins again when the watch is lost."""
    while True:
        try:
            listing = cluster.part(kind, name)
            put(Update(kind=kind, replace=listing.items))
            for event, body in cluster.changes(kind, name, listing.version):
                uid = body["metadata"]["uid"]
                put(Update(kind=kind, uid=uid, body=None if event == "DELETED" else body))
        except CliError as error:
            put(Update(kind=kind, problem=error))
        wait(RETRY_SECONDS)


def watch(*, cluster: ClusterAccess, name: str, console: Console, clock: Clock) -> None:
    """Shows until it is interrupted, or the ModelDeployment is gone (CliError)."""
    updates: queue.Queue[Update] = queue.Queue()
    interactive = console.is_terminal
    for kind in SHOWN if interactive else SHOWN[:1]:
        arguments = {"cluster": cluster, "name": name, "kind": kind, "put": updates.put, "wait": clock.sleep}
        threading.Thread(target=follow, kwargs=arguments, daemon=True).start()
    scene = Scene(name=name)
    if interactive:
        _draw_live(scene, updates, console, clock)
    else:
        _tell_lines(scene, updates, console, clock)


def _draw_live(scene: Scene, updates: queue.Queue[Update], console: Console, clock: Clock) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            take_all(scene, updates, TICK_SECONDS)
            picture = scene.picture()
            if picture is not None:
                live.update(draw(picture, clock.now()), refresh=True)
            clock.sleep(REDRAW_SECONDS)


def _tell_lines(scene: Scene, updates: queue.Queue[Update], console: Console, clock: Clock) -> None:
    last: str | None = None
    while True:
        take_all(scene, updates, TICK_SECONDS)
        picture = scene.picture()
        line = status_exit(picture.view).line if picture is not None else None
        line = next(iter(scene.notes.values()), line)
        if line is not None and line != last:
            console.print(stamped(line, clock.now()), markup=False, soft_wrap=True)
            last = line


def take_all(scene: Scene, updates: queue.Queue[Update], seconds: float) -> None:
    """Takes what has come, and waits at most `seconds` for the first of it."""
    try:
        scene.take(updates.get(timeout=seconds))
        while True:
            scene.take(updates.get_nowait())
    except queue.Empty:
        return
