"""`publish`: what follows when a model is published. Nothing of it changes the model, nor its package."""

from __future__ import annotations

from pydantic import Field

from .base import DefinitionObject, LengthOfTime
from .registries import Registries


class PublishChoice(DefinitionObject):
    """How a run goes on after it has published."""

    wait: LengthOfTime | None = Field(
        default=None,
        description="How long after the publication the run waits for the outcome of the rollout, such as 2h, at most "
        "7d; it fails unless the version is promoted. Left out: it ends when the model is published.",
    )
    registries: Registries | None = Field(
        default=None, description="Where else the model is registered when it is published. Left out: nowhere."
    )
