"""How many events there usually are, so that an outage that both models share is known by its size.

What breaks behind both models adds as many failures to both, whatever the candidate is worth. While it lasts the two
fail about equally often, and so many failures would be strong evidence for that. So a window with more than a few times
the usual number counts less, the more there are. It is the stable model that says what is usual, and both have to have
more than that: what only the candidate does is the candidate's own.
"""

from dataclasses import dataclass

from timoneiro_judge.counts import Counts, Window

# Up to so many times the usual number of events a window counts in full.
IN_FULL = 3.0
# So many times the usual number of events is learned from one window at most: an outage is no new custom.
LEARNED = 1.5
# What is believed before anything is known: one event in 200 requests.
PRIOR_EVENTS, PRIOR_REQUESTS = 1.0, 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What the stable model did in the windows before. `excess`: in the last one, by how much more than usual."""

    requests: float = 0.0
    events: float = 0.0
    excess: float = 1.0

    @property
    def exceeded(self) -> bool:
        """In the last window the stable model had clearly more events than usual."""
        return self.excess > LEARNED

    def weight(self, window: Window) -> float:
        """What the window counts: 1, and less with more than three times the usual number of events.

        Where the arms were not read at the same moment, the candidate may have its part of an outage one window later.
        """
        stable = self._excess(window.stable)
        shared = min(stable, self._excess(window.candidate)) if window.aligned else max(stable, self.excess)
        return min(1.0, (IN_FULL / shared) ** 2) if shared > 0 else 1.0

    def after(self, stable: Counts) -> "Usual":
        """With one more window of the stable model."""
        if not stable.requests:
            return self
        learned = float(stable.events)
        if self.requests:
            learned = min(learned, LEARNED * self._expected(stable.requests))
        return Usual(
            requests=self.requests + stable.requests,
            events=self.events + learned,
            excess=self._excess(stable),
        )

    def _excess(self, counts: Counts) -> float:
        return counts.events / self._expected(counts.requests) if self.requests else 1.0

    def _expected(self, requests: int) -> float:
        """One more than there would be: chance alone makes two of one."""
        return requests * (PRIOR_EVENTS + self.events) / (PRIOR_REQUESTS + self.requests) + 1.0
