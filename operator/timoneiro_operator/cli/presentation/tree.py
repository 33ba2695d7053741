"""The picture of one ModelDeployment: header, tree of what serves, evidence. Pure: from data to rich renderables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from timoneiro_operator.api import names
from timoneiro_operator.api.duration import format_duration
from timoneiro_operator.api.kinds import Body
from timoneiro_operator.api.status import Candidate, Retiring, Revision, Status
from timoneiro_operator.api.times import Moment
from timoneiro_operator.cli.presentation.evidence import draw_evidence
from timoneiro_operator.cli.presentation.text import age, created_at, is_routed, left, shares
from timoneiro_operator.cli.presentation.view import View
from timoneiro_operator.decide.steps import waits_for_a_person
from timoneiro_operator.decide.text import revision_name, step_text

PHASE_STYLES = {
    "Healthy": "green",
    "Progressing": "cyan",
    "Promoting": "cyan",
    "Pending": "cyan",
    "Paused": "yellow",
    "Holding": "yellow",
    "RollingBack": "red",
    "RolledBack": "red",
    "Degraded": "bold red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is drawn. `services` is None when they could not be read; `notes` say what could not, and why."""

    view: View
    services: Sequence[Body] | None
    pods: Sequence[Body]
    notes: Sequence[str] = ()


def draw(picture: Picture, now: Moment) -> RenderableType:
    """The whole picture."""
    parts: list[RenderableType] = [_header(picture.view, now), Text(), _tree(picture, now)]
    evidence = draw_evidence(picture.view)
    if evidence is not None:
        parts += [Text(), evidence]
    parts += [Text(note, style="yellow") for note in picture.notes]
    return Group(*parts)


def _header(view: View, now: Moment) -> Table:
    status = view.status
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    phase = status.phase or "not seen by the operator yet"
    grid.add_row("Phase", Text(phase, style=PHASE_STYLES.get(phase, "")))
    if view.invalid is not None:
        grid.add_row("Spec", Text(f"invalid: {view.invalid}", style="red"))
    elif view.foreign is not None:
        grid.add_row("Spec", Text(view.foreign, style="yellow"))
    elif not view.seen and status.phase:
        grid.add_row("Spec", Text("changed; the operator has not seen the change yet", style="yellow"))
    if status.message:
        grid.add_row("Message", Text(status.message))
    if view.spec is not None:
        grid.add_row("Strategy", Text(view.spec.rollout.strategy))
    if status.step is not None:
        grid.add_row("Step", Text(_step(status, now)))
    if status.traffic is not None:
        grid.add_row("Weight", Text(_weight(status)))
    if status.paused is not None:
        grid.add_row("Paused", Text(f"by {status.paused.by}, since {age(status.paused.at, now)}", style="yellow"))
    deadline = status.candidate.deadline if status.candidate and status.stable else None
    if deadline is not None and view.spec is not None:
        grid.add_row("Deadline", Text(f"{_left(deadline, now)}, then {view.spec.rollout.on_inconclusive}"))
    return grid


def _step(status: Status, now: Moment) -> str:
    step = status.step
    if step is None:
        return "-"
    text = f"{step_text(step)} ({step.kind})" if step.kind != "Listed" else "listed in the route, without traffic"
    if status.former is not None:
        text = step_text(step)
    if waits_for_a_person(step):
        return f"{text}, until a person resumes"
    if step.started_at is None:
        return f"{text}, waits for the gateway" if is_routed(status) else f"{text}, not in the route"
    if step.not_before is None:
        return text
    return f"{text}, {_left(step.not_before, now)}"


def _weight(status: Status) -> str:
    traffic = status.traffic
    assert traffic is not None
    accepted = "accepted by the gateway" if traffic.accepted else "not accepted by the gateway yet"
    has = shares(status)
    if has is not None and not is_routed(status):
        accepted = f"refused by the API server: the route has stable {has.stable} %, candidate {has.candidate} %"
    other = f"candidate {traffic.desired.candidate}" if status.former is None else f"former {traffic.desired.former}"
    text = f"stable {traffic.desired.stable} %, {other} %, {accepted}"
    mirrored = {"Candidate": "the candidate", "Stable": "the stable model", "Former": "the former model"}.get(
        traffic.mirror
    )
    return f"{text}; {mirrored} gets a copy besides" if mirrored else text


def _left(until: Moment, now: Moment) -> str:
    remaining = left(until, now)
    return f"{format_duration(remaining)} left" if remaining > 0 else "time is over"


def _tree(picture: Picture, now: Moment) -> Tree:
    view, status = picture.view, picture.view.status
    tree = Tree(Text.assemble(("ModelDeployment ", "dim"), (view.name, "bold"), (f"  {view.namespace}", "dim")))
    drawn: set[str] = set()
    for role, part in _parts(status):
        branch = tree.add(_revision_line(role, part, status, now))
        _add_workload(branch, picture, part, now)
        drawn.add(part.revision)
    _add_rest(tree, picture, drawn, now)
    return tree


def _parts(status: Status) -> Iterable[tuple[str, Revision | Retiring]]:
    if status.stable is not None:
        yield "stable", status.stable
    if status.candidate is not None:
        yield "candidate", status.candidate
    for item in status.retiring:
        yield "former" if item is status.former else "retiring", item


