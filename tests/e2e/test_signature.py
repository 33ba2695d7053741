"""Where a signature is demanded, a model that has none, or another one, never gets a request."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.bench import QUICK, Bench, make_package
from support.signing import KeyPair, key_pair

pytestmark = pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    return key_pair()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory, keys: KeyPair) -> dict[str, Path]:
    """One model: signed as it is demanded, by somebody else, and not at all."""
    root = tmp_path_factory.mktemp("signed")
    unsigned = make_package(root, impute=True)
    return {
        "good": keys.sign(Path(shutil.copytree(unsigned, root / "good"))),
        "foreign": key_pair().sign(Path(shutil.copytree(unsigned, root / "foreign"))),
        "unsigned": unsigned,
    }


@pytest.fixture(scope="module")
def bench(open_bench: Callable[..., Bench], keys: KeyPair) -> Bench:
    """People demand the signature before there is a model; what the pipeline owns of `spec.model` is the rest."""
    return open_bench("signed", model={"signature": {"publicKeys": [keys.public]}}, **QUICK)


def outcome(bench: Bench, version: str) -> dict[str, Any]:
    entry: dict[str, Any] = bench.wait(f"the end of the rollout of version {version}", lambda: bench.outcome(version))
    return entry


def cut_short(name: str, content: bytes) -> bytes:
    return content[: len(content) // 2] if name == "README.md" else content


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("unsigned", None, "is not signed, and a signature is demanded"),
        ("foreign", None, "was made with another key than those that are trusted"),
        ("good", cut_short, "model.sig was made for: README.md is another one"),
    ],
    ids=["unsigned", "foreign", "altered"],
)
def test_a_model_that_is_not_signed_as_demanded_never_gets_a_request(
    bench: Bench, kind: str, change: Callable[[str, bytes], bytes] | None, words: str
) -> None:
    stable, first = bench.stable_pods(), len(bench.outside.routes())
    version, model = bench.upload(kind, change=change)
    # Who can write to the store and to the deployment can leave the digest out.
    del model["digest"]
    bench.publish(model)
    entry = outcome(bench, version)
    assert (entry["outcome"], words in entry["reason"]) == ("RolledBack", True), entry
    assert bench.stable_pods() == stable
    assert all(len([w for w in routed.values() if w]) == 1 for routed in bench.outside.routes()[first:])


def test_a_model_that_is_signed_as_demanded_is_promoted(bench: Bench) -> None:
    assert outcome(bench, bench.release("good"))["outcome"] == "Promoted"
