"""The KServe model: one packaged model behind the v1 and v2 protocols.

Guarantees
* A bad request is answered with 400 and a sentence, and is never handed to the model.
* Whatever the model raises, and an answer that is not finite, becomes an InferenceError: 500, with
  the connection kept. (An exception that reaches uvicorn closes the connection without telling the
  proxy, which then fails other people's requests.)
* An idle connection is closed by the gateway and not by the server, see KEPT_OPEN_SECONDS.
* A prediction has a thread of its own: one that hangs keeps neither the others nor /metrics waiting.
* Every request is accounted for in /metrics, see accounting.py; what was answered is counted there in bins, see
  predictions.py.
* A failure of the model is logged once, with its type and place and without any value of the
  request. Requests that succeed are not logged at all.
"""

from __future__ import annotations

import asyncio
import copy
import http
import json
import logging
import struct
import traceback
import uuid
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import uvloop
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InferenceError, InvalidInput
from kserve.logging import KSERVE_LOG_CONFIG, configure_logging
from kserve.model_server import app
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from .accounting import AccountForRequests, Accounts
from .errors import first_line
from .estimators import Answer
from .inputs import BadInput, InputRows, Tensor, rows_of_instances, rows_of_tensors
from .json_route import JsonRoute, PlainRequest, parsed
from .loading import LoadedModel
from .outside import OutsideRequests
from .predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("kserve.timoneiro")

# Predictions at the same time. When so many hang there is no thread left, and the server says that it is not ready.
THREADS = 8
# Longer than any gateway keeps an idle connection (Envoy: an hour). Who closes first must be the one that sends the
# requests: one that meets a connection which the server closes in that moment is lost, and is answered with 503.
KEPT_OPEN_SECONDS = 3900
# What reading a body raises that is cut off, or not what its headers say.
_MISTAKES = (ValueError, TypeError, LookupError, RecursionError, struct.error)


class PackagedModel(Model):  # type: ignore[misc]  # KServe carries no types
    """A LoadedModel that KServe can call. Preprocess reads, predict asks the model, postprocess passes on;
    KServe times each, so that predict_count - postprocess_count is the number of failures of the model."""

    def __init__(
        self, name: str, model: LoadedModel, accounts: Accounts, predictions: Predictions, outside: OutsideRequests
    ) -> None:
        super().__init__(name)
        self._model, self._accounts, self._predictions, self._outside = model, accounts, predictions, outside
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="predict")
        self.ready = True

    async def healthy(self) -> bool:
        """Whether there is a thread that does not hang."""
        return self.ready and self._accounts.hanging < THREADS

    async def preprocess(
        self, payload: Any, headers: dict[str, str] | None = None
    ) -> tuple[pd.DataFrame, InferRequest | PlainRequest | None]:
        """The request as a table, and the request itself if it is v2. Raises InvalidInput (400)."""
        del headers
        try:
            _is_read.set(True)
            if isinstance(payload, PlainRequest):
                return self._within(rows_of_tensors(payload.tensors, self._model.features)), payload
            if isinstance(payload, InferRequest):
                return self._within(rows_of_tensors(_read(payload), self._model.features)), payload
            if isinstance(payload, bytes):
                # KServe parses JSON only if the content type says so; curl, for one, says otherwise.
                payload = _parse_json(payload)
            return self._within(rows_of_instances(payload, self._model.features)), None
        except BadInput as error:
            raise InvalidInput(str(error)) from None

    def _within(self, rows: InputRows) -> pd.DataFrame:
        """Their table; what the model was not made for is counted, or refused."""
        if rows.outside:
            self._outside.count([value.feature for value in rows.outside])
            if self._model.refuse_outside:
                raise BadInput(str(rows.outside[0]))
        return rows.frame

    async def predict(
        self, payload: tuple[pd.DataFrame, InferRequest | PlainRequest | None], headers: dict[str, str] | None = None
    ) -> dict[str, Any] | InferResponse:
        """The model's answer in the protocol of the request. Raises InferenceError (500) and nothing else."""
        del headers
        frame, request = payload
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._model.predictor.predict, frame)
            _check_finite(answer)
            body = _v1(answer) if request is None else _v2(self.name, request, answer)
            self._predictions.count(answer)
            return body
        except Exception as error:
            logger.error("model %s failed: %s at %s", self.name, type(error).__name__, _place(error))
            # The cause is cut off: KServe would log it, and its message may hold values of the request.
            raise InferenceError(f"the model failed: {first_line(error)}") from None


# Whether the request of this task has come as far as the model's own part of the server.
_is_read: ContextVar[bool] = ContextVar("is_read", default=False)


async def _invalid(request: Request, error: Exception) -> Response:
    """What FastAPI finds in a body of the v2 protocol: where, and what, and never the body itself."""
    del request
    found = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in found[:3])
    return JSONResponse({"error": f"the request is not one of this protocol: {told}"}, http.HTTPStatus.BAD_REQUEST)


