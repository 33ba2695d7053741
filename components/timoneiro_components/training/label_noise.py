"""Training labels of which some are wrong, to see how much a model suffers from them."""

from __future__ import annotations

import numpy as np

from ..definition.training import Training
from .folds import Numbers, TrainingRows

# Beside the model, in its folder: never in a package.
NOISE_FOLDER = "label-noise"


def with_label_noise(training: Training, rows: TrainingRows, share: float) -> TrainingRows:
    """The rows with this share of the labels changed, always the same ones: to any other class, or, of numbers, to that
    of another of these rows. At least two are."""
    random = np.random.default_rng(training.spec.model.seed)
    chosen = random.choice(len(rows.target), max(2, round(share * len(rows.target))), replace=False)
    return TrainingRows(_changed(rows.target, chosen, training, random), rows.groups, rows.times)


def _changed(target: Numbers, chosen: Numbers, training: Training, random: np.random.Generator) -> Numbers:
    if not training.classes:
        changed = target.copy()
        changed[chosen] = target[np.roll(chosen, 1)]
        return changed
    classes = np.array(training.classes)
    places = np.array([training.classes.index(name) for name in target[chosen]])
    others = random.integers(1, len(classes), len(chosen))
    changed = target.astype(classes.dtype)
    changed[chosen] = classes[(places + others) % len(classes)]
    return changed
