"""ModelDeployments in the states that people meet, and a cluster that is none."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from timoneiro_operator.api import names
from timoneiro_operator.api.command import parse_command
from timoneiro_operator.api.deployment import parse
from timoneiro_operator.api.kinds import Body, Kind
from timoneiro_operator.api.times import moment, read_moment, text_of
from timoneiro_operator.cli.commands import shell
from timoneiro_operator.cli.commands.cluster import Listed
from timoneiro_operator.cli.commands.waiting import Clock
from timoneiro_operator.cli.errors import NOT_FOUND, CliError
from timoneiro_operator.cli.main import main

START = read_moment("2026-11-24T10:00:00Z").timestamp()


class Bodies:
    """Builds the API object of the deployment `fraud`: version 1 is stable, version 2 is what the spec wants."""

    now = START

    def __init__(self) -> None:
        self.first = self.revision("1")
        self.second = self.revision("2")

    def at(self, seconds: float) -> str:
        """The time `seconds` after now, as the status has it."""
        return text_of(moment(self.now + seconds))

    def spec(self, version: str | None = "2", **parts: Any) -> dict[str, Any]:
        spec = {"route": {"hostnames": ["fraud.example.com"]}, "model": self.model(version), **parts}
        return {key: value for key, value in spec.items() if value is not None}

    def model(self, version: str | None) -> dict[str, Any] | None:
        if version is None:
            return None
        return {"format": {"name": "sklearn"}, "uri": f"s3://models/fraud/{version}", "version": version}

    def body(self, *, spec: dict[str, Any] | None = None, generation: int = 3, **status: Any) -> dict[str, Any]:
        if status:
            status = {"observedGeneration": generation, **status}
        return {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": {
                "name": "fraud",
                "namespace": "models",
                "uid": "u-1",
                "generation": generation,
                "resourceVersion": "7",
                "creationTimestamp": self.at(-86400 * 12),
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": self.spec() if spec is None else spec,
            "status": status,
        }

    def revision(self, version: str) -> str:
        found = parse(self.body(spec=self.spec(version))).revision
        assert found is not None
        return found

    def part(self, version: str, **more: Any) -> dict[str, Any]:
        """A stable or candidate revision."""
        revision = self.revision(version)
        return {
            "revision": revision,
            "inferenceService": f"fraud-{revision}",
            "uri": f"s3://models/fraud/{version}",
            "version": version,
            **more,
        }

    def candidate(self, **more: Any) -> dict[str, Any]:
        return self.part(
            "2",
            ready=True,
            startedAt=self.at(-900),
            progressDeadline=self.at(-300),
            deadline=self.at(3600),
            **more,
        )

    def step(self, **more: Any) -> dict[str, Any]:
        """The second of four steps, 100 s after its start and 500 s before its end."""
        return {
            "kind": "Weight",
            "index": 1,
            "count": 4,
            "weight": 25,
            "seconds": 600.0,
            "startedAt": self.at(-100),
            "notBefore": self.at(500),
            **more,
        }

    def metric(self, **more: Any) -> dict[str, Any]:
        return {
            "name": "errors",
            "verdict": "Undecided",
            "ratio": {"estimate": 1.234, "lower": 0.7, "upper": 2.1},
            "candidate": {"requests": 1204, "events": 12},
            "stable": {"requests": 3600, "events": 30},
            "evidence": {"worse": 3.2, "notWorse": 1.1},
            **more,
        }

    def analysis(self, *metrics: dict[str, Any]) -> dict[str, Any]:
        return {"candidate": self.second, "stable": self.first, "metrics": list(metrics) or [self.metric()]}

    def condition(self, kind: str, status: str, reason: str, message: str, **more: Any) -> dict[str, Any]:
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": self.at(-120),
            "observedGeneration": 3,
            **more,
        }

    def snapshot(self, version: str, stable_since: float | None = None) -> dict[str, Any]:
        entry = {"revision": self.revision(version), "model": self.model(version), "predictor": {}}
        return entry if stable_since is None else {**entry, "stableSince": self.at(stable_since)}

    def rejected(self, version: str = "2", reason: str = "errors 2.3x [1.4, 3.9]: worse") -> dict[str, Any]:
        return {"revision": self.revision(version), "at": self.at(-300), "reason": reason, "version": version}

    def record(self, id: str, **more: Any) -> dict[str, Any]:
        return {
            "id": id,
            "action": "abort",
            "revision": self.second,
            "by": "ada",
            "at": self.at(-5),
            "outcome": "Done",
            "message": "version 2 is rolled back",
            **more,
        }

    def rolling(self, *, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
        """In the second of four steps."""
        return self.body(
            spec=spec,
            **{
                "phase": "Progressing",
                "message": "25 % of the traffic for at least 10 min",
                "stable": self.part("1", ready=True, since=self.at(-86400)),
                "candidate": self.candidate(),
                "step": self.step(),
                "traffic": {"desired": {"stable": 75, "candidate": 25}, "accepted": True},
                "analysis": self.analysis(),
                "revisions": [self.snapshot("1", -86400), self.snapshot("2")],
                **status,
            },
        )

    def healthy(self, *, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
        """Version 2 has been promoted; version 1 is known, and not warm any more."""
        return self.body(
            spec=spec,
            **{
                "phase": "Healthy",
                "message": "version 2 serves all traffic",
                "stable": self.part("2", ready=True, since=self.at(-7200)),
                "revisions": [self.snapshot("1", -86400), self.snapshot("2", -7200)],
                **status,
            },
        )

    def held_back(self, **status: Any) -> dict[str, Any]:
        """Version 2 was promoted ten minutes ago, and version 1 keeps a tenth of the traffic for another twenty."""
        step = self.step(kind="Holdback", index=4, count=4, weight=90, notBefore=self.at(1200))
        return self.healthy(
            **{
                "stable": self.part("2", ready=True, since=self.at(-600)),
                "step": step,
                "traffic": {"desired": {"stable": 90, "candidate": 0, "former": 10}, "accepted": True},
                "analysis": self.analysis(),
                "retiring": [{**self.part("1"), "was": "Stable", "deleteAt": self.at(1230), "listed": True}],
                **status,
            }
        )

    def rolled_back(self, **status: Any) -> dict[str, Any]:
        """Version 2 was worse; version 1 serves."""
        return self.body(
            **{
                "phase": "RolledBack",
                "message": "version 2 was rolled back: errors 2.3x [1.4, 3.9]: worse",
                "stable": self.part("1", ready=True, since=self.at(-86400)),
                "rejected": [self.rejected()],
                "revisions": [self.snapshot("1", -86400)],
                **status,
            },
        )


class FakeCluster:
    """One deployment, whose reads can be scripted; what is written is kept."""

    namespace = "models"

    def __init__(self, *reads: Body | CliError) -> None:
        self.reads: list[Body | CliError] = list(reads)
        self.parts: dict[Kind, list[Body] | CliError] = {"InferenceService": [], "Pod": [], "HTTPRoute": []}
        # What belongs to nobody, by kind and name, and pods by their InferenceService.
        self.objects: dict[tuple[Kind, str], Body] = {}
        self.pods: dict[str, list[Body]] = {}
        self.applied: list[tuple[Body, str]] = []
        # Versions that were to be released, of which the first ones are those of somebody else by now.
        self.released: list[str] = []
        self.conflicts = 0
        # Commands, and who asks for them.
        self.written: list[tuple[str, str]] = []
        self.answer: Callable[[str], dict[str, Any]] | None = None
        self.everywhere = False
        # What is at each path of the API server: texts one after the other, the last one for ever.
        self.texts: dict[str, list[str]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def get(self, name: str) -> Body:
        """The next of the reads; the last one for ever, with the answer to what was written in it."""
        read = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if isinstance(read, CliError):
            raise read
        if read["metadata"]["name"] != name:
            raise CliError(f"there is no modeldeployments.timoneiro.dev '{name}'", code=NOT_FOUND)
        if not self.written or self.answer is None:
            return read
        record = self.answer(parse_command(*self.written[-1]).id)
        return {**read, "status": {**read["status"], "commands": [record]}}

    def named(self, kind: Kind, name: str) -> Body:
        if kind == "ModelDeployment":
            return self.get(name)
        if (kind, name) not in self.objects:
            raise CliError(f"there is no {kind} '{name}'", code=NOT_FOUND)
        return self.objects[kind, name]

    def pods_of(self, service: str) -> "list[Body]":
        return self.pods.get(service, [])

    def apply(self, body: Body, *, manager: str) -> None:
        self.applied.append((body, manager))

    def release(self, body: Body) -> bool:
        self.released.append(body["metadata"]["resourceVersion"])
        return len(self.released) > self.conflicts

    def list(self, *, everywhere: bool) -> "list[Body]":
        self.everywhere = everywhere
        return [read for read in self.reads if not isinstance(read, CliError)]

    def part(self, kind: Kind, name: str) -> Listed:
        if kind == "ModelDeployment":
            return Listed(items=[self.get(name)], version="7")
        found = self.parts[kind]
        if isinstance(found, CliError):
            raise found
        return Listed(items=found, version="7")

    def changes(self, kind: Kind, name: str, version: str) -> Iterator[tuple[str, Body]]:
        yield from ()

    def command(self, name: str, text: str, *, by: str) -> None:
        self.written.append((text, by))

    def user(self) -> str:
        return "ada"

    def text(self, path: str, query: dict[str, str]) -> str:
        self.asked.append((path, dict(query)))
        found = self.texts.get(path)
        if not found:
            raise CliError(f"{path} answers with 404: not found")
        return found.pop(0) if len(found) > 1 else found[0]


@pytest.fixture
def md() -> Bodies:
    return Bodies()


@pytest.fixture
def fake_cluster() -> type[FakeCluster]:
    return FakeCluster


@pytest.fixture
def run(md, monkeypatch, capsys):
    """Runs the program against a cluster; gives exit code, stdout and stderr. No time is waited."""
    time = [md.now]

    def sleep(seconds: float) -> None:
        time[0] += seconds

    monkeypatch.setattr(shell, "clock", lambda: Clock(now=lambda: moment(time[0]), sleep=sleep))
    monkeypatch.setattr(sys, "argv", ["timoneiro"])

    def run(cluster, *arguments):
        def connect(target):
            if isinstance(cluster, CliError):
                raise cluster
            return cluster

        monkeypatch.setattr(shell, "cluster_of", connect)
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return run
