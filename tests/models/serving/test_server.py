"""The server as it runs in a pod: a process of its own, asked over HTTP."""

from __future__ import annotations

import json
import math
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sklearn.pipeline import Pipeline

from support.waiting import wait
from timoneiro_serving import __main__ as command_line
from timoneiro_serving import server as server_of_models
from timoneiro_serving.digest import directory_digest
from timoneiro_serving.loading import load_model

GOOD = [0.5, 0.5, 0.5]
MISSING = [0.5, None, 0.5]
PREDICT = "/v1/models/parcel:predict"
INFER = "/v2/models/parcel/infer"


def matrix(*rows: list[float | None]) -> dict[str, Any]:
    return {"inputs": [{"name": "input-0", "shape": [len(rows), 3], "datatype": "FP64", "data": rows}]}


@pytest.fixture(params=["skops_server", "onnx_server"])
def server(request: pytest.FixtureRequest) -> Any:
    """A server of a model that cannot cope with missing values, in each format."""
    return request.getfixturevalue(request.param)


def test_v1_answers_with_predictions_and_probabilities(server: Any) -> None:
    answer = server.post(PREDICT, json={"instances": [GOOD]}).json()
    assert answer["predictions"] == ["large"] and sum(answer["probabilities"][0]) == pytest.approx(1)


def test_v1_takes_values_by_name(server: Any) -> None:
    instance = {"height": 0.5, "width": -3, "length": -3}
    assert server.post(PREDICT, json={"instances": [instance]}).json()["predictions"] == ["small"]


def test_v1_reads_json_whatever_the_content_type_says(server: Any) -> None:
    answer = server.post(PREDICT, content=b'{"instances": [[1, 1, 1]]}')
    assert answer.status_code == 200


def test_v2_answers_with_a_tensor_of_predictions(server: Any) -> None:
    outputs = server.post(INFER, json=matrix(GOOD, [-3, -3, 0])).json()["outputs"]
    assert (outputs[0]["name"], outputs[0]["shape"], outputs[0]["data"]) == ("predictions", [2], ["large", "small"])


def test_v2_takes_one_tensor_a_feature(server: Any) -> None:
    inputs = [{"name": n, "shape": [1], "datatype": "FP64", "data": [2.0]} for n in ("width", "length", "height")]
    assert server.post(INFER, json={"inputs": inputs}).json()["outputs"][0]["data"] == ["large"]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[1, 2]]},
        {"instances": [{"depth": 1}]},
        {"instances": [["a", 1, 1]]},
        {"instances": 7},
        {"instances": []},
        {},
    ],
    ids=["too few values", "unknown feature", "text", "no list", "empty", "no instances"],
)
def test_bad_input_is_answered_with_400_and_a_sentence(skops_server: Any, body: dict[str, Any]) -> None:
    answer = skops_server.post(PREDICT, json=body)
    assert answer.status_code == 400 and len(answer.json()["error"]) > 20


def test_a_body_that_is_no_json_is_answered_with_400(skops_server: Any) -> None:
    assert skops_server.post(PREDICT, content=b"instances").status_code == 400


def test_a_bad_v2_shape_is_answered_with_400(skops_server: Any) -> None:
    assert skops_server.post(INFER, json=matrix([1.0, 2.0])).status_code == 400


def test_a_missing_value_fails_a_model_without_imputer_with_500(server: Any) -> None:
    assert server.post(PREDICT, json={"instances": [MISSING]}).status_code == 500


def test_a_missing_value_fails_a_model_without_imputer_in_v2_as_well(server: Any) -> None:
    assert server.post(INFER, json=matrix(MISSING)).status_code == 500


def test_a_missing_value_is_answered_by_a_model_with_imputer(imputing_server: Any) -> None:
    assert imputing_server.post(PREDICT, json={"instances": [MISSING]}).status_code == 200


def sockets_of(client: Any, *requests: tuple[str, dict[str, Any]]) -> list[tuple[int, Any]]:
    """Status of each request and the local address of the connection that it went over."""
    seen = []
    for path, arguments in requests:
        answer = client.post(path, **arguments)
        stream = answer.extensions["network_stream"]
        seen.append((answer.status_code, stream.get_extra_info("client_addr")))
    return seen


def test_the_connection_survives_a_failure_of_the_model(server: Any) -> None:
    bad, good = {"json": {"instances": [MISSING]}}, {"json": {"instances": [GOOD]}}
    with server.client() as client:
        (first, one), (second, other) = sockets_of(client, (PREDICT, bad), (PREDICT, good))
    assert (first, second, one) == (500, 200, other)


