"""The area under the ROC curve by ranks is that of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from timoneiro_components.ranking import area_under_roc


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
def test_it_is_as_scikit_learn_computes_it_with_any_ties(rows: list[tuple[bool, int]]) -> None:
    positive, score = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    if positive.all() or not positive.any():
        return
    assert area_under_roc(positive, score) == pytest.approx(roc_auc_score(positive, score))
