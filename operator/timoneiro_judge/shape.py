"""Do both models answer alike? Counts in bins (classes, scores, latencies) of the two arms, folded into evidence.

The null hypothesis: in every bin the share of the candidate's requests is between 1 / (1 + tolerance) and
1 + tolerance times that of the stable model's. The evidence is two-sided: it says "different", and not "worse".

For each bin a bet on the log ratio ``t`` of the two shares, which is learned from past windows only, against ``ref``,
the nearest one that is tolerated; with r the realised share of the candidate in the window:
``ln E += c * (t - ref) - (c + s) * ln[(1 + r (e^t - 1)) / (1 + r (e^ref - 1))]``, summed over the bins.
Given how many requests each arm had, the expectation of the factor of a window is ``A^n_c * B^n_s`` with
``r A + (1 - r) B <= 1``, and so at most 1 (weighted means): E is an e-process, valid however often it is checked.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from timoneiro_judge.counts import Counts
from timoneiro_judge.edition import edition_of, opened, sealed

# Bins that have a place of their own; what comes later is counted as OTHER, so that the state stays small.
MOST_BINS = 24
OTHER = "other"
_LONGEST_NAME = 32
# Requests that the common shares are worth when those of an arm are learned: a few requests are no reason to bet.
_PRIOR = 30.0
_LARGEST = 2**62
_HEAD = ">dd"
_EDITION = edition_of(_HEAD, MOST_BINS, _LONGEST_NAME, _PRIOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Requests of both arms in the same stretch of time, by the name of the bin that their answer fell into."""

    candidate: Mapping[str, int]
    stable: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Requests of both arms in one bin."""

    name: str
    candidate: int = 0
    stable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The bin in which the arms differ the most, and its share of the requests of each; 0 where there were none."""

    bin: str
    candidate: float
    stable: float


# Without slots, for what is worked out once of each and asked for again and again.
@dataclass(frozen=True, kw_only=True)
class Shape:
    """Evidence that the candidate's answers are spread over the bins in another way than the stable model's.

    `log_differs`: ln E. Frozen; `observe` returns the next one.
    """

    tolerance: float = 0.25
    bins: tuple[Bin, ...] = ()
    log_differs: float = 0.0

    def observe(self, window: Bins, factor: float = 1.0) -> "Shape":
        """The shape with one more window, whose evidence counts 1 / factor where answers come in clusters."""
        seen = self._placed(window)
        n_c, n_s = sum(c for c, _ in seen.values()), sum(s for _, s in seen.values())
        gain = 0.0
        if n_c and n_s:
            share = n_c / (n_c + n_s)
            # The bins that are known come first; of new ones nothing was learned yet, and nothing is bet.
            for (c, s), log_ratio in zip(seen.values(), self._log_ratios, strict=False):
                reference = max(-self._tolerated, min(log_ratio, self._tolerated))
                odds = math.log1p(share * math.expm1(log_ratio)) - math.log1p(share * math.expm1(reference))
                gain += c * (log_ratio - reference) - (c + s) * odds
        before = {bin.name: bin for bin in self.bins}
        bins = []
        for name, (c, s) in seen.items():
            known = before.get(name, Bin(name=name))
            bins.append(Bin(name=name, candidate=known.candidate + c, stable=known.stable + s))
        return replace(self, bins=tuple(bins), log_differs=self.log_differs + gain / factor)

    def _placed(self, window: Bins) -> dict[str, tuple[int, int]]:
        """Requests of candidate and stable model by bin: all bins that are known, in their order, then new ones."""
        placed = {bin.name: (0, 0) for bin in self.bins}
        both = [(name, number, 0) for name, number in window.candidate.items()]
        both += [(name, 0, number) for name, number in window.stable.items()]
        for long_name, c, s in both:
            name = long_name.replace("\0", "").encode()[:_LONGEST_NAME].decode(errors="ignore")
            if name not in placed and len(placed) >= MOST_BINS:
                name = OTHER
            before = placed.get(name, (0, 0))
            if c or s:
                placed[name] = before[0] + c, before[1] + s
        return placed

    @property
    def _tolerated(self) -> float:
        return math.log1p(self.tolerance)

    @cached_property
    def _log_ratios(self) -> list[float]:
        """ln(share of the candidate / share of the stable model) of each bin, as far as it is known."""
        return [math.log(candidate / stable) for candidate, stable in self._learned]

    @cached_property
    def _learned(self) -> list[tuple[float, float]]:
        """Shares of each bin, drawn to those of both arms together as long as there are few requests."""
        n_c, n_s = self.candidate.requests, self.stable.requests

        def learned(number: int, requests: int, pooled: float) -> float:
            return (number + _PRIOR * pooled) / (requests + _PRIOR)

        pools = [(bin.candidate + bin.stable) / (n_c + n_s) for bin in self.bins]
        return [
            (learned(bin.candidate, n_c, pool), learned(bin.stable, n_s, pool))
            for bin, pool in zip(self.bins, pools, strict=True)
        ]

    @property
    def candidate(self) -> Counts:
        """Requests of the candidate that were counted; none of them is an event."""
        return Counts(requests=sum(bin.candidate for bin in self.bins))

    @property
    def stable(self) -> Counts:
        """Requests of the stable model that were counted."""
        return Counts(requests=sum(bin.stable for bin in self.bins))

    @property
    def most_different(self) -> Difference | None:
        """The bin that tells the arms apart best; None before anything was counted."""
        n_c, n_s = self.candidate.requests, self.stable.requests
        if not self.bins:
            return None
        # Its part of the divergence of the two shapes, which is what evidence grows by.
        telling = [(c - s) * math.log(c / s) for c, s in self._learned]
        found = self.bins[telling.index(max(telling))]
        return Difference(
            bin=found.name,
            candidate=found.candidate / n_c if n_c else 0.0,
            stable=found.stable / n_s if n_s else 0.0,
        )

    @property
    def difference(self) -> float:
        """By how much the share of the most different bin differs, in either direction."""
        found = self.most_different
        return abs(found.candidate - found.stable) if found is not None else 0.0

    def encode(self) -> str:
        """The whole shape as text, exact to the last bit; at most 2 kB."""
        numbers = [number for bin in self.bins for number in (bin.candidate, bin.stable)]
        packed = struct.pack(f"{_HEAD}B{len(numbers)}q", self.tolerance, self.log_differs, len(self.bins), *numbers)
        names = "\0".join(bin.name for bin in self.bins).encode()
        return sealed(_EDITION, packed + names)

    @classmethod
    def decode(cls, text: str) -> "Shape":
        """Inverse of `encode`. Raises ValueError when the text is none of ours, or one of another edition."""
        packed = opened(_EDITION, text)
        try:
            tolerance, log_differs, number = struct.unpack_from(f"{_HEAD}B", packed)
            form = f"{_HEAD}B{2 * number}q"
            counts = struct.unpack_from(form, packed)[3:]
        except struct.error as error:
            raise ValueError(f"this is not evidence of the judge: {error}") from error
        names = packed[struct.calcsize(form) :].decode().split("\0") if number else []
        if len(set(names)) != number or not all(0 <= count <= _LARGEST for count in counts):
            raise ValueError("the saved evidence holds counts that are impossible")
        if not (tolerance >= 0 and math.isfinite(tolerance) and math.isfinite(log_differs)):
            raise ValueError("the saved evidence is not a number")
        bins = [
            Bin(name=name, candidate=c, stable=s) for name, c, s in zip(names, counts[::2], counts[1::2], strict=True)
        ]
        return cls(tolerance=tolerance, bins=tuple(bins), log_differs=log_differs)
