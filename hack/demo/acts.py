"""The four releases of the demo: what is published, and what has to become of it."""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from demo.load import Load, Row, Tally
from demo.platform import BUCKET, ROOT, apply, environment, s3
from demo.report import Act
from demo.view import LiveView
from demo.watch import Seen, Watch
from localcluster.cluster import Cluster

NAME, HOST = "diagnosis", "diagnosis.models.example.com"
RATE = 60.0
# A line of the pipeline's summary that is about a step, and not about where files are.
_STEP = re.compile(r"^\S+ +[0-9.]+ s\b")
DEFINITION = ROOT / "pipelines/examples/diagnosis/training.yaml"


class DemoError(Exception):
    """The demo cannot go on; the message is a sentence."""


@dataclass
class DemoStage:
    """All that the acts share."""

    cluster: Cluster
    view: LiveView
    watch: Watch
    load: Load
    runs: Path

    async def train(self, version: str, *settings: str) -> None:
        """Runs the Kubeflow pipeline, which ends by publishing the model as `version`."""
        command = [sys.executable, "-m", "timoneiro_operator.cli.main", "training", "run", str(DEFINITION), "--publish"]
        arguments = [f"--version={version}", *(f"--set=spec.{setting}" for setting in settings)]
        process = await asyncio.create_subprocess_exec(
            *command,
            *arguments,
            f"--root={self.runs}",
            env=environment(self.cluster),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        lines: list[str] = []
        assert process.stdout is not None
        async for line in process.stdout:
            lines.append(line.decode(errors="replace").rstrip())
            if _STEP.match(lines[-1]):
                self.view.pipeline(lines[-1])
        if await process.wait() != 0:
            raise DemoError(f"the pipeline failed for version {version}: {lines[-1] if lines else 'no output'}")

    def publish_broken(self, version: str, *, like: str) -> None:
        """Publishes a copy of version `like` whose model file lost its end, under the digest of the whole."""
        store, prefix = s3(self.cluster), f"{NAME}/{like}/"
        for entry in store.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]:
            content = store.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            name = entry["Key"].removeprefix(prefix)
            if name == "model.skops":
                content = content[: len(content) // 2]
            store.put_object(Bucket=BUCKET, Key=f"{NAME}/{version}/{name}", Body=content)
        body = self.cluster.get("modeldeployment", NAME)
        model = {**body["spec"]["model"], "uri": f"s3://{BUCKET}/{NAME}/{version}/", "version": version}
        meta = {"name": NAME, "namespace": "default"}
        wish = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": meta, "spec": {"model": model}}
        apply(self.cluster, wish, manager="timoneiro-pipeline")


@dataclass(frozen=True, kw_only=True)
class DemoRelease:
    """One act as it is written down."""

    title: str
    story: str
    version: str
    expected: str
    seconds: float
    publish: Callable[[DemoStage], Awaitable[None]]


async def _better(stage: DemoStage) -> None:
    await stage.train("2", "model.algorithm=LogisticRegression")


async def _wrong_in_production(stage: DemoStage) -> None:
    await stage.train("3", "model.algorithm=LogisticRegression", "model.impute=false", "package.rehearse=false")


async def _broken(stage: DemoStage) -> None:
    stage.publish_broken("4", like="3")


RELEASES = (
    DemoRelease(
        title="Version 2: a better model",
        story="Trained with better settings. It gets a fifth of the traffic, then half, and is promoted once the "
        "evidence says that it is not worse.",
        version="2",
        expected="Promoted",
        seconds=150,
        publish=_better,
    ),
    DemoRelease(
        title="Version 3: good on paper, wrong in production",
        story="Somebody was in a hurry and left out the rehearsal in the model server. It passes every test on "
        "historical data, where no value is missing. Real requests leave values out, and it fails on those. The "
        "evidence rolls it back.",
        version="3",
        expected="RolledBack",
        seconds=150,
        publish=_wrong_in_production,
    ),
    DemoRelease(
        title="Version 4: does not load",
        story="Its model file was cut short on the way to the store. The model server compares the digest and refuses "
        "it, so that it never gets a request.",
        version="4",
        expected="RolledBack",
        seconds=90,
        publish=_broken,
    ),
)


async def play(stage: DemoStage, release: DemoRelease) -> Act:
    """One act: publish, then wait for the outcome, whatever it is."""
    stage.view.act(release.title)
    began, before, first = time.monotonic(), stage.load.sent, len(stage.watch.seen)
    await release.publish(stage)
    with contextlib.suppress(TimeoutError):
        await stage.watch.until(
            f"the end of the rollout of version {release.version}",
            lambda seen: seen.phase in ("Healthy", "RolledBack") and _ended(stage, release.version) is not None,
            seconds=release.seconds,
        )
    # A little longer, so that the picture shows where the traffic went.
    await asyncio.sleep(2)
    entry = _ended(stage, release.version) or {}
    seen = stage.watch.seen[first:]
    rollout = _trimmed(seen, release.version)
    return Act(
        title=release.title,
        story=release.story,
        version=release.version,
        expected=release.expected,
        outcome=entry.get("outcome", "Undecided"),
        reason=entry.get("reason", seen[-1].message if seen else ""),
        seconds=time.monotonic() - began,
        highest_weight=max((look.weight for look in rollout), default=0),
        tally=await stage.load.closed(since=before),
        seen=rollout,
    )


def _ended(stage: DemoStage, version: str) -> dict[str, Any] | None:
    """The entry of the history about `version`, once its rollout has ended."""
    body = stage.cluster.get("modeldeployment", NAME)
    history = (body.get("status") or {}).get("history") or []
    return next((entry for entry in reversed(history) if entry.get("version") == version), None)


def _trimmed(seen: list[Seen], version: str) -> list[Seen]:
    """From when the candidate appeared to a little after it was decided: what is worth a picture."""
    first = next((i for i, look in enumerate(seen) if look.candidate == version), 0)
    # Once it is the stable model it is nobody's candidate any more, and has all the traffic but what is held back.
    return [replace(look, weight=100 - look.former) if look.stable == version else look for look in seen[first:]]


async def first_model(stage: DemoStage) -> Act:
    """Version 1 goes live: there is nothing to compare it with, and no traffic yet."""
    title = "Version 1: the first model goes live"
    stage.view.act(title)
    began = time.monotonic()
    await stage.train("1", "model.algorithm=HistGradientBoosting")
    await stage.watch.until("version 1", lambda seen: seen.phase == "Healthy" and seen.stable == "1", seconds=120)
    return Act(
        title=title,
        story="A Kubeflow pipeline trains it, checks it and publishes it. It serves as soon as it is ready.",
        version="1",
        expected="Promoted",
        outcome="Promoted",
        reason="first revision",
        seconds=time.monotonic() - began,
        highest_weight=100,
        tally=Tally(),
        seen=(),
    )


def production_rows() -> list[Row]:
    """Rows that no model was trained on, as production sends them: one in eight leaves a measurement out."""
    # pandas takes a second.
    from timoneiro_components.definition.reading import read_training  # noqa: PLC0415
    from timoneiro_components.features.rows import features_of  # noqa: PLC0415
    from timoneiro_components.sources.table import read_source  # noqa: PLC0415
    from timoneiro_components.tables import frame_of, take_rows  # noqa: PLC0415

    training = read_training(DEFINITION)
    held, _ = take_rows(read_source(training).table, training.spec.split.holdout_rows, training, purpose="holdout")
    rows: list[Row] = features_of(frame_of(held), training).to_numpy().tolist()
    return [
        [None if i == 0 else value for i, value in enumerate(row)] if n % 8 == 7 else row for n, row in enumerate(rows)
    ]
