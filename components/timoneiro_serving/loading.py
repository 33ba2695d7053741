"""Loads the model of a folder, and nothing that the folder's owner did not ask for.

Guarantees
* `model.skops` is read with an explicit list of types; any other type is named and refused.
* `model.joblib` and `model.pkl` run code on loading and are refused unless the caller allows it.
* With an expected digest, or keys that must have signed, the bytes are compared before any of them is interpreted;
  with what the manifest lists they always are.
* Every failure is a ModelLoadError: one sentence that names the file and the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelLoadError, first_line
from .estimators import ModelPredictor, OnnxPredictor, sklearn_predictor
from .integrity import Contents
from .manifest import MANIFEST_FILE, TEXT_DTYPE, Feature, Manifest, read_manifest

if TYPE_CHECKING:
    from .signature import PublicKey

SKOPS_FILE = "model.skops"
ONNX_FILE = "model.onnx"
PICKLE_FILES = ("model.joblib", "model.pkl")

# Types that skops does not trust by itself and that the estimators of scikit-learn need. They hold
# arrays and models, and nothing that runs by itself: a tree, the nodes of a boosted tree, the type of
# an array, a model with what makes probabilities of its scores; and what this server computes itself.
TRUSTED_TYPES = frozenset(
    {
        "numpy.dtype",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "timoneiro_serving.derivation.Derivation",
    }
)


@dataclass(frozen=True)
class LoadedModel:
    """A model, the columns that it wants, in order, and the classes in the order of its probabilities
    (none if it is no classifier, or does not say). `refuse_outside`: see Manifest."""

    file: Path
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    predictor: ModelPredictor
    refuse_outside: bool = False


def load_model(
    folder: Path,
    *,
    expected_digest: str | None = None,
    public_keys: Sequence[PublicKey] = (),
    allow_pickle: bool = False,
) -> LoadedModel:
    """The one model in `folder`; raises ModelLoadError with a sentence for whatever is wrong with it.

    With `public_keys` one of them has to have signed all files.
    """
    if not folder.is_dir():
        raise ModelLoadError(f"{folder} is not a folder: mount or download the model there")
    contents = Contents(folder)
    if public_keys:
        contents.check_signature(public_keys)
    if expected_digest is not None:
        contents.check_digest(expected_digest)
    manifest = read_manifest(folder)
    if manifest is not None and manifest.files is not None:
        contents.check_listed(manifest.files)
    file = _model_file(folder, allow_pickle=allow_pickle)
    refuse = manifest is not None and manifest.refuse_outside
    if file.name == ONNX_FILE:
        return replace(_load_onnx(file, manifest), refuse_outside=refuse)
    estimator = load_skops(file) if file.name == SKOPS_FILE else _load_pickle(file)
    features = _estimator_features(file, estimator, manifest)
    labels = getattr(estimator, "classes_", ()) if manifest is None else manifest.classes
    return LoadedModel(file, features, tuple(str(label) for label in labels), sklearn_predictor(estimator), refuse)


def _model_file(folder: Path, *, allow_pickle: bool) -> Path:
    known = [folder / name for name in (SKOPS_FILE, ONNX_FILE, *PICKLE_FILES)]
    found = [path for path in known if path.is_file()]
    if not found:
        names = ", ".join(path.name for path in known)
        raise ModelLoadError(f"{folder} holds no model file: one of {names} is wanted")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise ModelLoadError(f"{folder} holds {names}: keep the one that is to be served")
    if found[0].name in PICKLE_FILES and not allow_pickle:
        raise ModelLoadError(
            f"{found[0]} is refused because loading it runs whatever code is in the file: save the model as "
            f"{SKOPS_FILE} or {ONNX_FILE}, or start the server with --allow_pickle if you trust its author"
        )
    return found[0]


def load_skops(file: Path) -> Any:
    """The estimator in a skops file; raises ModelLoadError if it is broken or holds an unknown type."""
    import skops.io  # noqa: PLC0415

    try:
        untrusted = sorted(set(skops.io.get_untrusted_types(file=file)) - TRUSTED_TYPES)
        if not untrusted:
            return skops.io.load(file, trusted=sorted(TRUSTED_TYPES))
    except Exception as error:
        raise ModelLoadError(f"{file} cannot be read as a skops model: {first_line(error)}") from error
    raise ModelLoadError(
        f"{file} is refused because it holds types that are not known to be safe: {', '.join(untrusted)}; "
        f"build the model from scikit-learn's own parts, or save it as {ONNX_FILE}"
    )


def open_onnx(content: bytes) -> Any:
    """A session of onnxruntime for a serialised graph; raises what onnxruntime raises."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    # One request is one small matrix: more threads cost more than they give, and their number would
    # be taken from the node and not from the container's limit.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _load_pickle(file: Path) -> Any:
    import joblib  # noqa: PLC0415

    try:
        return joblib.load(file)
    except Exception as error:
        raise ModelLoadError(f"{file} cannot be loaded: {first_line(error)}") from error


