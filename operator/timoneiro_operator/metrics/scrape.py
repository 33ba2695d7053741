"""The Scrape source: reads the ready pods of both arms itself.

Guarantees: a window is returned only when every ready pod of both arms has answered; another weight or another pair
begins with new marks, so that no window straddles a change; a window that could not be recorded (the status was not
written) is returned again, longer, and one that was recorded never is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp

from timoneiro_operator.decide.decide import Arms
from timoneiro_operator.decide.observation import Metrics
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

    def commit(self, key: Key, reading: Reading | None) -> None:
        """What was read is on record (None: nothing is to be read): the next window begins there."""
        if reading is None:
            self._readings.pop(key, None)
        else:
            self._readings[key] = reading

    async def read(
        self,
        key: Key,
        arms: Arms,
        targets: Mapping[str, Sequence[Target]],
        *,
        interval: float,
        now: float,
    ) -> tuple[Metrics, Reading]:
        """Counts since the last committed look, when `interval` seconds have passed; `targets` by InferenceService."""
        last = self._readings.get(key)
        if last is None or last.arms != arms:
            last = Reading(arms=arms, looked_at=float("-inf"))
        if now - last.looked_at < interval:
            return Metrics(problem=last.problem), last
        stable, candidate = await asyncio.gather(
            self._read_all(targets.get(arms.stable, ())), self._read_all(targets.get(arms.candidate, ()))
        )
        problem = stable if isinstance(stable, tuple) else candidate if isinstance(candidate, tuple) else None
        if isinstance(stable, tuple) or isinstance(candidate, tuple):
            kept = Reading(
                arms=arms,
                looked_at=now,
                stable=last.stable,
                candidate=last.candidate,
                marked=last.marked,
                problem=problem,
            )
            return Metrics(problem=problem), kept
        stable_counts, stable_marks = advance(last.stable, stable)
        candidate_counts, candidate_marks = advance(last.candidate, candidate)
        reading = Reading(arms=arms, looked_at=now, stable=stable_marks, candidate=candidate_marks, marked=True)
        if not last.marked:
            return Metrics(), reading
        window = Window(candidate=candidate_counts, stable=stable_counts)
        return Metrics(windows={"errors": window}, window_end=now), reading

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
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as response:
                if response.status != 200:
                    return "ScrapeFailed", f"pod {target.name} answers {self._profile.path} with {response.status}"
                body = await response.content.read(_LARGEST_EXPOSITION)
            return self._profile.read(body.decode("utf-8", errors="replace"))
        except NoSeries as error:
            return "NoSeries", f"pod {target.name}: {error}"
        except TimeoutError:
            return "ScrapeFailed", f"pod {target.name} did not answer within {TIMEOUT_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return "ScrapeFailed", f"pod {target.name} cannot be read: {type(error).__name__}"
        except ValueError as error:
            return "ScrapeFailed", f"pod {target.name} shows no valid exposition: {error}"
