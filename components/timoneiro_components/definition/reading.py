"""From the text of `training.yaml` to a Training, or to every fault of it in a sentence of its own."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from ..errors import StepError
from .checks import faults
from .document import MOST_BYTES, Document, read_document
from .kubeflow import DATA_KEY
from .overrides import with_settings
from .problems import DefinitionError, DefinitionProblem, Path
from .registries import REGISTERED_NAME
from .schema import fields_at
from .training import Training

_ENCODED = "timoneiro-definition:"


def read_training(file: File, settings: Sequence[str] = ()) -> Training:
    """The definition in `file`, with `settings` (`spec.model.seed=3`) in the place of what it says.

    A path in it is relative to its folder, and whole afterwards. Raises DefinitionError with all of its faults,
    StepError when there is no such text.
    """
    training = read_as_written(file, settings)
    spec, folder = training.spec, file.resolve().parent
    whole: dict[str, Any] = {
        "source": spec.source.below(folder),
        "joins": tuple(join.below(folder) for join in spec.joins),
    }
    if spec.privacy.erasure is not None:
        path = str((folder / spec.privacy.erasure.path).resolve())
        erasure = spec.privacy.erasure.model_copy(update={"path": path})
        whole["privacy"] = spec.privacy.model_copy(update={"erasure": erasure})
    return training.model_copy(update={"spec": spec.model_copy(update=whole)})


def read_as_written(file: File, settings: Sequence[str] = ()) -> Training:
    """The same with paths as they stand there. Raises what `read_training` raises."""
    return parse_training(_text(file), file.name, settings)


def resolved(training: Training) -> str:
    """The definition with every default in it, as JSON: what the steps of a pipeline read.

    Without `kubeflow`: what a step may use changes neither the model, nor what is in the cache of Kubeflow.
    """
    return training.model_dump_json(by_alias=True, indent=2, exclude_none=True, exclude={"kubeflow"}) + "\n"


def encoded(training: Training) -> str:
    """The resolved definition as one word, which `parse_training` reads too.

    Kubeflow Pipelines replaces placeholders and names of interpreters wherever it finds them in a parameter, and hands
    parameters over as arguments of programs, which may not be long.
    """
    return _ENCODED + base64.b64encode(zlib.compress(resolved(training).encode())).decode()


def parse_training(text: str, name: str = "training.yaml", settings: Sequence[str] = ()) -> Training:
    """The definition in `text`, which is called `name` in sentences. Raises DefinitionError with all of its faults."""
    document = with_settings(read_document(_decoded(text, name), name), settings)
    try:
        training = Training.model_validate(document.data)
        found = [document.problem(path, sentence) for path, sentence in faults(training)]
    except ValidationError as error:
        found = list(_problems(document, error))
    if document.problems or found:
        raise DefinitionError(name, (*document.problems, *found))
    return training


def _decoded(text: str, name: str) -> str:
    if not text.startswith(_ENCODED):
        return text
    unpacker = zlib.decompressobj()
    try:
        packed = base64.b64decode(text.removeprefix(_ENCODED), validate=True)
        # One byte more than a definition may have is enough to refuse it.
        found = unpacker.decompress(packed, MOST_BYTES + 1)
        if unpacker.eof or len(found) > MOST_BYTES:
            return found.decode()
    except (ValueError, zlib.error):
        pass
    raise DefinitionError(name, [DefinitionProblem(0, "", "it is encoded, and was cut off or changed")])


def _text(file: File) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StepError(
            f"{file} is not there: make one with `timoneiro training init TABLE.csv > {file.name}`"
        ) from None
    except UnicodeDecodeError as error:
        raise StepError(f"{file} is no UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise StepError(f"{file} cannot be read: {error.strerror}") from None


def _problems(document: Document, error: ValidationError) -> Iterator[DefinitionProblem]:
    for fault in error.errors():
        path, kind, context = tuple(fault["loc"]), fault["type"], fault.get("ctx", {})
        if kind == "default_factory_not_called":
            # A default that depends on what is wrong elsewhere, which is told.
            continue
        if path and path[-1] == "[key]":
            path = path[:-1]
        sentence = _SENTENCES.get(kind, _other)(document, path, context)
        yield document.problem(path, sentence or " ".join(fault["msg"].split()))


def _missing(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    del document, context
    description = fields_at(path[:-1]).get(str(path[-1]), {}).get("description")
    return f"it is missing{f'. {description}' if description else ''}"


def _unknown(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    del document, context
    known = list(fields_at(path[:-1]))
    close = get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"there is no such field; {hint}"


def _choice(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    expected, value = str(context["expected"]), document.written.get(path, "")
    close = get_close_matches(value, expected.replace("'", "").replace(" or ", ", ").split(", "), n=1, cutoff=0.5)
    return f"it must be {expected}{f'; did you mean {close[0]}?' if close and close[0] != value else ''}"


def _text_wanted(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    del context
    if path not in document.written:
        return "text is wanted"
    # As it stands there: 1.10 would be told as 1.1, and 007 as 7.
    written = document.written[path]
    return f'text is wanted: write "{written}" in quotes' if written else "text is wanted, and there is nothing"


def _number_wanted(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    del context
    written = document.written.get(path, "")
    hint = (
        f": write {written.replace(',', '.')}" if written.replace(",", "").isdigit() and written.count(",") == 1 else ""
    )
    return f"a number is wanted{hint}"


def _pattern(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    del document
    if context["pattern"] == DATA_KEY:
        return "it must be a key of the Secret: letters, digits, '-', '_' and '.'"
    if path[-1] in ("name", "serviceAccount") or path[-2:-1] == ("claims",):
        return "it must be lower case letters, digits and '-', at most 63 of them, and begin and end with none of '-'"
    if path[-1] == "function":
        return "it must be module:function, such as loans.table:load"
    if path[-1] == "path":
        return "it must be the name of a file"
    if path[-1] in ("tolerance", "maxAge", "maxGap", "timeout", "wait"):
        return "it must be a whole number of seconds, minutes, hours or days, such as 45s, 15m, 12h or 30d"
    if "env" in path[-2:] or path[-2:-1] == ("files",):
        return "it must be the name of an environment variable, such as LOANS_PASSWORD"
    if context["pattern"] == REGISTERED_NAME:
        return "it must be letters, digits, ' ', '.', '_' and '-', at most 200, with a letter or digit at both ends"
    if path[-1] == "url" and path[0] == "publish":
        return "it must be an address, such as https://registry.example.com"
    if path[-1] == "url":
        return "it must be an address, such as sqlite:///loans.db"
    if path[-1] == "memory":
        return "it must be a whole number of Mi or Gi, such as 8Gi"
    if path[-1] == "image":
        return "it must be the name of an image, best by digest: registry/name@sha256:..."
    return f"it must match {context['pattern']}"


def _other(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    """What pydantic says itself."""
    del document, path, context
    return ""


def _says(sentence: str) -> Callable[[Document, Path, Mapping[str, Any]], str]:
    return lambda document, path, context: sentence.format(**context)


_SENTENCES: dict[str, Callable[[Document, Path, Mapping[str, Any]], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _choice,
    "string_type": _text_wanted,
    "string_pattern_mismatch": _pattern,
    "float_type": _number_wanted,
    "float_parsing": _number_wanted,
    "int_type": _says("a whole number is wanted"),
    "int_from_float": _says("a whole number is wanted"),
    "bool_type": _says("true or false is wanted"),
    "finite_number": _says("a finite number is wanted: with NaN or infinity no limit ever holds"),
    "greater_than": _says("it must be more than {gt}"),
    "greater_than_equal": _says("it must be at least {ge}"),
    "less_than": _says("it must be less than {lt}"),
    "less_than_equal": _says("it must be at most {le}"),
    "string_too_short": _says("text is wanted, and there is none"),
    "string_too_long": _says("it has more than {max_length} characters"),
    "too_short": _says("at least {min_length} are wanted"),
    "tuple_type": _says("a list is wanted, such as [a, b]"),
    "dict_type": _says("fields are wanted, each in a line of its own, as `name: value`"),
    "model_type": _says("fields are wanted, each in a line of its own, as `name: value`"),
}
