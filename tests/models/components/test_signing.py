"""A package is signed with a key of the environment, or there is a sentence that holds nothing of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from support.signing import KeyPair, key_pair
from timoneiro_components.cluster import ModelDeployments
from timoneiro_components.definition.training import Training
from timoneiro_components.errors import StepError
from timoneiro_components.packaging.signing import SigningKey, signing_key
from timoneiro_components.publish import publish
from timoneiro_components.sign import Signed, sign
from timoneiro_serving.digest import directory_digest
from timoneiro_serving.loading import load_model
from timoneiro_serving.signature import PublicKey

VARIABLE = "TIMONEIRO_TEST_SIGNING_KEY"
URI = "s3://models/diagnosis/1/"


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return key_pair()


@pytest.fixture
def wants_it(diagnosis: Callable[..., Training]) -> Training:
    return diagnosis(f"spec.package.signature.keyFrom.env={VARIABLE}")


@pytest.fixture
def signed(
    wants_it: Training, workspace: Any, keys: KeyPair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Path, Signed]:
    """The signed package, and what the step says of it."""
    monkeypatch.setenv(VARIABLE, keys.private)
    place = tmp_path / "signed"
    return place, sign(
        wants_it, package=workspace.package, digest=directory_digest(workspace.package), destination=place
    )


def test_a_signed_package_is_accepted_with_the_public_key(signed: tuple[Path, Signed], keys: KeyPair) -> None:
    assert load_model(signed[0], public_keys=[PublicKey(keys.public)]).file.name == "model.skops"


def test_a_signed_package_has_the_digest_of_the_unsigned_one(signed: tuple[Path, Signed], workspace: Any) -> None:
    assert directory_digest(signed[0]) == directory_digest(workspace.package)


def test_the_step_names_the_key_by_its_public_half(signed: tuple[Path, Signed], keys: KeyPair) -> None:
    assert signed[1].key == PublicKey(keys.public).hint


def test_the_package_of_the_step_before_stays_as_it_is(signed: tuple[Path, Signed], workspace: Any) -> None:
    assert not (workspace.package / "model.sig").exists()


def test_a_definition_without_a_signature_hands_the_package_on(
    diagnosis: Callable[..., Training], workspace: Any, tmp_path: Path
) -> None:
    digest = directory_digest(workspace.package)
    done = sign(diagnosis(), package=workspace.package, digest=digest, destination=tmp_path / "signed")
    assert (done.key, directory_digest(tmp_path / "signed")) == ("", digest)
    assert not (tmp_path / "signed" / "model.sig").exists()


def test_bytes_that_were_not_packaged_are_not_signed(
    wants_it: Training, workspace: Any, keys: KeyPair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, keys.private)
    altered = Path(shutil.copytree(workspace.package, tmp_path / "altered"))
    (altered / "more").write_bytes(b"x")
    with pytest.raises(StepError, match=r"altered is not what was packaged, sha256:.*: run the pipeline again"):
        sign(
            wants_it,
            package=altered,
            digest=directory_digest(workspace.package),
            destination=tmp_path / "signed",
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["altered"]


def test_a_run_that_is_repeated_puts_the_package_in_the_place_of_the_one_before(
    signed: tuple[Path, Signed], wants_it: Training, workspace: Any, keys: KeyPair
) -> None:
    (signed[0] / "left over").write_bytes(b"x")
    sign(wants_it, package=workspace.package, digest=directory_digest(workspace.package), destination=signed[0])
    assert load_model(signed[0], public_keys=[PublicKey(keys.public)]).file.name == "model.skops"


def test_the_key_is_in_no_file(signed: tuple[Path, Signed], keys: KeyPair) -> None:
    middle = keys.private.splitlines()[1].encode()
    assert not any(middle in path.read_bytes() for path in signed[0].iterdir())


def pem(key: Any, *, password: bytes | None = None) -> str:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    text: str = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
    return text


BAD_KEYS = {
    "none": (lambda: "", "is not set"),
    "no PEM": (lambda: "hunter2 and more", "holds no private key in PEM"),
    "a PEM without a key": (
        lambda: "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "holds no private key in PEM",
    ),
    "a public key": (lambda: key_pair().public, "holds no private key in PEM"),
    "a password": (
        lambda: pem(ec.generate_private_key(ec.SECP256R1()), password=b"hunter2"),
        "holds a key with a password",
    ),
    "RSA": (lambda: pem(rsa.generate_private_key(65537, 2048)), "holds a key of another kind"),
    "Ed25519": (lambda: pem(ed25519.Ed25519PrivateKey.generate()), "holds a key of another kind"),
    "another curve": (lambda: key_pair(ec.SECP256K1()).private, "holds a key on secp256k1: make one on P-256"),
}


@pytest.mark.parametrize("what", BAD_KEYS)
def test_a_key_that_cannot_sign_is_told_before_anything_runs_without_a_word_of_it(
    wants_it: Training, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    text, words = BAD_KEYS[what][0](), BAD_KEYS[what][1]
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(StepError) as caught:
        signing_key(wants_it)
    sentence = str(caught.value)
    assert sentence.startswith(f"spec.package.signature.keyFrom: the environment variable {VARIABLE} {words}")
    assert not any(line in sentence for line in text.splitlines() if line and "-----BEGIN" not in line)


def test_no_pipe_is_left_open(keys: KeyPair) -> None:
    key = SigningKey(VARIABLE, keys.private)
    before = len(list(Path("/dev/fd").iterdir()))
    with key.as_file() as path:
        assert b"PRIVATE KEY" in path.read_bytes()
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_signature_is_uploaded_with_the_package_and_the_manifest_stays_the_last(
    signed: tuple[Path, Signed], s3: Any
) -> None:
    s3.store.upload(signed[0], URI)
    assert (s3.puts[-1], "diagnosis/1/model.sig" in s3.puts) == ("diagnosis/1/timoneiro.json", True)


def test_a_package_that_is_in_the_store_unsigned_gets_its_signature(
    signed: tuple[Path, Signed], workspace: Any, s3: Any
) -> None:
    s3.store.upload(workspace.package, URI)
    before = len(s3.puts)
    assert s3.store.upload(signed[0], URI) is True
    assert s3.puts[before:] == ["diagnosis/1/model.sig"]


def test_a_signature_in_the_store_is_never_replaced(signed: tuple[Path, Signed], workspace: Any, s3: Any) -> None:
    s3.store.upload(signed[0], URI)
    first = s3.objects["models", "diagnosis/1/model.sig"]
    key_pair().sign(signed[0])
    assert s3.store.upload(signed[0], URI) is False
    assert s3.objects["models", "diagnosis/1/model.sig"] == first


def test_a_signed_package_is_published_under_the_digest_of_the_unsigned_one(
    signed: tuple[Path, Signed], workspace: Any, s3: Any, api_type: type[Any]
) -> None:
    api = api_type({"metadata": {"name": "diagnosis", "uid": "u-1"}})
    done = publish(
        signed[0],
        model_store="s3://models",
        namespace="ml",
        store=s3.store,
        deployments=ModelDeployments(api, "ml"),
    )
    assert done.digest == directory_digest(workspace.package)
