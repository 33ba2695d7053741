"""Evidence that begins anew again and again, so that what goes wrong late is found soon.

Shiryaev-Roberts with stakes: of one unit of capital 3/4 are staked at once, and the rest in ever smaller stakes, one
at every fifth window. Each stake is spread over the alternatives and grows by their likelihood ratios in the windows
after it. All of it together is an e-process, since each stake is one from its window on and idle before (a convex
mixture), so that it ever reaches 1 / alpha with a probability of at most alpha.
"""

import math
from dataclasses import dataclass, replace

from timoneiro_judge.evidence import log_add, log_sum_exp, single

AT_ONCE, EVERY, DECAY = 0.75, 5, 1.2
# Riemann's zeta of DECAY: the sum of all (j + 1) ** -DECAY.
_ZETA = 5.591582441177751


def stake(window: int) -> float:
    """What is staked just before the window of this number (the first is 0); all stakes add up to 1."""
    if window == 0:
        return AT_ONCE
    restart, rest = divmod(window, EVERY)
    if rest:
        return 0.0
    return (1.0 - AT_ONCE) * math.pow(restart + 1, -DECAY) / (_ZETA - 1.0)


@dataclass(frozen=True, slots=True)
class Restarted:
    """ln of the capital on each alternative, and the capital that is still idle."""

    logs: tuple[float, ...]
    idle: float

    @classmethod
    def begun(cls, log_weights: tuple[float, ...]) -> "Restarted":
        """Before the first window."""
        return cls(single([math.log(AT_ONCE) + weight for weight in log_weights]), 1.0 - AT_ONCE)

    def staked(self, amount: float, log_weights: tuple[float, ...]) -> "Restarted":
        """With `amount` of what was idle on the alternatives."""
        log = math.log(amount)
        logs = [log_add(old, log + weight) for old, weight in zip(self.logs, log_weights, strict=True)]
        return Restarted(single(logs), self.idle - amount)

    def grown(self, gains: list[float]) -> "Restarted":
        """After a window in which each alternative gained so much, in nats."""
        return replace(self, logs=single([old + gain for old, gain in zip(self.logs, gains, strict=True)]))

    @property
    def log_e(self) -> float:
        """ln of the whole capital."""
        return log_sum_exp((*self.logs, math.log(self.idle)))
