"""The same kind of model for MLServer, run by the Python that MLServer is installed for: imports nothing of ours.

Usage: python rival.py FOLDER PORT writes the model and the settings; `mlserver start FOLDER` serves them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODEL = "diagnosis"


def write(folder: Path, port: int) -> None:
    rows, labels = load_breast_cancer(return_X_y=True)
    model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression())
    joblib.dump(model.fit(rows, labels), folder / "model.joblib")
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        # As our server: one process, which answers by itself.
        "parallel_workers": 0,
        "debug": False,
    }
    about = {
        "name": MODEL,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(about))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
