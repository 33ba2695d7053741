"""A folder gives a model or a sentence that names the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from timoneiro_serving.digest import directory_digest, file_digests
from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import load_model


def refusal(folder: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        load_model(folder)
    return str(caught.value)


@pytest.fixture
def copy(skops_folder: Path, tmp_path: Path) -> Path:
    """A folder with a good model that a test may spoil."""
    return Path(shutil.copytree(skops_folder, tmp_path / "copy"))


def change_manifest(folder: Path, **changes: object) -> None:
    path = folder / "timoneiro.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_skops_model_answers_as_the_one_that_was_saved(
    skops_folder: Path, classifier: Pipeline, rows: pd.DataFrame
) -> None:
    answer = load_model(skops_folder).predictor.predict(rows)
    assert answer.predictions.tolist() == classifier.predict(rows).tolist()


def test_an_onnx_model_gives_the_probabilities_of_the_one_it_was_made_from(
    onnx_folder: Path, classifier: Pipeline, rows: pd.DataFrame
) -> None:
    answer = load_model(onnx_folder).predictor.predict(rows)
    assert answer.probabilities == pytest.approx(classifier.predict_proba(rows), abs=1e-5)


def test_without_a_manifest_the_model_names_its_own_columns(copy: Path) -> None:
    (copy / "timoneiro.json").unlink()
    assert [feature.name for feature in load_model(copy).features] == ["length", "width", "height"]


def test_a_model_without_column_names_gets_numbered_ones(tmp_path: Path, rows: pd.DataFrame) -> None:
    skops.io.dump(LinearRegression().fit(rows.to_numpy(), rows["length"]), tmp_path / "model.skops")
    assert [feature.name for feature in load_model(tmp_path).features] == ["x0", "x1", "x2"]


def test_a_model_that_is_no_classifier_gives_no_probabilities(tmp_path: Path, rows: pd.DataFrame) -> None:
    skops.io.dump(LinearRegression().fit(rows, rows["length"]), tmp_path / "model.skops")
    assert load_model(tmp_path).predictor.predict(rows).probabilities is None


def test_classes_are_in_the_order_of_the_probabilities(skops_folder: Path) -> None:
    assert load_model(skops_folder).classes == ("large", "small")


def test_the_right_digest_is_accepted(skops_folder: Path) -> None:
    digest = directory_digest(skops_folder)
    assert load_model(skops_folder, expected_digest=digest).file.name == "model.skops"


def listed(folder: Path) -> Path:
    """The folder with a manifest that lists the other files."""
    files = {name: content for name, content in file_digests(folder).items() if name != "timoneiro.json"}
    change_manifest(folder, files=files)
    return folder


def test_what_the_manifest_lists_is_accepted(copy: Path) -> None:
    assert load_model(listed(copy)).file.name == "model.skops"


def test_bytes_that_the_manifest_does_not_list_are_refused_without_a_digest(copy: Path) -> None:
    listed(copy)
    with (copy / "model.skops").open("ab") as file:
        file.write(b"\n")
    assert "that timoneiro.json lists: model.skops is another one;" in refusal(copy)


def test_files_that_the_manifest_does_not_list_or_that_are_not_there_are_named(copy: Path) -> None:
    listed(copy)
    (copy / "model.skops").rename(copy / "model.onnx")
    for name in "abc":
        (copy / name).write_bytes(b"x")
    assert "lists: a is one too many, b is one too many, c is one too many and 2 more;" in refusal(copy)


@pytest.mark.parametrize("files", [[], {"model.skops": 1}])
def test_a_list_of_files_that_is_none_is_refused(copy: Path, files: object) -> None:
    change_manifest(copy, files=files)
    assert "timoneiro.json: files must give each file its SHA-256" in refusal(copy)


def test_another_digest_is_refused_before_the_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"not a model at all")
    with pytest.raises(ModelLoadError, match=r"expected sha256:0, found sha256:[0-9a-f]{64}"):
        load_model(tmp_path, expected_digest="sha256:0")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} holds no model file" in refusal(tmp_path)


def test_two_models_in_one_folder_are_refused(copy: Path) -> None:
    (copy / "model.onnx").write_bytes(b"x")
    assert "holds model.skops and model.onnx" in refusal(copy)


def test_a_broken_skops_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(b"broken")
    assert f"{tmp_path}/model.skops cannot be read as a skops model" in refusal(tmp_path)


def test_a_broken_onnx_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"broken")
    assert f"{tmp_path}/model.onnx cannot be read as an ONNX model" in refusal(tmp_path)


def test_an_unknown_type_in_a_skops_file_is_named(tmp_path: Path, rows: pd.DataFrame) -> None:
    model = Pipeline([("call", FunctionTransformer(shutil.rmtree)), ("fit", LinearRegression())])
    skops.io.dump(model, tmp_path / "model.skops")
    assert "types that are not known to be safe: shutil.rmtree" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
def test_a_pickle_is_refused_with_the_reason(tmp_path: Path, classifier: Pipeline, name: str) -> None:
    joblib.dump(classifier, tmp_path / name)
    assert "loading it runs whatever code is in the file" in refusal(tmp_path)


def test_a_pickle_is_loaded_if_the_caller_allows_it(tmp_path: Path, classifier: Pipeline) -> None:
    joblib.dump(classifier, tmp_path / "model.joblib")
    assert load_model(tmp_path, allow_pickle=True).classes == ("large", "small")


def test_something_that_cannot_predict_is_refused(tmp_path: Path) -> None:
    skops.io.dump({"a": 1}, tmp_path / "model.skops")
    assert "holds a dict, which has no predict()" in refusal(tmp_path)


def test_a_manifest_with_fewer_features_than_the_model_wants_is_refused(copy: Path) -> None:
    change_manifest(copy, features=[{"name": "length"}])
    assert "wants 3 features but timoneiro.json lists 1" in refusal(copy)


def test_a_manifest_with_the_columns_in_another_order_is_refused(copy: Path) -> None:
    change_manifest(copy, features=[{"name": name} for name in ("width", "length", "height")])
    assert "other columns or another order" in refusal(copy)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"schemaVersion": 2}, "schemaVersion is 2, this server reads 1"),
        ({"format": "sklearn"}, "format.name is missing"),
        ({"features": []}, "features must be a list"),
        ({"features": [{"dtype": "float64"}]}, "features[0].name is missing"),
        ({"features": [{"name": "a", "dtype": "money"}]}, "features[0].dtype is 'money'"),
        ({"features": [{"name": "a", "nullable": "no"}]}, "features[0].nullable must be true or false"),
        ({"features": [{"name": "a", "minimum": "0"}]}, "features[0].minimum must be a number"),
        ({"features": [{"name": "a", "maximum": True}]}, "features[0].maximum must be a number"),
        ({"features": [{"name": "a", "values": "x"}]}, "features[0].values must be a list of texts"),
        ({"features": [{"name": "a", "binWidth": 0}]}, "features[0].binWidth must be more than 0"),
        ({"features": [{"name": "a", "prefixLength": 0}]}, "features[0].prefixLength must be a whole number of at"),
        ({"features": [{"name": "a", "prefixLength": True}]}, "features[0].prefixLength must be a whole number of at"),
        ({"features": [{"name": "a", "timeZone": "Foo"}]}, "features[0].timeZone: there is no time zone 'Foo'"),
        ({"features": [{"name": "a"}], "outside": "drop"}, "outside is 'drop', known are count, refuse"),
        ({"features": [{"name": "a"}, {"name": "a"}]}, "holds a name twice"),
        ({"target": {"classes": "large"}}, "target.classes must be a list"),
    ],
)
def test_a_malformed_manifest_is_refused_by_field(copy: Path, changes: dict[str, object], sentence: str) -> None:
    change_manifest(copy, **changes)
    assert sentence in refusal(copy)


def test_a_manifest_that_is_no_json_is_refused_by_name(copy: Path) -> None:
    (copy / "timoneiro.json").write_text("{")
    assert "timoneiro.json is not readable JSON" in refusal(copy)


def graph(folder: Path, *inputs: tuple[str, int, Sequence[int | None]]) -> Path:
    """A graph that passes the first of its inputs on."""
    made = helper.make_graph(
        [helper.make_node("Identity", [inputs[0][0]], ["label"])],
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
        [helper.make_tensor_value_info("label", inputs[0][1], inputs[0][2])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


FLOAT, STRING, WHOLE = TensorProto.FLOAT, TensorProto.STRING, TensorProto.INT64


def test_a_graph_with_an_input_for_each_feature_is_asked_by_their_names(tmp_path: Path) -> None:
    model = load_model(graph(tmp_path, ("town", STRING, (None, 1)), ("age", FLOAT, (None, 1))))
    assert [(feature.name, feature.is_text) for feature in model.features] == [("town", True), ("age", False)]
    rows = pd.DataFrame({"town": ["Rome", np.nan], "age": [1.0, 2.0]})
    assert model.predictor.predict(rows).predictions.tolist() == ["Rome", ""]


@pytest.mark.parametrize(
    "inputs",
    [
        [("rows", FLOAT, (None, 3, 3))],
        [("rows", STRING, (None, 3))],
        [("rows", WHOLE, (None, 3))],
        [("rows", FLOAT, (None, 2)), ("age", FLOAT, (None, 1))],
    ],
)
def test_a_graph_that_takes_no_rows_is_refused_with_what_it_wants(tmp_path: Path, inputs: Any) -> None:
    assert "wants the inputs rows tensor(" in refusal(graph(tmp_path, *inputs))


def test_a_graph_with_texts_where_the_manifest_has_numbers_is_refused(tmp_path: Path) -> None:
    graph(tmp_path, ("town", STRING, (None, 1)))
    (tmp_path / "timoneiro.json").write_text(
        json.dumps({"schemaVersion": 1, "format": {"name": "onnx"}, "features": [{"name": "town"}]})
    )
    assert "takes texts for other columns than timoneiro.json lists" in refusal(tmp_path)


def test_a_graph_of_numbers_where_the_manifest_has_texts_is_refused(tmp_path: Path) -> None:
    graph(tmp_path, ("rows", FLOAT, (None, 1)))
    (tmp_path / "timoneiro.json").write_text(
        json.dumps({"schemaVersion": 1, "format": {"name": "onnx"}, "features": [{"name": "town", "dtype": "string"}]})
    )
    assert "takes texts for other columns than timoneiro.json lists" in refusal(tmp_path)
