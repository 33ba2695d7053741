"""The Scrape source: reads the ready pods of both arms itself.

Guarantees: a window is returned only when every ready pod of both arms has answered; another weight or another pair
begins with new marks, so that no window straddles a change; a window that could not be recorded (the status was not
written) is returned again, longer, and one that was recorded never is.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import aiohttp

from timoneiro_operator.api.duration import parse_duration
from timoneiro_operator.api.spec import Source as SourceSpec
from timoneiro_operator.api.status import to_text
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.look import ArmTargets, Key, Look, Target
from timoneiro_operator.metrics.problem import Problem
from timoneiro_operator.metrics.samples import NoSeries, Sample
from timoneiro_operator.metrics.windows import ArmCounts, find_bounds, metrics_of, standing

TIMEOUT_SECONDS = 5.0
_LARGEST_EXPOSITION = 4 * 1024 * 1024

ArmMarks = Mapping[str, Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of the source for one ModelDeployment after a look."""

    arms: Arms
    looked_at: float
    # When the marks were taken: the window begins there, however many looks have failed since.
    marked_at: float | None = None
    stable: ArmMarks = field(default_factory=dict)
    candidate: ArmMarks = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    problem: tuple[str, str] | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


class ScrapeSource:
    """Counts of pairs of arms, by ModelDeployment."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._readings: dict[Key, Reading] = {}
        # Readings whose window was handed out, until the status tells whether it was recorded.
        self._pending: dict[Key, Reading] = {}

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._readings.pop(key, None)
        self._pending.pop(key, None)

    async def read(self, look: Look) -> Metrics:
        """Counts since the last recorded look, once an interval has passed; before, what stands in the way."""
        key, now = look.key, look.now
        pending = self._pending.pop(key, None)
        if pending is not None and look.recorded == to_text(pending.looked_at):
            self._readings[key] = pending
        last = self._readings.get(key)
        if last is None or last.arms != look.arms:
            last = Reading(arms=look.arms, looked_at=float("-inf"))
        if now - last.looked_at < look.interval:
            return Metrics(problem=last.problem, problems=last.problems)
        source = look.analysis.source
        stable, candidate = await asyncio.gather(
            self._read_all(look.stable, source, last), self._read_all(look.candidate, source, last)
        )
        for answer in (stable, candidate):
            if isinstance(answer, Problem):
                self._readings[key] = replace(last, looked_at=now, problem=answer)
                return Metrics(problem=answer)
        assert not isinstance(stable, Problem)
        assert not isinstance(candidate, Problem)
        samples = [*stable.values(), *candidate.values()]
        bounds, problems = find_bounds(look.analysis, look.bounds, samples, stable.values())
        stable_counts, stable_marks = advance(last.stable, stable)
        candidate_counts, candidate_marks = advance(last.candidate, candidate)
        reading = Reading(
            arms=look.arms,
            looked_at=now,
            marked_at=now,
            stable=stable_marks,
            candidate=candidate_marks,
            restarts={pod.uid: pod.restarts for pod in (*look.stable.pods, *look.candidate.pods)},
            problem=standing(look.analysis, problems),
            problems=problems,
        )
        if last.marked_at is None:
            self._readings[key] = reading
            return Metrics(bounds=bounds, problem=reading.problem, problems=problems)
        self._pending[key] = reading
        metrics = metrics_of(
            look.analysis,
            look.bounds,
            candidate=ArmCounts(pods=candidate_counts),
            stable=ArmCounts(pods=stable_counts),
            end=now,
            seconds=now - last.marked_at,
            problems=problems,
        )
        return replace(metrics, bounds=bounds)

    async def _read_all(self, arm: ArmTargets, source: SourceSpec, last: Reading) -> dict[str, Sample] | Problem:
        """Samples by pod uid, or why there are none, by the first pod that did not answer."""
        results = await asyncio.gather(*(self._read_one(pod, arm, source) for pod in arm.pods))
        samples: dict[str, Sample] = {}
        marks = {**last.stable, **last.candidate}
        for pod, result in zip(arm.pods, results, strict=True):
            if isinstance(result, Problem):
                return result
            mark = marks.get(pod.uid)
            if mark is not None and _another_process(mark.sample, result, pod, last.restarts):
                return Problem(
                    "SeveralProcesses",
                    f"pod {pod.name} answers from several processes in turn, each with counters of its own: run one "
                    "worker in each pod and more replicas instead, or let the server share its metrics",
                )
            samples[pod.uid] = result
        return samples

    async def _read_one(self, pod: Target, arm: ArmTargets, source: SourceSpec) -> Sample | Problem:
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        path = source.path or arm.profile.path
        url = f"http://{host}:{source.port or arm.profile.port}{path}"
        seconds = min(TIMEOUT_SECONDS, parse_duration(source.timeout))
        try:
            # Redirects are not followed: a pod must not choose what the operator reads.
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    return Problem("ScrapeFailed", f"pod {pod.name} answers {path} with {response.status}")
                body = bytearray()
                async for chunk in response.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > _LARGEST_EXPOSITION:
                        return Problem(
                            "ScrapeFailed", f"pod {pod.name} shows more than {_LARGEST_EXPOSITION} bytes of metrics"
                        )
            if not body.endswith(b"\n"):
                return Problem("ScrapeFailed", f"pod {pod.name} shows metrics that are cut off")
            return arm.profile.read(body.decode("utf-8", errors="replace"))
        except NoSeries as error:
            return Problem("NoSeries", f"pod {pod.name}: {error}")
        except TimeoutError:
            return Problem("ScrapeFailed", f"pod {pod.name} did not answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Problem("ScrapeFailed", f"pod {pod.name} cannot be read: {type(error).__name__}")
        except ValueError:
            # Without the parser's words: they quote what it read, and that is for nobody to see.
            return Problem("ScrapeFailed", f"pod {pod.name} shows no valid exposition at {path}")


def _another_process(before: Sample, now: Sample, pod: Target, restarts: Mapping[str, int]) -> bool:
    """Another process answers, and Kubernetes has restarted nothing: workers that answer in turn.

    Their counters have nothing to do with each other, and the difference of two of them is no count.
    """
    changed = before.started is not None and now.started is not None and before.started != now.started
    return changed and restarts.get(pod.uid) == pod.restarts
