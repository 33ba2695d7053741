"""Real data that come with scikit-learn: is a tumour benign or malignant?"""

from __future__ import annotations

import pandas as pd


def aspirates() -> pd.DataFrame:
    """569 fine needle aspirates, benign or malignant, with 30 measurements of their cell nuclei.

    Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, CC BY 4.0.
    """
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  # a second, which `check` does not need

    bunch = load_breast_cancer(as_frame=True)
    return bunch.data.assign(diagnosis=bunch.target_names[bunch.target])
