"""Functions and classes of the user's own, named `module:name`."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from typing import Any

from .errors import StepError


def imported(reference: str, *, what: str = "") -> Any:
    """What `module:name` names, which can be called. `what`: the field that says so, for sentences.

    Raises StepError if there is no such thing.
    """
    module, _, name = reference.partition(":")
    told = f"{what} {reference}".strip()
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise StepError(
            f"{told} cannot be imported ({error}): it has to be in the image of the components, or on PYTHONPATH"
        ) from error
    except Exception as error:
        raise StepError(f"{module} cannot be imported: {type(error).__name__} at {place_of(error)}") from error
    if not callable(found):
        raise StepError(f"{told} is a {type(found).__name__}, and no function")
    return found


def place_of(error: BaseException) -> str:
    """File and line where it was raised, without its words, which may hold values of the data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
