"""What KServe's runtime for scikit-learn does with a request, and no more: its server, and its way to a table and back.

That runtime is an image, and no package; this is what it consists of. No limits, gaps or finite numbers are looked at,
and a prediction holds everything else up.

Usage: python bare.py MODEL.joblib PORT
"""

from __future__ import annotations

import sys
from typing import Any

import joblib
from kserve import Model, ModelServer
from kserve.utils.utils import get_predict_input, get_predict_response

MODEL = "diagnosis"


class BareModel(Model):  # type: ignore[misc]  # KServe carries no types
    """A scikit-learn model that is asked for probabilities."""

    def __init__(self, file: str) -> None:
        super().__init__(MODEL)
        self._model = joblib.load(file)
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None) -> Any:
        del headers
        return get_predict_response(payload, self._model.predict_proba(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[2]), workers=1, enable_grpc=False).start([BareModel(sys.argv[1])])
