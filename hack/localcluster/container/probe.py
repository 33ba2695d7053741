"""Probes as a state machine: results go in, what follows for the container comes out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..api.jsontypes import Json


@dataclass(frozen=True)
class ProbeSettings:
    """A probe's timing in seconds and its thresholds in consecutive results."""

    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int
    grace_period: float | None

    @classmethod
    def of(cls, probe: Json) -> ProbeSettings:
        """Reads the specification; the API server has already filled in the defaults."""
        return cls(
            initial_delay=float(probe.get("initialDelaySeconds", 0)),
            period=float(probe.get("periodSeconds", 10)),
            timeout=float(probe.get("timeoutSeconds", 1)),
            success_threshold=int(probe.get("successThreshold", 1)),
            failure_threshold=int(probe.get("failureThreshold", 3)),
            grace_period=probe.get("terminationGracePeriodSeconds"),
        )


@dataclass(frozen=True)
class ProbeState:
    """The verdict so far (None before the first one) and the run of equal results that may change it."""

    settings: ProbeSettings
    passing: bool | None = None
    run_value: bool | None = None
    run_length: int = 0

    def after(self, succeeded: bool) -> ProbeState:
        """The state after one more result."""
        length = self.run_length + 1 if self.run_value is succeeded else 1
        threshold = self.settings.success_threshold if succeeded else self.settings.failure_threshold
        return replace(
            self,
            passing=succeeded if length >= threshold else self.passing,
            run_value=succeeded,
            run_length=length,
        )
