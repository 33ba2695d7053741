"""Figures of a number, in the unit of the target, but for R² and the percentage."""

from __future__ import annotations

import numpy as np

from .answers import ModelAnswers


def mae(answers: ModelAnswers) -> float:
    return float(np.abs(answers.truth - answers.predicted).mean()) if len(answers) else np.nan


def rmse(answers: ModelAnswers) -> float:
    return float(np.sqrt(((answers.truth - answers.predicted) ** 2).mean())) if len(answers) else np.nan


def mape(answers: ModelAnswers) -> float:
    """Mean error as a share of the true value; rows whose true value is 0 have none."""
    some = answers.truth != 0
    if not some.any():
        return np.nan
    return float((np.abs(answers.truth - answers.predicted)[some] / np.abs(answers.truth[some])).mean())


def median_error(answers: ModelAnswers) -> float:
    return float(np.median(np.abs(answers.truth - answers.predicted))) if len(answers) else np.nan


def r2(answers: ModelAnswers) -> float:
    """1 minus the squared errors by those of the mean of these rows."""
    if len(answers) < 2:
        return np.nan
    spread = ((answers.truth - answers.truth.mean()) ** 2).sum()
    return float(1 - ((answers.truth - answers.predicted) ** 2).sum() / spread) if spread > 0 else np.nan


def pinball10(answers: ModelAnswers) -> float:
    return _pinball(answers, 0.1)


def pinball90(answers: ModelAnswers) -> float:
    return _pinball(answers, 0.9)


def _pinball(answers: ModelAnswers, quantile: float) -> float:
    """What a forecast of that quantile is judged by: an error above it costs `quantile`, one below it the rest."""
    if not len(answers):
        return np.nan
    error = answers.truth - answers.predicted
    return float(np.maximum(quantile * error, (quantile - 1) * error).mean())