def test_the_connection_survives_a_request_that_kserve_cannot_handle(skops_server: Any) -> None:
    odd = {"content": b"{}", "headers": {"inference-header-content-length": "2", "content-type": "application/x"}}
    good = {"json": {"instances": [GOOD]}}
    with skops_server.client() as client:
        (first, one), (second, other) = sockets_of(client, (INFER, odd), (PREDICT, good))
    assert (first, second, one) == (400, 200, other)


def test_predict_count_minus_postprocess_count_is_the_number_of_failures(skops_server: Any) -> None:
    def failures() -> float:
        return float(skops_server.count("request_predict_seconds") - skops_server.count("request_postprocess_seconds"))

    before = failures()
    with skops_server.client() as client:
        for row in (GOOD, MISSING, GOOD, MISSING, MISSING):
            client.post(PREDICT, json={"instances": [row]})
    assert failures() - before == 3


def test_every_request_is_accounted_for_by_how_it_ended(skops_server: Any) -> None:
    before = skops_server.accounts()
    with skops_server.client() as client:
        for row in (GOOD, MISSING, GOOD, [1, 2], MISSING):
            client.post(PREDICT, json={"instances": [row]})
        client.get("/v1/models/parcel")
    after = skops_server.accounts()
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "begun": 5,
        "well": 2,
        "failed": 2,
        "refused": 1,
    }


def test_bad_input_is_no_failure_of_the_model(skops_server: Any) -> None:
    before = skops_server.count("request_predict_seconds")
    skops_server.post(PREDICT, json={"instances": []})
    assert skops_server.count("request_predict_seconds") == before


@pytest.fixture(scope="module")
def log(skops_folder: Path, server_type: type[Any]) -> list[str]:
    """What a server logs about five good requests and one that fails the model."""
    own = server_type(skops_folder)
    for row in (GOOD, GOOD, [12345.678, None, 1], GOOD, GOOD, GOOD):
        own.post(PREDICT, json={"instances": [row]})
    own.stop()
    started = next(position for position, line in enumerate(own.lines) if "Uvicorn running" in line)
    ended = next(position for position, line in enumerate(own.lines) if "Shutting down" in line)
    return list(own.lines[started + 1 : ended])


def test_only_failures_are_logged_each_in_one_line_with_its_type(log: list[str]) -> None:
    assert len(log) == 1 and "failed: ValueError" in log[0]


def test_no_value_of_a_request_is_logged(log: list[str]) -> None:
    assert "12345" not in "".join(log)


def test_the_server_ends_cleanly_when_it_is_told_to(skops_folder: Path, server_type: type[Any]) -> None:
    assert server_type(skops_folder).stop() == 0


def test_the_right_digest_lets_the_server_start(skops_folder: Path, server_type: type[Any]) -> None:
    own = server_type(skops_folder, environment={"TIMONEIRO_MODEL_DIGEST": directory_digest(skops_folder)})
    status = own.post(PREDICT, json={"instances": [GOOD]}).status_code
    own.stop()
    assert status == 200


def test_another_digest_ends_the_process_with_a_sentence(skops_folder: Path, refused: Callable[..., str]) -> None:
    sentence = refused(skops_folder, environment={"TIMONEIRO_MODEL_DIGEST": "sha256:" + "0" * 64})
    assert f"expected sha256:{'0' * 64}, found {directory_digest(skops_folder)}" in sentence


def test_a_broken_file_ends_the_process_with_its_name(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "model.skops").write_bytes(b"broken")
    assert refused(tmp_path).startswith(f"{tmp_path}/model.skops cannot be read")


def test_a_pickle_ends_the_process_with_the_reason(
    tmp_path: Path, classifier: Pipeline, refused: Callable[..., str]
) -> None:
    joblib.dump(classifier, tmp_path / "model.pkl")
    assert "--allow_pickle" in refused(tmp_path)


def test_a_missing_folder_ends_the_process_with_its_name(tmp_path: Path, refused: Callable[..., str]) -> None:
    assert refused(tmp_path / "nowhere").startswith(f"{tmp_path}/nowhere is not a folder")


def test_the_kubelet_finds_the_sentence_in_the_termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(command_line, "TERMINATION_LOG", log)
    command_line.main(["--model_name", "m", "--model_dir", str(tmp_path / "nowhere")])
    assert log.read_text().startswith(f"{tmp_path}/nowhere is not a folder")