class KeepConnection:
    """ASGI layer: an exception that no handler has turned into an answer becomes one here, without a value of the
    request. Left alone it would reach uvicorn, which answers 500 and then closes the connection unannounced.

    Before the model's own part of the server KServe has only read the body: what fails there is the caller's mistake,
    and 400. Anything later is ours, and 500.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        started, asks = False, scope["type"] == "http" and scope["method"] == "POST"

        async def watch(message: Any) -> None:
            nonlocal started
            started = True
            # KServe calls some of these mistakes a 500 itself.
            if message.get("status") == http.HTTPStatus.INTERNAL_SERVER_ERROR and asks and not _is_read.get():
                message = {**message, "status": http.HTTPStatus.BAD_REQUEST}
            if message.get("status") == http.HTTPStatus.NOT_IMPLEMENTED:
                # Versions and explanations, which no model here has.
                message = {**message, "status": http.HTTPStatus.NOT_FOUND}
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            name = type(error).__name__
            if isinstance(error, _MISTAKES) and not _is_read.get():
                status, told = http.HTTPStatus.BAD_REQUEST, f"the request cannot be read: {name}"
            else:
                status, told = http.HTTPStatus.INTERNAL_SERVER_ERROR, f"the request could not be handled: {name}"
                logger.error("request failed: %s at %s", name, _place(error))
            body = json.dumps({"error": told}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": int(status), "headers": headers})
            await send({"type": "http.response.body", "body": body})


def serve(
    name: str, model: LoadedModel, *, http_port: int, overdue_seconds: float, number_bounds: Sequence[float]
) -> None:
    """Answers on `http_port` until the process is told to stop (SIGTERM, SIGINT)."""
    configure_logging(_log_config())
    logging.getLogger("kserve").addFilter(_not_an_answer)
    # Otherwise two lines for every request; KServe 0.21 uses what FastAPI now deprecates.
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
    accounts = Accounts(overdue_seconds)
    predictions = Predictions(model.classes, number_bounds)
    REGISTRY.register(accounts)
    REGISTRY.register(predictions)
    outside = OutsideRequests([feature.name for feature in model.features if feature.is_limited])
    REGISTRY.register(outside)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(KeepConnection)
    # Added last, and so around all the others: what they answer counts as well.
    app.add_middleware(AccountForRequests, accounts=accounts)
    # One worker: with more, /metrics answers from a random one and the counters seem to jump.
    server = ModelServer(
        http_port=http_port,
        workers=1,
        enable_grpc=False,
        enable_latency_logging=False,
        timeout_keep_alive=KEPT_OPEN_SECONDS,
    )
    # KServe would run the loop of the standard library, which needs half as much again for a request.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # It asks for one before it runs its own, and that of the standard library would make it.
    asyncio.set_event_loop(asyncio.new_event_loop())
    packaged = PackagedModel(name, model, accounts, predictions, outside)
    # Before KServe's, which come with the start: the first that fits is taken.
    app.router.routes.append(JsonRoute(packaged))
    server.start([packaged])


def _log_config() -> dict[str, Any]:
    config = copy.deepcopy(KSERVE_LOG_CONFIG)
    for name in ("kserve.trace", "uvicorn.access"):  # both write a line per request
        config["loggers"][name]["level"] = "WARNING"
    return cast("dict[str, Any]", config)


def _not_an_answer(record: logging.LogRecord) -> bool:
    """False for the traceback that KServe logs for every 4xx and 5xx that it has already answered."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, InvalidInput | InferenceError)


def _parse_json(body: bytes) -> Any:
    try:
        return parsed(body)
    except ValueError:
        raise BadInput("the body is not JSON: send it with content-type: application/json") from None


def _read(request: InferRequest) -> list[Tensor]:
    try:
        return _tensors(request)
    except Exception as error:
        # KServe reads the data of a tensor only now, and its words repeat them.
        raise BadInput(f"the data of a tensor cannot be read: {type(error).__name__}") from None


def _tensors(request: InferRequest) -> list[Tensor]:
    return [
        Tensor(entry.name, tuple(entry.shape), [] if entry.data is None else list(entry.data))
        for entry in request.inputs
    ]


def _check_finite(answer: Answer) -> None:
    for values in (answer.predictions, answer.probabilities):
        if values is not None and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ArithmeticError("the answer is not a finite number")


def _v1(answer: Answer) -> dict[str, Any]:
    body: dict[str, Any] = {"predictions": answer.predictions.tolist()}
    if answer.probabilities is not None:
        body["probabilities"] = answer.probabilities.tolist()
    return body


def _v2(name: str, request: InferRequest | PlainRequest, answer: Answer) -> dict[str, Any] | InferResponse:
    outputs = [_output("predictions", answer.predictions)]
    if answer.probabilities is not None:
        outputs.append(_output("probabilities", answer.probabilities))
    # An answer without an id does not pass KServe's own check.
    said = request.id or str(uuid.uuid4())
    if isinstance(request, PlainRequest):
        return {"id": said, "model_name": name, "outputs": outputs}
    found = [InferOutput(**output) for output in outputs]
    return InferResponse(
        response_id=said,
        model_name=name,
        infer_outputs=found,
        requested_outputs=request.request_outputs,
        use_binary_outputs=request.use_binary_outputs,
    )


def _output(name: str, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    datatype = {"f": "FP64", "i": "INT64", "u": "INT64", "b": "BOOL"}.get(values.dtype.kind, "BYTES")
    flat = values.ravel().tolist()
    data = [str(value) for value in flat] if datatype == "BYTES" else flat
    return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": data}


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
