"""What is counted, and by which limits it is judged."""

from dataclasses import dataclass

# Events are taken for single ones until pods differ: as if so many degrees of freedom had been seen of that.
PRIOR_FREEDOM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Requests, and how many of them were events (failures), of one arm."""

    requests: int = 0
    events: int = 0

    def plus(self, more: "Counts") -> "Counts":
        """Both together."""
        return Counts(requests=self.requests + more.requests, events=self.events + more.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """Counts, each window of which was divided by what its evidence is worth less than it looks."""

    requests: float = 0.0
    events: float = 0.0

    def plus(self, more: Counts, weight: float) -> "Weighed":
        """With `more` in it, which counts `weight` times."""
        return Weighed(requests=self.requests + weight * more.requests, events=self.events + weight * more.events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How much more the stable's pods differ in a window than chance explains: Pearson's sum, degrees of freedom."""

    chi_square: float = 0.0
    freedom: int = 0

    def after(self, window: "Spread", dispersion: "Dispersion") -> "Spread":
        """With one window more, which says at most what `dispersion` allows: one pod that is broken is no cluster."""
        seen = min(window.chi_square, dispersion.most * window.freedom)
        return Spread(chi_square=self.chi_square + seen, freedom=self.freedom + window.freedom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What both arms did in the same stretch of time."""

    candidate: Counts
    stable: Counts
    spread: Spread = Spread()
    # Counters of the two arms were read at the same moment. If not, the candidate's were read first: a burst that both
    # share may fall into this window of the stable model and into the next one of the candidate, never the other way.
    aligned: bool = True
    # What each arm's counts are of: only their proportion matters.
    candidate_seconds: float = 1.0
    stable_seconds: float = 1.0

    @property
    def traffic(self) -> tuple[float, float]:
        """Requests of candidate and stable model in the same time: that of the arm whose counts are of less."""
        seconds = min(self.candidate_seconds, self.stable_seconds)
        return (
            self.candidate.requests * (seconds / self.candidate_seconds),
            self.stable.requests * (seconds / self.stable_seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispersion:
    """By how much events come in clusters: evidence counts 1 / factor.

    The factor is estimated from the spread of the stable's pods, between `factor` and `most`, and is `factor` as long
    as nothing is known of it. A likelihood ratio to a power below 1 has an expectation below 1 where it had 1 (Jensen's
    inequality), whatever the factor, if it does not depend on the window it is used for. It may depend on the spread
    of that very window: where events are independent, how the stable's are spread over its pods says nothing of how
    many the candidate has.
    """

    factor: float = 1.0
    most: float = 10.0

    def of(self, spread: Spread) -> float:
        """The factor for a window, from the spread up to it."""
        estimate = (spread.chi_square + PRIOR_FREEDOM * self.factor) / (spread.freedom + PRIOR_FREEDOM)
        return max(self.factor, min(estimate, self.most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts as harmless and as harmful.

    Harmless: ratio <= 1 + tolerance, or rate <= negligible. Harmful: ratio >= 1 + margin and rate >= negligible.
    """

    tolerance: float = 0.25
    margin: float = 1.0
    negligible: float = 0.001
