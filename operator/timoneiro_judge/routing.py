"""Does the candidate get the share of the traffic that the gateway has accepted? Evidence that it does not."""

import math

from timoneiro_judge.evidence import log_e_rate_above, log_e_rate_below, log_sum_exp

# By this factor the odds of candidate to stable may be off before anybody has to know.
TOLERATED_ODDS = 1.25
# Of the false alarm, which holds a rollout and takes nothing back.
ALPHA = 0.001


def log_e_mismatch(*, candidate: int, stable: int, weight: int) -> float:
    """ln E against "the odds of the realised share are those of `weight` percent, up to TOLERATED_ODDS".

    Counts of requests since the weight was accepted; 0 < weight < 100. The mean of two one-sided tests. The judge
    itself does not depend on it, since it compares with the realised share.
    """
    odds = weight / (100 - weight)
    highest, lowest = (odds * factor for factor in (TOLERATED_ODDS, 1.0 / TOLERATED_ODDS))
    requests = candidate + stable
    above = log_e_rate_above(requests=requests, events=candidate, rate=highest / (1.0 + highest))
    below = log_e_rate_below(requests=requests, events=candidate, rate=lowest / (1.0 + lowest))
    return log_sum_exp((above, below)) - math.log(2.0)
