"""Serving runtimes of KServe: which one a model is served with, and what it was made of at one time."""

from typing import Any

import msgspec

from timoneiro_operator.api.spec import Model, Predictor

# What Timoneiro's own model server loads; the chart's runtime says the same.
OWN_FORMATS = {"sklearn": "1", "onnx": "1"}


class Runtime(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A serving runtime as it was at one time.

    `digest`: eight hexadecimal digits, the same for all that makes the same pods. `server`: the kind of server that
    KServe has settings of its own for. Without `spec` only its name is known, and KServe follows each edit of it.
    """

    name: str
    digest: str = ""
    server: str | None = None
    spec: dict[str, Any] | None = None


def runtime_name(model: Model, predictor: Predictor, own: str | None) -> str | None:
    """Name of the runtime: the one of the spec, else our `own` for what it can load; None: KServe selects one."""
    loads = model.format.name in OWN_FORMATS and model.format.version in (None, OWN_FORMATS[model.format.name])
    return predictor.runtime or (own if loads else None)


def signature_problem(model: Model, predictor: Predictor, own: str | None) -> str | None:
    """Why nobody would look at the signature that is demanded, and what would help; None when somebody does."""
    if model.signature is None or (own is not None and runtime_name(model, predictor, own) == own):
        return None
    who = "spec.model.signature is verified by Timoneiro's own model server, and by no other"
    if own is None:
        return f"{who}: it is not installed in this cluster (servingRuntime.install in the values of the chart)"
    if predictor.runtime is not None:
        return f"{who}: leave out spec.predictor.runtime {predictor.runtime}, or the signature"
    formats = " and ".join(f"{name} {version}" for name, version in OWN_FORMATS.items())
    return f"{who}: it serves the formats {formats}, and not {model.format.name} {model.format.version or ''}".rstrip()