def test_a_termination_log_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "TERMINATION_LOG", tmp_path)
    assert command_line.main(["--model_name", "m", "--model_dir", str(tmp_path / "nowhere")]) == 1


def test_a_value_that_the_model_was_not_made_for_is_answered_and_counted(
    tmp_path: Path, skops_folder: Path, server_type: Any
) -> None:
    folder = Path(shutil.copytree(skops_folder, tmp_path / "limited"))
    document = json.loads((folder / "timoneiro.json").read_text())
    document["features"][0]["maximum"] = 1
    (folder / "timoneiro.json").write_text(json.dumps(document))
    limited = server_type(folder)
    try:
        answers = [limited.post(PREDICT, json={"instances": [[value, 0, 0]]}) for value in (1, 2, 3)]
        assert [answer.status_code for answer in answers] == [200] * 3 and limited.outside() == {"length": 2}
    finally:
        limited.stop()


NUMBERS_THAT_ARE_NONE = ("NaN", "Infinity", "-Infinity", "1e999", "-1.7e308", "1" + "0" * 400)


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
@pytest.mark.parametrize("number", NUMBERS_THAT_ARE_NONE)
def test_what_is_no_finite_number_is_refused_on_every_protocol(server: Any, number: str, content_type: str) -> None:
    v2 = f'{{"inputs": [{{"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [{number}, 0, 0]}}]}}'
    for path, body in ((PREDICT, f'{{"instances": [[{number}, 0, 0]]}}'), (INFER, v2)):
        answer = server.post(path, content=body.encode(), headers={"content-type": content_type})
        assert answer.status_code == 400 and number not in answer.text, answer.text


