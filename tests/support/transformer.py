"""A transformer as KServe's SDK makes one, for the end-to-end tests: its mark is in every answer.

It runs in a container of its own, from a ConfigMap.
Usage: python transformer.py --mark TEXT [--fails SHARE], with the arguments that KServe gives it
"""

import argparse
from fractions import Fraction
from typing import Any

from kserve import Model, ModelServer, model_server
from kserve.errors import InferenceError


class Transformer(Model):
    """Hands requests on to the predictor; the share `fails` of them evenly spread, the same in every run."""

    def __init__(self, name: str, *, mark: str, fails: Fraction) -> None:
        super().__init__(name)
        self._mark, self._fails, self._calls = mark, fails, 0
        self.ready = True

    async def preprocess(self, payload: Any, headers: Any = None) -> Any:
        self._calls += 1
        if int(self._calls * self._fails) > int((self._calls - 1) * self._fails):
            raise InferenceError("the model failed: its transformer does not understand the request")
        return payload

    async def postprocess(self, result: Any, headers: Any = None) -> Any:
        return {**result, "transformer": self._mark}


def main() -> None:
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--mark", required=True)
    parser.add_argument("--fails", type=Fraction, default=Fraction(0))
    given = parser.parse_args()
    server = ModelServer(enable_grpc=False)
    server.start([Transformer(given.model_name, mark=given.mark, fails=given.fails)])


if __name__ == "__main__":
    main()
