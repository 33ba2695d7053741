"""Whoever verifies a signed package, the model server or model-signing, refuses whatever is not what was signed."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from model_signing import hashing, signing, verifying

from support.signing import KeyPair, key_pair
from timoneiro_serving.digest import SIGNATURE_FILE, directory_digest
from timoneiro_serving.errors import ModelLoadError
from timoneiro_serving.loading import load_model
from timoneiro_serving.signature import PublicKey

Change = Callable[[Path], object]
ROW = {"instances": [[0.1, 0.2, 0.3]]}


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return key_pair()


@pytest.fixture(scope="module")
def others() -> KeyPair:
    return key_pair()


@pytest.fixture
def unsigned(skops_folder: Path, tmp_path: Path) -> Path:
    """A folder with a good model, and one more file in a folder of it."""
    folder = Path(shutil.copytree(skops_folder, tmp_path / "package"))
    (folder / "more").mkdir()
    (folder / "more" / "notes.txt").write_text("of the model")
    return folder


@pytest.fixture
def signed(unsigned: Path, keys: KeyPair) -> Path:
    return keys.sign(unsigned)


def refusal(folder: Path, *trusted: KeyPair) -> str:
    """Of our own."""
    with pytest.raises(ModelLoadError) as caught:
        load_model(folder, public_keys=[PublicKey(pair.public) for pair in trusted])
    return str(caught.value)


def model_signing_verifies(folder: Path, keys: KeyPair, scratch: Path) -> bool:
    """Whether model-signing accepts it, when it is told to leave nothing out."""
    file = scratch / "public.pem"
    file.write_text(keys.public)
    everything = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    config = verifying.Config().use_elliptic_key_verifier(public_key=file).set_hashing_config(everything)
    try:
        config.verify(folder, folder / SIGNATURE_FILE)
    # It raises whatever its parts raise.
    except Exception:
        return False
    return True


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the document of the signature."""
    path = folder / SIGNATURE_FILE
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def payload_of(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    return found


def set_payload(document: dict[str, Any], statement: Any) -> None:
    document["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()


def relist(document: dict[str, Any]) -> None:
    """The list says that a file has other bytes, and the signature stays what it was."""
    statement = payload_of(document)
    statement["predicate"]["resources"][0]["digest"] = "0" * 64
    set_payload(document, statement)


def resigned(keys: KeyPair, change: Callable[[dict[str, Any]], object]) -> Change:
    """Another statement, properly signed: what only who has the key can do."""

    def of(folder: Path) -> None:
        def sign(document: dict[str, Any]) -> None:
            statement = payload_of(document)
            change(statement)
            set_payload(document, statement)
            payload = base64.b64decode(document["dsseEnvelope"]["payload"])
            kind = document["dsseEnvelope"]["payloadType"].encode()
            key = load_pem_private_key(keys.private.encode(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            made = key.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload), ec.ECDSA(hashes.SHA256()))
            document["dsseEnvelope"]["signatures"] = [{"sig": base64.b64encode(made).decode(), "keyid": ""}]

        edit(folder, sign)

    return of


def append(name: str) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + b"\n")


ALTERED: dict[str, tuple[Change, str]] = {
    "a changed model": (append("model.skops"), "model.skops is another one"),
    "a changed manifest": (append("timoneiro.json"), "timoneiro.json is another one"),
    "a changed file in a folder": (append("more/notes.txt"), "more/notes.txt is another one"),
    "a missing file": (lambda folder: (folder / "more" / "notes.txt").unlink(), "more/notes.txt is missing"),
    "a file too many": (lambda folder: (folder / "model.onnx").write_bytes(b"x"), "model.onnx is one too many"),
    "a hidden file too many": (lambda folder: (folder / ".gitignore").write_bytes(b"x"), ".gitignore is one too many"),
    "a second signature in a folder": (
        lambda folder: shutil.copyfile(folder / SIGNATURE_FILE, folder / "more" / SIGNATURE_FILE),
        "more/model.sig is one too many",
    ),
    "a renamed file": (
        lambda folder: (folder / "more").rename(folder / "less"),
        "less/notes.txt is one too many, more/notes.txt is missing",
    ),
    "a link": (lambda folder: (folder / "link").symlink_to("model.skops"), "link is a symbolic link"),
    "no signature": (lambda folder: (folder / SIGNATURE_FILE).unlink(), "is not signed, and a signature is demanded"),
    "an empty signature": (lambda folder: (folder / SIGNATURE_FILE).write_bytes(b""), "is no signature"),
    "a signature that is no object": (lambda folder: (folder / SIGNATURE_FILE).write_bytes(b"[]"), "is no signature"),
    "a signature cut short": (
        lambda folder: (folder / SIGNATURE_FILE).write_bytes((folder / SIGNATURE_FILE).read_bytes()[:-9]),
        "is no signature",
    ),
    "no signatures in it": (
        lambda folder: edit(folder, lambda document: document["dsseEnvelope"].update(signatures=[])),
        "is no signature",
    ),
    "another list of files": (lambda folder: edit(folder, relist), "was altered"),
    "another kind of bundle": (
        lambda folder: edit(folder, lambda document: document.update(mediaType="text/plain")),
        "is no application/vnd.dev.sigstore.bundle",
    ),
    "another kind of payload": (
        lambda folder: edit(folder, lambda document: document["dsseEnvelope"].update(payloadType="text/plain")),
        "is no application/vnd.dev.sigstore.bundle",
    ),
    "another key named": (
        lambda folder: edit(folder, lambda document: document["verificationMaterial"]["publicKey"].update(hint="0")),
        "was made with another key",
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_is_not_what_was_signed_is_refused_by_both(signed: Path, keys: KeyPair, tmp_path: Path, what: str) -> None:
    change, words = ALTERED[what]
    change(signed)
    assert words in refusal(signed, keys)
    assert not model_signing_verifies(signed, keys, tmp_path)


STATEMENTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another type": lambda statement: statement.update(_type="https://in-toto.io/Statement/v0"),
    "another predicate": lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v1"),
    "no files": lambda statement: statement["predicate"].update(resources=None),
    "a digest of the whole that is another": lambda statement: statement["subject"][0].update(
        digest={"sha256": "0" * 64}
    ),
    "two subjects": lambda statement: statement.update(subject=statement["subject"] * 2),
    "another algorithm": lambda statement: statement["predicate"]["resources"][0].update(algorithm="blake2b"),
}


@pytest.mark.parametrize("what", STATEMENTS)
def test_a_signed_statement_that_is_no_list_of_files_is_refused_by_both(
    signed: Path, keys: KeyPair, tmp_path: Path, what: str
) -> None:
    resigned(keys, STATEMENTS[what])(signed)
    assert "signs something that is no list of" in refusal(signed, keys)
    assert not model_signing_verifies(signed, keys, tmp_path)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_what_was_signed_is_accepted_by_both(unsigned: Path, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    own = key_pair(curve)
    own.sign(unsigned)
    assert load_model(unsigned, public_keys=[PublicKey(own.public)]).file.name == "model.skops"
    assert model_signing_verifies(unsigned, own, tmp_path)


def test_what_another_key_has_signed_is_refused_by_both(
    signed: Path, keys: KeyPair, others: KeyPair, tmp_path: Path
) -> None:
    assert "was made with another key than those that are trusted" in refusal(signed, others)
    assert not model_signing_verifies(signed, others, tmp_path)


def test_a_foreign_signature_that_names_a_trusted_key_is_refused(
    unsigned: Path, keys: KeyPair, others: KeyPair
) -> None:
    others.sign(unsigned)
    hint = PublicKey(keys.public).hint
    edit(unsigned, lambda document: document["verificationMaterial"]["publicKey"].update(hint=hint))
    assert "was altered, or made with another key than it says" in refusal(unsigned, keys)


def test_one_of_several_keys_is_enough(signed: Path, keys: KeyPair, others: KeyPair) -> None:
    trusted = [PublicKey(others.public), PublicKey(keys.public)]
    assert load_model(signed, public_keys=trusted).file.name == "model.skops"


def test_a_file_that_the_signature_leaves_out_is_refused(unsigned: Path, keys: KeyPair, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text(keys.private)
    all_but_notes = hashing.Config().set_ignored_paths(paths=["more/notes.txt", SIGNATURE_FILE])
    config = signing.Config().use_elliptic_key_signer(private_key=key).set_hashing_config(all_but_notes)
    config.sign(unsigned, unsigned / SIGNATURE_FILE)
    assert model_signing_verifies(unsigned, keys, tmp_path)
    assert "more/notes.txt is one too many" in refusal(unsigned, keys)


def test_the_digest_is_the_same_signed_or_not(unsigned: Path, keys: KeyPair) -> None:
    before = directory_digest(unsigned)
    assert directory_digest(keys.sign(unsigned)) == before


def test_a_signature_that_is_a_link_is_refused(signed: Path, keys: KeyPair, tmp_path: Path) -> None:
    shutil.move(signed / SIGNATURE_FILE, tmp_path / SIGNATURE_FILE)
    (signed / SIGNATURE_FILE).symlink_to(tmp_path / SIGNATURE_FILE)
    assert "model.sig is a symbolic link" in refusal(signed, keys)


def test_a_server_that_trusts_the_key_serves(signed: Path, keys: KeyPair, server_type: type[Any]) -> None:
    server = server_type(signed, arguments=["--model_public_key", keys.public])
    status = server.post("/v1/models/parcel:predict", json=ROW).status_code
    server.stop()
    assert status == 200


def test_an_unsigned_model_ends_a_server_that_demands_a_signature(
    unsigned: Path, keys: KeyPair, refused: Callable[..., str]
) -> None:
    assert refused(unsigned, "--model_public_key", keys.public).startswith(f"{unsigned} is not signed")


def test_an_altered_model_ends_a_server_that_demands_a_signature(
    signed: Path, keys: KeyPair, refused: Callable[..., str]
) -> None:
    append("model.skops")(signed)
    assert "model.skops is another one" in refused(signed, "--model_public_key", keys.public)


@pytest.mark.parametrize("pem", ["", "key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_that_is_none_ends_the_server(unsigned: Path, refused: Callable[..., str], pem: str) -> None:
    sentence = refused(unsigned, f"--model_public_key={pem}")
    assert sentence == "--model_public_key cannot be used: it is no public key in PEM (-----BEGIN PUBLIC KEY-----)"


def test_a_key_on_another_curve_ends_the_server(unsigned: Path, refused: Callable[..., str]) -> None:
    sentence = refused(unsigned, f"--model_public_key={key_pair(ec.SECP256K1()).public}")
    assert sentence.endswith("it is no elliptic curve key on P-256, P-384 or P-521")