def binary(values: bytes, size: int, shape: tuple[int, int] = (1, 3), datatype: str = "FP64") -> tuple[bytes, int]:
    tensor = {"name": "input-0", "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + values, len(head)


def ask_binary(server: Any, body: bytes, length: object) -> Any:
    headers = {"Inference-Header-Content-Length": str(length), "content-type": "application/octet-stream"}
    return server.post(INFER, content=body, headers=headers)


def test_a_binary_tensor_is_answered(server: Any) -> None:
    body, length = binary(struct.pack("<3d", 0.5, 0.5, 0.5), 24)
    assert ask_binary(server, body, length).status_code == 200


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_finite_number_is_refused_in_a_binary_tensor(server: Any, number: float) -> None:
    body, length = binary(struct.pack("<3d", number, 0.5, 0.5), 24)
    assert ask_binary(server, body, length).status_code == 400


def mistakes() -> dict[str, tuple[bytes, object]]:
    values = struct.pack("<3d", 1, 2, 3)
    body, length = binary(values, 24)
    return {
        "cut off": (body[:-5], length),
        "a length that is no number": (body, "abc"),
        "a length beyond the end": (body, 10_000),
        "a text whose length is none": (*binary(b"\xff\xff\xff\x7fabc", 7, (1, 1), "BYTES"),),
        "a text that is no UTF-8": (*binary(b"\x02\x00\x00\x00\xff\xfe", 6, (1, 1), "BYTES"),),
    }


@pytest.mark.parametrize("what", mistakes())
def test_a_body_that_cannot_be_read_is_the_callers_mistake(skops_server: Any, what: str) -> None:
    before = skops_server.accounts()
    answer = ask_binary(skops_server, *mistakes()[what])
    assert answer.status_code == 400, answer.text
    assert skops_server.accounts()["failed"] == before["failed"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_a_body_that_is_nested_too_deeply_is_refused(skops_server: Any, content_type: str) -> None:
    body = b'{"instances": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert skops_server.post(PREDICT, content=body, headers={"content-type": content_type}).status_code == 400


def test_a_body_that_is_not_of_the_protocol_is_refused_without_its_values(skops_server: Any) -> None:
    body = {"inputs": [{"name": "input-0", "shape": ["secret"], "data": [["secret"]]}]}
    answer = skops_server.post(INFER, json=body)
    assert answer.status_code == 400 and "secret" not in answer.text and "datatype" in answer.text


def test_v2_answers_with_the_outputs_that_are_asked_for(server: Any) -> None:
    body = {**matrix(GOOD), "id": "7", "outputs": [{"name": "probabilities"}]}
    answer = server.post(INFER, json=body).json()
    assert (answer["id"], [output["name"] for output in answer["outputs"]]) == ("7", ["probabilities"])


def test_v2_answers_in_binary_where_that_is_asked_for(server: Any) -> None:
    body = {**matrix(GOOD), "parameters": {"binary_data_output": True}}
    answer = server.post(INFER, json=body)
    length = int(answer.headers["inference-header-content-length"])
    assert [output["name"] for output in json.loads(answer.content[:length])["outputs"]][-1] == "probabilities"
    assert sum(struct.unpack("<2d", answer.content[-16:])) == pytest.approx(1)


@pytest.mark.parametrize("said", [{"id": "mine"}, {}])
def test_v2_answers_with_the_id_of_the_request_or_one_of_its_own(server: Any, said: dict[str, str]) -> None:
    answer = server.post(INFER, json={**matrix(GOOD), **said}).json()
    assert answer["id"] == said.get("id", answer["id"]) != ""


@pytest.mark.parametrize(
    "body",
    [b"[]", b"7", b"{", b'{"inputs": 7}', b'{"inputs": [7]}', b'{"id": 7, "inputs": []}', b'{"inputs": []}', b"\xff"],
)
def test_a_v2_body_of_another_form_is_refused(skops_server: Any, body: bytes) -> None:
    answer = skops_server.post(INFER, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]


@pytest.mark.parametrize(
    "tensor",
    [
        {"name": "x", "shape": [6148914691236517206, 3], "datatype": "FP64", "data": [1, 1]},
        {"name": "x", "shape": [4611686018427387904, 4], "datatype": "FP64", "data": []},
        {"name": "x", "shape": [-1, 3], "datatype": "FP64", "data": []},
    ],
)
def test_a_shape_that_nothing_has_is_the_callers_mistake(skops_server: Any, tensor: dict[str, Any]) -> None:
    assert skops_server.post(INFER, json={"inputs": [tensor]}).status_code == 400


@pytest.mark.parametrize("path", [PREDICT, INFER])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
def test_half_a_character_is_the_callers_mistake(skops_server: Any, path: str, content_type: str) -> None:
    before = skops_server.accounts()
    body = b'{"id": "\\ud800", "instances": [["\\ud800", 1, 1]], ' + json.dumps(matrix(GOOD)).encode()[1:]
    assert skops_server.post(path, content=body, headers={"content-type": content_type}).status_code == 400
    assert skops_server.accounts()["failed"] == before["failed"]


@pytest.mark.parametrize("path", ["/v2/models/parcel/versions/1/infer", "/v1/models/parcel:explain"])
def test_what_no_model_has_is_404_and_no_failure(skops_server: Any, path: str) -> None:
    before = skops_server.accounts()
    assert skops_server.post(path, json={**matrix(GOOD), "instances": [GOOD]}).status_code == 404
    assert skops_server.accounts()["failed"] == before["failed"]


def test_a_client_that_goes_away_with_requests_in_line_is_no_failure(skops_server: Any) -> None:
    before, body = skops_server.accounts(), json.dumps({"instances": [GOOD] * 2000}).encode()
    said = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = f"POST {PREDICT} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in said.items()) + "\r\n"
    host, port = skops_server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall((head.encode() + body) * 10)
        client.recv(100)
    wait("the end of all of them", lambda: skops_server.accounts()["in_flight"] == 0)
    assert skops_server.accounts()["failed"] == before["failed"]


def test_a_model_that_is_not_there_is_404(skops_server: Any) -> None:
    answer = skops_server.post("/v2/models/other/infer", json=matrix(GOOD))
    assert answer.status_code == 404 and "other does not exist" in answer.json()["error"]


class ListenerThatOnlySaysItsSettings:
    """Stands for KServe's, which would listen until the process ends."""

    settings: dict[str, Any]

    def __init__(self, **settings: Any) -> None:
        type(self).settings = settings

    def start(self, models: list[Any]) -> None:
        """Does nothing."""


def test_an_idle_connection_is_kept_for_longer_than_envoy_keeps_it(
    skops_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_of_models, "ModelServer", ListenerThatOnlySaysItsSettings)
    monkeypatch.setattr(server_of_models, "REGISTRY", CollectorRegistry())
    monkeypatch.setattr(server_of_models, "app", FastAPI())
    # The loop of a server is not for the tests.
    monkeypatch.setattr(server_of_models.asyncio, "set_event_loop_policy", lambda policy: None)
    monkeypatch.setattr(server_of_models.asyncio, "set_event_loop", lambda loop: loop.close())
    server_of_models.serve("parcel", load_model(skops_folder), http_port=0, overdue_seconds=10, number_bounds=[1])
    assert ListenerThatOnlySaysItsSettings.settings["timeout_keep_alive"] > 3600
