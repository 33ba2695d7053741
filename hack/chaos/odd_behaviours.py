"""In which ways a model server of a campaign misbehaves, and what its users and its metrics see of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Where = Literal["predict", "answer", "ready", "metrics", "start"]


@dataclass(frozen=True)
class Behaviour:
    """`share` of the requests are concerned. `harmful`: users suffer from it, so that promoting it is wrong.

    `beyond`: only while it gets more requests a second than this. `seconds`: only so long from the first one on.
    """

    name: str
    where: Where | None = None
    share: float = 1.0
    harmful: bool = False
    beyond: float = 0.0
    text: str = ""
    seconds: float = math.inf


# As the profile of KServe's servers reads them, which is the one of an unknown runtime.
_PARTS = ("preprocess", "predict", "postprocess")
_COUNTERS = "\n".join(f"request_{part}_seconds_count {{0}}" for part in _PARTS) + "\n"
BEHAVIOURS = {
    behaviour.name: behaviour
    for behaviour in (
        Behaviour("well"),
        Behaviour("fails on 30 %", "predict", 0.3, harmful=True),
        Behaviour("fails on 10 % under full load", "predict", 0.1, harmful=True, beyond=36.0),
        Behaviour("hangs on 30 %", "predict", 0.3, harmful=True),
        Behaviour("hangs on all", "predict", harmful=True),
        Behaviour("slow on all", "predict"),
        Behaviour("cuts 30 % of the answers", "answer", 0.3, harmful=True),
        Behaviour("200 with an error in 30 %", "answer", 0.3, harmful=True),
        Behaviour("leaks memory", "predict", harmful=True),
        Behaviour("readiness flaps", "ready"),
        Behaviour("starts slowly", "start"),
        Behaviour("metrics: 404", "metrics"),
        Behaviour("metrics: HTML", "metrics", text="<html><body>Sign in</body></html>"),
        Behaviour("metrics: hang", "metrics"),
        Behaviour("metrics: negative", "metrics", text=_COUNTERS.format("-5")),
        Behaviour("metrics: 1e308", "metrics", text=_COUNTERS.format("1e308")),
    )
}
# What no campaign plays: its rollouts last for seconds, in which nothing warms up, and count failures and nothing else.
OTHERS = {
    behaviour.name: behaviour
    for behaviour in (
        Behaviour("fails on 30 % at first", "predict", 0.3, seconds=12.0),
        Behaviour("fails on all", "predict", harmful=True),
        Behaviour("answers everything as the first request", "predict", harmful=True),
    )
}
