"""What a campaign has seen, as data: rounds, violations and figures. It is what the report is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlayedRound:
    """One round. `end`: the outcome, or why there is none; `verdict`: right, cautious or wrong.

    `began`, `fault_began`, `fault_ended`: seconds into the run.
    `safe_seconds`: from the end of the fault until a bad candidate was off the traffic, or until the status was true
    again; None where nothing was to be waited for. `lost`: requests that the fault itself has killed.
    """

    number: int
    release: str
    fault: str
    moment: str
    end: str
    reason: str
    verdict: str
    seconds: float
    began: float = 0.0
    fault_began: float = 0.0
    fault_ended: float = 0.0
    safe_seconds: float | None = None
    missed: bool = False
    lost: int = 0


@dataclass
class CampaignRecord:
    """A whole run. Sizes in bytes."""

    seed: int
    seconds: float = 0.0
    date: str = ""
    commit: str = ""
    rounds: list[PlayedRound] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    excused: dict[str, int] = field(default_factory=dict)
    takeovers: list[float] = field(default_factory=list)
    resident: int = 0
    status_bytes: int = 0
    calls: dict[str, int] = field(default_factory=dict)

    def faults(self) -> dict[str, list[PlayedRound]]:
        """Rounds by fault, without those in which it befell nothing."""
        found: dict[str, list[PlayedRound]] = {}
        for played in self.rounds:
            if not played.missed:
                found.setdefault(played.fault, []).append(played)
        return found

    def verdicts(self) -> Counter[str]:
        return Counter(played.verdict for played in self.rounds)


def middle(values: Sequence[float]) -> float:
    """The median, the upper one of an even number. `values` must not be empty."""
    return sorted(values)[len(values) // 2]
