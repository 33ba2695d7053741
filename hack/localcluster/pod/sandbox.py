"""What the containers of one pod share: network, folders, volumes, and whom to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..api.jsontypes import Json
from ..container.environment import EnvSources
from .events import EventRecorder
from .volume_manager import VolumeManager


@dataclass(frozen=True)
class Sandbox:
    """Everything that a container needs to know about its pod."""

    pod: Json
    folder: Path
    log_folder: Path
    network_namespace: str
    env: EnvSources
    base_environment: Mapping[str, str]
    volumes: Mapping[str, Path]
    volume_manager: VolumeManager
    images: Path
    events: EventRecorder
    restart_base: float

    @property
    def termination_grace(self) -> float:
        """Seconds between SIGTERM and SIGKILL unless somebody asks for another time."""
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    @property
    def restart_policy(self) -> str:
        """Always, OnFailure or Never."""
        return str(self.pod["spec"].get("restartPolicy", "Always"))

    def warn(self, reason: str, message: str) -> None:
        """A Warning event about the pod."""
        self.events.record(self.pod, "Warning", reason, message)

    def note(self, reason: str, message: str) -> None:
        """A Normal event about the pod."""
        self.events.record(self.pod, "Normal", reason, message)
