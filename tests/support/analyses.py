"""Analyses of a rollout from revision a to b, folded from counts that a test makes up."""

from typing import Any

import msgspec

from support.fake_world import EPOCH
from timoneiro_judge.counts import Counts, Window
from timoneiro_operator.api.analysis_spec import Analysis
from timoneiro_operator.api.analysis_status import AnalysisStatus
from timoneiro_operator.api.spec_struct import read
from timoneiro_operator.api.status import Candidate, Stable, Status, Step
from timoneiro_operator.api.times import moment
from timoneiro_operator.decide.analysis import fold
from timoneiro_operator.decide.observation import Metrics

WINDOW_SECONDS = 30.0
STEP = Step(kind="Weight", index=0, count=2, weight=10, seconds=600, started_at=moment(EPOCH - 60))


def analysis(*metrics: dict[str, Any], **more: Any) -> Analysis:
    """`spec.analysis` with these metrics; with `errors` if there are none."""
    return msgspec.convert({"metrics": list(metrics) or [{"name": "errors"}], **more}, Analysis, dec_hook=read)


def in_a_step(kept: AnalysisStatus | None = None, step: Step = STEP) -> Status:
    """A status in `step` of the rollout."""
    stable = Stable(revision="a", inference_service="f-a", uri="s3://1")
    candidate = Candidate(revision="b", inference_service="f-b", uri="s3://2")
    return Status(stable=stable, candidate=candidate, step=step, analysis=kept)


def window(n_c: int, e_c: int, n_s: int, e_s: int) -> Window:
    """Requests and events of the candidate, and of the stable model."""
    return Window(candidate=Counts(requests=n_c, events=e_c), stable=Counts(requests=n_s, events=e_s))


def looks(*windows: dict[str, Window], **first: Any) -> list[Metrics]:
    """A first look that marks, and then a window every 30 s."""
    return [Metrics(**first), *windows_in_a_row(*windows)]


def looks_at(*errors: Window) -> list[Metrics]:
    """Windows of the metric `errors` in a row."""
    return windows_in_a_row(*({"errors": one} for one in errors))


def windows_in_a_row(*windows: dict[str, Window]) -> list[Metrics]:
    """Windows by metric, 30 s each, without a look before them."""
    return [
        Metrics(windows=one, window_end=EPOCH + WINDOW_SECONDS * number, seconds=WINDOW_SECONDS)
        for number, one in enumerate(windows, 1)
    ]


def folded(spec: Analysis, *seen: Metrics, step: Step = STEP) -> AnalysisStatus:
    """What the status keeps after these looks."""
    kept: AnalysisStatus | None = None
    for metrics in seen:
        kept = fold(in_a_step(kept, step), "b", "a", spec, metrics).analysis
    assert kept is not None
    return kept
