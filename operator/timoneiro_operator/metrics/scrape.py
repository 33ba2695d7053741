"""The Scrape source: reads the ready pods of both arms itself.

Guarantees: a window is returned only when every ready pod of both arms has answered; another weight or another pair
begins with new marks, so that no window straddles a change; a window that could not be recorded (the status was not
written) is returned again, longer, and one that was recorded never is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import aiohttp

from timoneiro_operator.api.status import to_text
from timoneiro_operator.decide.observation import Metrics
from timoneiro_operator.decide.steps import Arms
from timoneiro_operator.judge.comparison import Window
from timoneiro_operator.metrics.deltas import Mark, advance
from timoneiro_operator.metrics.profiles import KSERVE, NoSeries, Profile, Sample

TIMEOUT_SECONDS = 5.0
_LARGEST_EXPOSITION = 4 * 1024 * 1024

Key = tuple[str, str]
ArmMarks = Mapping[str, Mark]


class Target(NamedTuple):
    """A pod to read: its uid (a pod of the same name may be another one), its name and its address."""

    uid: str
    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of the source for one ModelDeployment after a look."""

    arms: Arms
    looked_at: float
    stable: ArmMarks = field(default_factory=dict)
    candidate: ArmMarks = field(default_factory=dict)
    # Marks are missing until both arms have answered for the first time.
    marked: bool = False
    problem: tuple[str, str] | None = None


class ScrapeSource:
    """Counts of pairs of arms, by ModelDeployment."""

    def __init__(self, session: aiohttp.ClientSession, profile: Profile = KSERVE) -> None:
        self._session = session
        self._profile = profile
        self._readings: dict[Key, Reading] = {}
        # Readings whose window was handed out, until the status tells whether it was recorded.
        self._pending: dict[Key, Reading] = {}

    def forget(self, key: Key) -> None:
        """Nothing is compared there any more."""
        self._readings.pop(key, None)
        self._pending.pop(key, None)

    async def read(
        self,
        key: Key,
        arms: Arms,
        targets: Mapping[str, Sequence[Target]],
        *,
        interval: float,
        now: float,
        recorded: str | None,
    ) -> Metrics:
        """Counts since the last recorded look, when `interval` seconds have passed; `targets` by revision.

        `recorded` is `lastWindowEnd` of the status as it is now: only what stands there has been counted, whatever
        became of the pass that was to write it.
        """
        pending = self._pending.pop(key, None)
        if pending is not None and recorded == to_text(pending.looked_at):
            self._readings[key] = pending
        last = self._readings.get(key)
        if last is None or last.arms != arms:
            last = Reading(arms=arms, looked_at=float("-inf"))
        if now - last.looked_at < interval:
            return Metrics(problem=last.problem)
        stable, candidate = await asyncio.gather(
            self._read_all(targets.get(arms.stable, ())), self._read_all(targets.get(arms.candidate, ()))
        )
        if isinstance(stable, tuple) or isinstance(candidate, tuple):
            problem = stable if isinstance(stable, tuple) else candidate
            assert isinstance(problem, tuple)
            self._readings[key] = replace(last, looked_at=now, problem=problem)
            return Metrics(problem=problem)
        stable_counts, stable_marks = advance(last.stable, stable)
        candidate_counts, candidate_marks = advance(last.candidate, candidate)
        reading = Reading(arms=arms, looked_at=now, stable=stable_marks, candidate=candidate_marks, marked=True)
        if not last.marked:
            self._readings[key] = reading
            return Metrics()
        self._pending[key] = reading
        window = Window(candidate=candidate_counts, stable=stable_counts)
        return Metrics(windows={"errors": window}, window_end=now)

    async def _read_all(self, targets: Sequence[Target]) -> dict[str, Sample] | tuple[str, str]:
        """Samples by pod uid, or reason and sentence of the first pod that did not answer."""
        results = await asyncio.gather(*(self._read_one(target) for target in targets))
        samples: dict[str, Sample] = {}
        for target, result in zip(targets, results, strict=True):
            if isinstance(result, tuple):
                return result
            samples[target.uid] = result
        return samples

    async def _read_one(self, target: Target) -> Sample | tuple[str, str]:
        host = f"[{target.address}]" if ":" in target.address else target.address
        url = f"http://{host}:{self._profile.port}{self._profile.path}"
        try:
            # Redirects are not followed: a pod must not choose what the operator reads.
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    return "ScrapeFailed", f"pod {target.name} answers {self._profile.path} with {response.status}"
                body = bytearray()
                async for chunk in response.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > _LARGEST_EXPOSITION:
                        return (
                            "ScrapeFailed",
                            f"pod {target.name} shows more than {_LARGEST_EXPOSITION} bytes of metrics",
                        )
            if not body.endswith(b"\n"):
                return "ScrapeFailed", f"pod {target.name} shows metrics that are cut off"
            return self._profile.read(body.decode("utf-8", errors="replace"))
        except NoSeries as error:
            return "NoSeries", f"pod {target.name}: {error}"
        except TimeoutError:
            return "ScrapeFailed", f"pod {target.name} did not answer within {TIMEOUT_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return "ScrapeFailed", f"pod {target.name} cannot be read: {type(error).__name__}"
        except ValueError:
            # Without the parser's words: they quote what it read, and that is for nobody to see.
            return "ScrapeFailed", f"pod {target.name} shows no valid exposition at {self._profile.path}"
