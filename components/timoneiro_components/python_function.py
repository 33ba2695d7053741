"""Functions of the user's own, named as `module:function` in a definition."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from typing import Any

from .errors import StepError


def load_function(reference: str, field: str) -> Any:
    """The function called `module:function` in `field`. Raises StepError if it cannot be imported, or is none."""
    module, _, name = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise StepError(
            f"{field} {reference} cannot be imported ({error}): it has to be in the image of the components, or on "
            "PYTHONPATH"
        ) from error
    except Exception as error:
        raise StepError(f"{module} cannot be imported: {type(error).__name__} at {place_of(error)}") from error
    if not callable(found):
        raise StepError(f"{field} {reference} is a {type(found).__name__}, and no function")
    return found


def place_of(error: BaseException) -> str:
    """File and line where it was raised; its words may hold values of the data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
