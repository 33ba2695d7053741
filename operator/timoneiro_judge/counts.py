"""What is counted, and by which limits it is judged."""

from dataclasses import dataclass

# Fewer degrees of freedom say too little of a spread: simulated, docs/judge.md.
LEAST_FREEDOM = 100


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

    def plus(self, more: "Spread") -> "Spread":
        """Both together."""
        return Spread(chi_square=self.chi_square + more.chi_square, freedom=self.freedom + more.freedom)


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

    With `most`, the factor is estimated from the spread of the stable's pods, between `factor` and `most`; it is `most`
    until enough is known, since what the first windows claim too much is never taken back. Sound for
    any factor of 1 or more that does not depend on the window it is used for: a likelihood ratio to a power below 1
    has an expectation below 1 where it had 1 (Jensen's inequality).
    """

    factor: float = 1.0
    most: float | None = None

    def of(self, spread: Spread) -> float:
        """The factor for the next window, from the windows before it."""
        if self.most is None:
            return self.factor
        if spread.freedom < LEAST_FREEDOM:
            return self.most
        return min(max(spread.chi_square / spread.freedom, self.factor), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts as harmless and as harmful.

    Harmless: ratio <= 1 + tolerance, or rate <= negligible. Harmful: ratio >= 1 + margin and rate >= negligible.
    """

    tolerance: float = 0.25
    margin: float = 1.0
    negligible: float = 0.001
