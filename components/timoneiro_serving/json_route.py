"""Inference over v2 with a JSON body, as nearly every request is, without the detours of KServe's route.

There each number is looked at four times: by FastAPI, by KServe's own types, by numpy and by FastAPI again, which takes
longer than a model needs for a row. Whatever is not as plain as that is read and answered by KServe's types as before,
and binary tensors and CloudEvents by its own route.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from kserve import InferRequest
from kserve.errors import ModelNotFound, ModelNotReady
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from .inputs import Tensor

_PATH = "/v2/models/{model_name}/infer"
_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
_TENSOR = frozenset({"name", "shape", "datatype", "data"})
_DATATYPES = frozenset(
    {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64", "BYTES"}
)


@dataclass(frozen=True)
class PlainRequest:
    """A v2 request that asks for all outputs."""

    id: str | None
    tensors: tuple[Tensor, ...]


class JsonRoute(Route):
    """Takes requests of JSON; for others it is not there."""

    def __init__(self, model: Any) -> None:
        super().__init__(_PATH, self._infer, methods=["POST"])
        self._model = model

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """As a route does; none where the headers tell more than JSON."""
        found: tuple[Match, Any] = super().matches(scope)
        return found if found[0] is Match.NONE or _is_json(scope["headers"]) else (Match.NONE, {})

    async def _infer(self, request: Request) -> Response:
        name = request.path_params["model_name"]
        if name != self._model.name:
            raise ModelNotFound(name)
        if not self._model.ready:
            raise ModelNotReady(name)
        document = _document(await request.body())
        asked = _plain(document) or _other(document, name)
        answer, headers = await self._model(asked, headers=dict(request.headers))
        if isinstance(asked, PlainRequest):
            return Response(orjson.dumps(answer), headers=headers, media_type="application/json")
        body, json_size = answer.to_rest()
        if json_size is None:
            return Response(orjson.dumps(body), headers=headers, media_type="application/json")
        headers["inference-header-content-length"] = str(json_size)
        return Response(body, headers=headers, media_type="application/octet-stream")


def _is_json(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    is_json = False
    for name, value in headers:
        if name == b"content-type":
            is_json = value.lower() in _JSON
        elif name == b"inference-header-content-length" or name.startswith(b"ce-"):
            return False
    return is_json


def parsed(body: bytes) -> Any:
    """A body of JSON. Raises ValueError for what is none, and for half a character, which no answer can hold."""
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if b"\\u" in body:
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _document(body: bytes) -> Any:
    try:
        return parsed(body)
    except ValueError:
        raise RequestValidationError([{"loc": ("body",), "msg": "it is not JSON"}]) from None


def _plain(document: Any) -> PlainRequest | None:
    """The request; None if it is not as plain as that, or not as it has to be."""
    if not isinstance(document, dict) or not document.keys() <= {"id", "inputs"}:
        return None
    asked_as, inputs = document.get("id"), document.get("inputs")
    if not (asked_as is None or isinstance(asked_as, str)) or not isinstance(inputs, list):
        return None
    tensors = [_tensor(said) for said in inputs]
    found = tuple(tensor for tensor in tensors if tensor is not None)
    return PlainRequest(asked_as, found) if len(found) == len(tensors) else None


def _tensor(said: Any) -> Tensor | None:
    if not isinstance(said, dict) or said.keys() != _TENSOR:
        return None
    name, shape, data = said["name"], said["shape"], said["data"]
    if not (isinstance(name, str) and isinstance(shape, list) and isinstance(data, list)):
        return None
    if not all(type(size) is int for size in shape) or said["datatype"] not in _DATATYPES:
        return None
    return Tensor(name, tuple(shape), data)


def _other(document: Any, name: str) -> InferRequest:
    try:
        return InferRequest.from_inference_request(InferenceRequest.model_validate(document), name)
    except ValidationError as error:
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]) from None
