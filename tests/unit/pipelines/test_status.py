"""`timoneiro training status`, and every way in which an API cannot be asked: one sentence, and an exit code."""

from __future__ import annotations

import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from support.loopback import listening
from support.recording_pipeline_api import RecordingPipelineApi
from timoneiro_operator.cli.main import app as program
from timoneiro_pipelines import connection

TOKEN = "token-of-the-service-account"


@pytest.fixture
def api() -> Iterator[RecordingPipelineApi]:
    server = RecordingPipelineApi(token=TOKEN)
    server.resources["experiments"]["e-1"] = {"experiment_id": "e-1", "display_name": "loans"}
    moment = "2026-01-31T03:00:00Z"
    server.resources["runs"]["r-1"] = {
        "run_id": "r-1",
        "display_name": "loans 7",
        "state": "SUCCEEDED",
        "created_at": moment,
        "finished_at": "2026-01-31T03:01:00Z",
        "run_details": {
            "task_details": [
                {"display_name": "ingest-data", "state": "SUCCEEDED", "start_time": moment, "end_time": moment}
            ]
        },
    }
    with listening(server):
        yield server


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: RecordingPipelineApi) -> None:
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", api.address)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", "token")


def typed(*arguments: str) -> tuple[int, str, str]:
    """Exit code, and what was printed to stdout and to stderr. Never the token."""
    done = CliRunner().invoke(program, ["training", "status", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert TOKEN not in done.output
    return done.exit_code, done.stdout, done.stderr


def test_the_latest_runs_are_listed(api: RecordingPipelineApi) -> None:
    code, printed, _ = typed()
    assert (code, printed.splitlines()[1].split()[:4]) == (0, ["r-1", "loans", "7", "SUCCEEDED"])
    assert api.requests[-1].query["sort_by"] == "created_at desc"


def test_runs_are_those_of_an_experiment_if_one_is_named(api: RecordingPipelineApi) -> None:
    assert typed("--experiment", "loans")[0] == 0
    assert api.requests[-1].query["experiment_id"] == "e-1"


def test_a_run_is_shown_with_its_steps() -> None:
    assert typed("r-1")[1].splitlines() == [
        "loans 7 (r-1): SUCCEEDED, 1m00s",
        "STEP         STATE      DURATION  REASON",
        "ingest-data  SUCCEEDED  0s",
    ]


@pytest.mark.parametrize("arguments", [("r-1",), ()])
def test_programs_read_json(arguments: tuple[str, ...]) -> None:
    found = json.loads(typed(*arguments, "-o", "json")[1])
    run = found if arguments else found[0]
    assert (run["run"], run["state"], run["seconds"], run["steps"][0]["name"]) == (
        "r-1",
        "SUCCEEDED",
        60,
        "ingest-data",
    )


def test_a_run_that_is_not_there_is_not_found() -> None:
    assert typed("r-2") == (4, "", "the run r-2 is not there\n")


def test_an_experiment_that_is_not_there_is_not_found() -> None:
    assert typed("--experiment", "lons") == (4, "", "there is no experiment lons\n")


def test_a_token_is_read_anew_for_every_request(api: RecordingPipelineApi, tmp_path: Path) -> None:
    made = connection.connection(api.address, token=tmp_path / "token")
    (tmp_path / "token").write_text("renewed")
    assert made.read_token() == "renewed"


def test_a_token_that_is_not_known_is_told_with_what_it_has_to_be(tmp_path: Path, api: RecordingPipelineApi) -> None:
    (tmp_path / "token").write_text("another")
    code, _, told = typed()
    assert (code, told) == (
        5,
        f"{api.address} does not know who asks (Unauthenticated: there is no user identity header): --token-file must "
        "be a token of a service account for the audience pipelines.kubeflow.org, and not be over\n",
    )


@pytest.mark.parametrize("content", ["", "two words", "ümlaut"])
def test_what_is_no_token_is_not_sent(content: str, tmp_path: Path, api: RecordingPipelineApi) -> None:
    (tmp_path / "token").write_text(content)
    code, _, told = typed()
    assert (code, api.requests) == (5, []) and "token" in told and (not content or content not in told)


def test_a_token_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert typed("--token-file", "nowhere")[::2] == (
        5,
        "the token in nowhere cannot be read: No such file or directory\n",
    )


def test_a_token_is_not_sent_in_plain_text_to_another_machine() -> None:
    code, _, told = typed("--host", "http://kubeflow.example.com/pipeline")
    assert code == 2 and "a token is not sent in plain text" in told


@pytest.mark.parametrize(
    "host", ["http://ml-pipeline:8888", "http://ml-pipeline.kubeflow.svc:8888", "http://[::1]:8888"]
)
def test_a_token_is_sent_within_a_cluster(host: str, tmp_path: Path) -> None:
    assert connection.connection(host, token=tmp_path / "token").host == host


@pytest.mark.parametrize(
    "host", ["kubeflow.example.com", "ftp://a", "https://", "https://me:secret@a", "https://a:b", "https://a?b"]
)
def test_what_is_no_address_is_wrong_use_and_not_shown(host: str) -> None:
    code, _, told = typed("--host", host)
    assert code == 2 and told.startswith("--host must be an address") and "secret" not in told


def test_without_an_address_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    assert typed()[2].startswith("where is Kubeflow Pipelines? Say it with --host or KF_PIPELINES_ENDPOINT")


def test_a_host_that_does_not_answer_is_told(api: RecordingPipelineApi) -> None:
    api.server_close()
    code, _, told = typed()
    assert (code, told) == (
        5,
        f"{api.address} does not answer (Connection refused): is --host right, and reachable from here?\n",
    )


def test_access_that_is_refused_names_the_profile(api: RecordingPipelineApi) -> None:
    api.failures["GET", "runs"] = (403, "RBAC: access denied")
    assert typed("--profile", "team")[::2] == (
        5,
        "the runs: access is refused (RBAC: access denied): let the service account in, or is profile team the right "
        "one?\n",
    )


def test_a_long_refusal_is_one_line_and_cut(api: RecordingPipelineApi) -> None:
    api.failures["GET", "runs"] = (500, "Internal\n" * 200)
    told = typed()[2]
    assert len(told.splitlines()) == 1 and len(told) < 500


class _Stranger(BaseHTTPRequestHandler):
    """Another program at that address: a page, a login, or nothing that this API knows."""

    def do_GET(self) -> None:
        code, content = int(self.path.split("/")[1]), b"<html>hello</html>"
        self.send_response(code)
        self.send_header("location", "/200/login")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Stranger)
    with listening(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("code", [200, 404])
def test_another_program_is_told_from_the_api(stranger: str, code: int) -> None:
    found, _, told = typed("--host", f"{stranger}/{code}")
    assert found == 5 and "answers, and is no API of Kubeflow Pipelines" in told


def test_a_login_is_not_followed(stranger: str) -> None:
    code, _, told = typed("--host", f"{stranger}/302")
    assert code == 5 and told.endswith("sends to another page, as a login does: give a token with --token-file\n")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that has signed itself, with its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(hours=1), now + timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[RecordingPipelineApi]:
    server = RecordingPipelineApi(token=TOKEN)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with listening(server):
        yield server


def test_a_certificate_of_one_s_own_is_trusted_if_it_is_said(secure: RecordingPipelineApi, certificate: Path) -> None:
    host = secure.address.replace("http:", "https:")
    assert typed("--host", host, "--ca-file", str(certificate))[0] == 0


def test_a_certificate_that_nobody_knows_is_not_trusted(secure: RecordingPipelineApi) -> None:
    code, _, told = typed("--host", secure.address.replace("http:", "https:"))
    assert code == 5 and told.endswith("the certificate is not trusted: say with --ca-file who has signed it\n")
    assert secure.requests == []


def test_a_file_of_certificates_that_is_not_there_is_wrong_use() -> None:
    assert typed("--ca-file", "nowhere.pem")[::2] == (
        2,
        "nowhere.pem is no file: --ca-file is a file of certificates in PEM\n",
    )


def test_who_asks_for_the_status_imports_no_compiler(api: RecordingPipelineApi) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from timoneiro_operator.cli.main import app;"
        "done = CliRunner().invoke(app, ['training', 'status']);"
        "sys.exit(done.exit_code or 'kfp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