def _revision_line(role: str, part: Revision | Retiring, status: Status, now: Moment) -> Text:
    has, mirror = shares(status), status.traffic.mirror if status.traffic else "None"
    style = {"stable": "green", "candidate": "cyan"}.get(role, "dim")
    line = Text.assemble(
        (f"{role} ", style), (revision_name(part), "bold" if role in ("stable", "candidate") else "dim")
    )
    if isinstance(part, Retiring) and part is status.former:
        kept = has.former if has is not None else 0
        line.append(f"  {kept} %, was stable before and is compared with what was promoted", style="dim")
        return line.append("  mirrored", style="magenta") if mirror == "Former" else line
    if isinstance(part, Retiring):
        what = "kept warm" if part.was == "Stable" else "on its way out"
        remaining = left(part.delete_at, now)
        end = f"deleted in {format_duration(remaining)}" if remaining > 0 else "is being deleted"
        return line.append(f"  0 %, {what}, {end}", style="dim")
    if has is not None:
        line.append(f"  {has.stable if role == 'stable' else has.candidate} %")
    if mirror.lower() == role:
        line.append("  mirrored", style="magenta")
    if isinstance(part, Candidate) and part.leaving is not None:
        line.append(f"  leaving ({part.leaving.outcome}: {part.leaving.reason})", style="red")
    return line


def _add_workload(branch: Tree, picture: Picture, part: Revision | Retiring, now: Moment) -> None:
    """The InferenceService of a revision, and its pods below it."""
    found = [body for body in picture.services or () if body["metadata"]["name"] == part.inference_service]
    text = Text.assemble(("InferenceService ", "dim"), part.inference_service, "  ")
    if not found and picture.view.adopted(part.revision) is not None:
        # No watch brings what has no label of ours.
        text.append_text(Text("adopted", style="dim"))
    else:
        text.append_text(Text("unknown", style="yellow") if picture.services is None else _service_state(found))
    node = branch.add(text)
    for pod in _pods_of(picture, part.revision):
        line = _pod_line(pod, now)
        if not _is_made_for(pod, part.inference_service):
            line.append("  of another owner, and counts for nothing", style="yellow")
        node.add(line)


def _is_made_for(pod: Body, service: str) -> bool:
    """Whether KServe has made the pod for that InferenceService: what controls it is named after it."""
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner.get("controller") and str(owner.get("name")).startswith(f"{service}-") for owner in owners)


def _add_rest(tree: Tree, picture: Picture, drawn: set[str], now: Moment) -> None:
    """Pods of revisions that the status does not name (any more)."""
    rest = [pod for pod in picture.pods if _revision_of(pod) not in drawn]
    if not rest:
        return
    branch = tree.add(Text("not in the status", style="yellow"))
    for pod in rest:
        branch.add(_pod_line(pod, now))


def _revision_of(pod: Body) -> str:
    return str((pod["metadata"].get("labels") or {}).get(names.LABEL_REVISION, ""))


def _pods_of(picture: Picture, revision: str) -> list[Body]:
    found = [pod for pod in picture.pods if _revision_of(pod) == revision]
    return sorted(found, key=lambda pod: (pod["metadata"].get("creationTimestamp", ""), pod["metadata"]["name"]))


def _service_state(found: Sequence[Body]) -> Text:
    if not found:
        return Text("not there", style="red")
    conditions = (found[0].get("status") or {}).get("conditions") or []
    ready: Body = next((item for item in conditions if item.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return Text("ready", style="green")
    reason = ready.get("reason") or ready.get("message")
    return Text(f"not ready ({reason})" if reason else "not ready", style="yellow")


def _pod_line(pod: Body, now: Moment) -> Text:
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    ready = sum(bool(item.get("ready")) for item in containers)
    restarts = sum(int(item.get("restartCount", 0)) for item in containers)
    state, good = _pod_state(metadata, status)
    line = Text.assemble(("Pod ", "dim"), metadata["name"], "  ", (state, "green" if good else "yellow"))
    line.append(f"  {ready}/{len(containers)}")
    line.append(f"  {restarts} restart{'' if restarts == 1 else 's'}", style="red" if restarts else "dim")
    return line.append(f"  {age(created_at(metadata), now)}", style="dim")


def _pod_state(metadata: Body, status: Body) -> tuple[str, bool]:
    """What a pod is about, in one word, and whether it is ready: the reason why it waits before its phase."""
    if metadata.get("deletionTimestamp"):
        return "Terminating", False
    conditions = status.get("conditions") or []
    if any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions):
        return "ready", True
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    for container in containers:
        state = container.get("state") or {}
        reason = (state.get("waiting") or {}).get("reason") or (state.get("terminated") or {}).get("reason")
        if reason and reason != "Completed":
            return str(reason), False
    unschedulable: Body = next((item for item in conditions if item.get("type") == "PodScheduled"), {})
    if unschedulable.get("status") == "False":
        return str(unschedulable.get("reason") or "Unschedulable"), False
    phase = str(status.get("reason") or status.get("phase") or "Pending")
    return ("not ready" if phase == "Running" else phase), False