def _load_onnx(file: Path, manifest: Manifest | None) -> LoadedModel:
    try:
        session = open_onnx(file.read_bytes())
    except Exception as error:
        raise ModelLoadError(f"{file} cannot be read as an ONNX model: {first_line(error)}") from error
    inputs = session.get_inputs()
    if not OnnxPredictor.takes(inputs):
        found = ", ".join(f"{entry.name} {entry.type} {entry.shape}" for entry in inputs)
        raise ModelLoadError(
            f"{file} wants the inputs {found}; export the model with one float input of shape (rows, features), or "
            "with one of floats or strings, of shape (rows, 1), for each feature"
        )
    predictor = OnnxPredictor(session)
    classes = () if manifest is None else manifest.classes
    return LoadedModel(file, _onnx_features(file, predictor, manifest), classes, predictor)


def _onnx_features(file: Path, predictor: OnnxPredictor, manifest: Manifest | None) -> tuple[Feature, ...]:
    columns = predictor.columns
    if manifest is None and columns:
        return tuple(Feature(name, TEXT_DTYPE if is_text else "float64") for name, is_text in columns)
    features = _columns(file, manifest, predictor.width, None)
    texts = [is_text for _, is_text in columns] or [False] * len(features)
    if [feature.is_text for feature in features] != texts:
        raise ModelLoadError(
            f"{file} takes texts for other columns than {MANIFEST_FILE} lists; package the model again"
        )
    return features


def _estimator_features(file: Path, estimator: Any, manifest: Manifest | None) -> tuple[Feature, ...]:
    if not callable(getattr(estimator, "predict", None)):
        raise ModelLoadError(
            f"{file} holds a {type(estimator).__name__}, which has no predict(): package a fitted estimator"
        )
    # A Pipeline answers these through its first step and raises if that step keeps no such record.
    names = getattr(estimator, "feature_names_in_", None)
    width = getattr(estimator, "n_features_in_", None)
    return _columns(file, manifest, width, None if names is None else [str(name) for name in names])


def _columns(file: Path, manifest: Manifest | None, width: int | None, names: list[str] | None) -> tuple[Feature, ...]:
    if manifest is None:
        if names is not None:
            return tuple(Feature(name) for name in names)
        if width is not None:
            return tuple(Feature(f"x{position}") for position in range(width))
        raise ModelLoadError(f"{file} does not say how many features it wants: add a {MANIFEST_FILE} that lists them")
    if width is not None and width != len(manifest.features):
        raise ModelLoadError(
            f"{file} wants {width} features but {MANIFEST_FILE} lists {len(manifest.features)}; package the model again"
        )
    listed = [feature.name for feature in manifest.features]
    if names is not None and names != listed:
        raise ModelLoadError(
            f"{file} was trained on other columns or another order than {MANIFEST_FILE} lists; package the model again"
        )
    return manifest.features
