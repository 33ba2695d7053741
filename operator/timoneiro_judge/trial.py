"""One candidate against one stable model, judged by one metric: the judge as a notebook uses it."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from timoneiro_judge.comparison import Comparison
from timoneiro_judge.counts import Counts, Dispersion, Limits, Window
from timoneiro_judge.forecast import Stage, forecast, preflight
from timoneiro_judge.text import decode, encode
from timoneiro_judge.verdict import Part, Verdict, judge

# Columns of a table of counts, one row a window.
COLUMNS = ("candidate_requests", "candidate_events", "stable_requests", "stable_events")
_METRIC = "the metric"
# A row can be no larger than what a double counts exactly.
_LARGEST_COUNT = 2**53
_DEFAULTS = Limits()
# Beyond it, an error is likelier than the truth.
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Ratio:
    """Rate of the candidate divided by rate of the stable model, and its 95 % confidence sequence.

    Valid at every look at once; None: the counts do not bound it on that side yet.
    """

    estimate: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """e-values: 100 for `worse` is what luck alone would ever show for one harmless candidate of 100 at most."""

    worse: float
    not_worse: float


@dataclass(frozen=True, slots=True)
class Needs:
    """About how many more requests to the candidate until each verdict.

    0: it is reached. None: the counts so far do not lead there. A forecast, and no promise.
    """

    worse: float | None
    not_worse: float | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Trial:
    """Counts so far, and what follows from them. Frozen: `add` returns the next one.

    A harmless candidate (`limits`) ever gets the verdict Worse with a probability of at most `false_rollback`, and a
    harmful one the verdict NotWorse with at most `false_promotion`, however often it is checked. `dispersion`: E[X^2] /
    E[X] of the events X that come together, 1 where each comes by itself; evidence counts 1 / dispersion.
    Raises ValueError that names a setting which is out of its range.
    """

    limits: Limits = _DEFAULTS
    false_rollback: float = 0.01
    false_promotion: float = 0.05
    dispersion: float = 1.0
    # All windows so far, folded; None before the first one.
    counted: Comparison | None = None

    def __post_init__(self) -> None:
        for name in ("false_rollback", "false_promotion"):
            value = getattr(self, name)
            if not 0 < value < _HALF:
                raise ValueError(f"{name} is {value}: it must be above 0 and below {_HALF}")
        if not 1 <= self.dispersion < math.inf:
            raise ValueError(f"dispersion is {self.dispersion}: it must be at least 1")
        limits = self.limits
        if not 0 <= limits.tolerance < limits.margin < math.inf:
            raise ValueError(f"tolerance is {limits.tolerance} and margin {limits.margin}: 0 <= tolerance < margin")
        if not 0 < limits.negligible < 1:
            raise ValueError(f"negligible is {limits.negligible}: it must be above 0 and below 1")

    def __repr__(self) -> str:
        """What a notebook shows: the verdict and the counts."""
        arms = (f"{arm.events:,} of {arm.requests:,}" for arm in (self.candidate, self.stable))
        return f"<Trial: {self.verdict}, {' against '.join(arms)}>"

    def add(self, *, candidate: tuple[int, int], stable: tuple[int, int]) -> "Trial":
        """The trial with one more window: (requests, events) of each model in the same stretch of time.

        Raises ValueError for what is no count: negative, a fraction, or more events than requests.
        """
        window = Window(candidate=_counts("candidate", candidate), stable=_counts("stable model", stable))
        told = Dispersion(factor=self.dispersion, most=self.dispersion)
        return replace(self, counted=self._comparison.observe(window, told))

    @classmethod
    def from_frame(cls, frame: Any, **settings: Any) -> "Trial":
        """A trial of the rows of a table, in the order of time; `settings` are those of the trial.

        `frame`: anything that gives columns by name (a data frame of pandas or polars, a dict of lists), with
        COLUMNS in it. Raises ValueError that names the column or the row that is wrong.
        """
        there = list(getattr(frame, "columns", frame))
        missing = [column for column in COLUMNS if column not in there]
        if missing:
            raise ValueError(f"the table lacks {', '.join(missing)}; it needs the columns {', '.join(COLUMNS)}")
        lengths = [len(frame[column]) for column in COLUMNS]
        if len(set(lengths)) > 1:
            told = ", ".join(f"{column} {length}" for column, length in zip(COLUMNS, lengths, strict=True))
            raise ValueError(f"the columns have different numbers of rows: {told}")
        trial = cls(**settings)
        for number, (n_c, e_c, n_s, e_s) in enumerate(zip(*(frame[column] for column in COLUMNS), strict=True)):
            try:
                trial = trial.add(candidate=(n_c, e_c), stable=(n_s, e_s))
            except ValueError as error:
                raise ValueError(f"row {number}: {error}") from error
        return trial

    @cached_property
    def _comparison(self) -> Comparison:
        return self.counted or Comparison.begun(self.limits)

    @property
    def candidate(self) -> Counts:
        """All that was counted of the candidate."""
        return self._comparison.candidate

    @property
    def stable(self) -> Counts:
        """All that was counted of the stable model."""
        return self._comparison.stable

    @property
    def verdict(self) -> Verdict:
        """Worse, NotWorse or Undecided."""
        parts = {_METRIC: Part(evidence=self._comparison)}
        return judge(parts, false_rollback=self.false_rollback, false_promotion=self.false_promotion).verdict

    @property
    def ratio(self) -> Ratio:
        """How many times as often as the stable model the candidate fails."""
        return Ratio(*self._comparison.ratio)

    @property
    def evidence(self) -> Evidence:
        """Worse is reached at 1 / false_rollback, not worse at 1 / false_promotion."""
        return Evidence(_e_value(self._comparison.log_worse), _e_value(self._comparison.log_not_worse))

    @property
    def needs(self) -> Needs:
        """What is missing to each verdict, in requests to the candidate, if rates and split stay as they are."""
        total = self.candidate.requests + self.stable.requests
        if not self.candidate.requests or not self.stable.requests:
            return Needs(None, None)
        foreseen = forecast(
            self._comparison,
            share=self.candidate.requests / total,
            # So that the candidate gets one request a second: its seconds are its requests.
            requests_per_second=total / self.candidate.requests,
            false_rollback=self.false_rollback,
            false_promotion=self.false_promotion,
        )
        return Needs(foreseen.worse, foreseen.not_worse)

    def before(self, *, rate: float, share: float = 0.5) -> Needs:
        """What each verdict takes before anything was counted, in requests to the candidate.

        `rate`: of the stable model's events. `share`: of the candidate in the requests of both. `not_worse` is of a
        candidate as good as the stable model, `worse` of one that is worse by the margin.
        Raises ValueError for what is no rate and no share.
        """
        if not 0 <= rate < 1:
            raise ValueError(f"rate is {rate}: it must be at least 0 and below 1")
        if not 0 < share < 1:
            raise ValueError(f"share is {share}: it must be above 0 and below 1")
        needed = preflight(
            self.limits,
            rate=rate,
            stages=[Stage(candidate=share, stable=1.0 - share, seconds=1.0)],
            false_rollback=self.false_rollback,
            false_promotion=self.false_promotion,
            dispersion=self.dispersion,
        )
        return Needs(needed.worse.requests, needed.not_worse.requests)

    def to_text(self) -> str:
        """All of it as one line, exact to the last bit."""
        return f"{self.false_rollback!r} {self.false_promotion!r} {self.dispersion!r} {encode(self._comparison)}"

    @classmethod
    def from_text(cls, text: str) -> "Trial":
        """Inverse of `to_text`. Raises ValueError where it is none, or one of another edition of the judge."""
        try:
            *settings, state = text.split()
            rollback, promotion, dispersion = map(float, settings)
        except ValueError as error:
            raise ValueError("this is not a saved trial: it must be what Trial.to_text gave") from error
        counted = decode(state)
        return cls(
            limits=counted.limits,
            false_rollback=rollback,
            false_promotion=promotion,
            dispersion=dispersion,
            counted=counted,
        )


def _counts(arm: str, counts: Any) -> Counts:
    """Raises ValueError for what is no count. Numbers of numpy, and whole floats of a table with gaps, are some."""
    try:
        requests, events = counts
        numbers = {"requests": float(requests), "events": float(events)}
    except (TypeError, ValueError):
        raise ValueError(f"the {arm} is {counts!r}: write (requests, events), such as (1000, 3)") from None
    whole: list[int] = []
    for name, value in (("requests", requests), ("events", events)):
        number = numbers[name]
        if not (number.is_integer() and 0 <= number <= _LARGEST_COUNT):
            raise ValueError(f"{name} of the {arm} are {value}, which is not a count")
        whole.append(int(value))
    if whole[1] > whole[0]:
        raise ValueError(f"the {arm} has {whole[1]} events of {whole[0]} requests: more events than requests")
    return Counts(requests=whole[0], events=whole[1])


def _e_value(log_e: float) -> float:
    try:
        return math.exp(log_e)
    except OverflowError:
        return math.inf
