"""docs/training.md as a new user follows it: the commands as they stand there, on a table that is made here."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from support.signing import KeyPair
from timoneiro_components.definition.environment import cluster_faults
from timoneiro_components.definition.reading import parse_training
from timoneiro_pipelines.plan import general_plan
from timoneiro_serving.integrity import Contents
from timoneiro_serving.loading import load_model
from timoneiro_serving.signature import PublicKey

PAGE = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
GATES = ("require-valid-data", "require-good-model", "require-working-model", "require-promotion")
AGAIN = {"never": 0, "twice": 2}
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def block(kind: str, beginning: str) -> str:
    """The block of that kind in which a line begins like that."""
    return next(text for found, text in BLOCKS if found == kind and re.search(f"^{re.escape(beginning)}", text, re.M))


def loans(file: Path) -> None:
    """1,200 loans as a bank in Brazil would export them; who earns less is likelier not to pay."""
    chance = random.Random(4)  # data, and no secret
    lines = ["loan_id;income;age;job;owner;note;status"]
    for number in range(1200):
        income = chance.lognormvariate(8, 0.6)
        owner = chance.random() < 0.4
        bad = chance.random() < 1 / (1 + (income / 2000) ** 2 * (3 if owner else 1))
        earned = f"{income:.2f}".replace(".", ",") if chance.random() > 0.03 else "NA"
        job = chance.choice(["clerk", "nurse", "café"])
        lines.append(
            f"{number};{earned};{chance.randint(18, 80)};{job};{'yes' if owner else 'no'};"
            f'"said; ""{chance.random()}""";{"bad" if bad else "good"}'
        )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tutorial")
    loans(made / "loans.csv")
    return made


@pytest.fixture(scope="module")
def followed(folder: Path) -> dict[str, str]:
    """What each command of the first block has printed, but for pip's."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    printed = {}
    for command in block("", "timoneiro training init").splitlines():
        if command.startswith("timoneiro"):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=folder,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            printed[command] = done.stdout
    return printed


def test_the_draft_has_the_types_of_the_table(followed: dict[str, str], folder: Path) -> None:
    spec = parse_training((folder / "training.yaml").read_text()).spec
    assert {name: column.type for name, column in spec.columns.items()} == {
        "loan_id": "Key",
        "income": "Number",
        "age": "Integer",
        "job": "Category",
        "owner": "Boolean",
        "status": "Category",
    }
    assert spec.ignore == ("note",)


def test_the_check_finds_nothing_wrong(followed: dict[str, str]) -> None:
    assert followed["timoneiro training check"].strip() == (
        "training.yaml: loans, 4 columns to learn from, nothing is wrong"
    )


def test_the_run_ends_with_a_model_that_answers_rows_as_callers_send_them(followed: dict[str, str]) -> None:
    line = next(line for line in followed["timoneiro training run"].splitlines() if line.startswith("package:"))
    model = load_model(Path(line.split()[1]))
    row = {"income": 900.0, "age": 30.0, "job": "a job that nobody had", "owner": 0.0}
    answer = model.predictor.predict(pd.DataFrame([row], columns=[feature.name for feature in model.features]))
    assert answer.predictions.tolist() == ["bad"]


def test_the_manifest_says_what_callers_may_send(followed: dict[str, str]) -> None:
    line = next(line for line in followed["timoneiro training run"].splitlines() if line.startswith("package:"))
    features = load_model(Path(line.split()[1])).features
    assert [(f.name, f.dtype, f.nullable) for f in features] == [
        ("income", "float64", True),
        ("age", "int64", False),
        ("job", "string", False),
        ("owner", "bool", False),
    ]


def test_the_whole_file_of_the_page_is_right_and_fits_the_table(folder: Path) -> None:
    training = parse_training(block("yaml", "apiVersion: timoneiro.dev/v1alpha1"))
    assert set(training.spec.columns) | set(training.spec.ignore) == {
        "loan_id",
        "income",
        "age",
        "job",
        "owner",
        "note",
        "status",
    }


def test_what_the_page_says_for_kubeflow_can_run_on_a_cluster() -> None:
    whole = block("yaml", "apiVersion: timoneiro.dev/v1alpha1") + block("yaml", "kubeflow:")
    who = "userFrom: {env: LOANS_USER}, passwordFrom: {env: LOANS_PASSWORD}"
    source = f"{{sql: {{url: 'postgresql://h/bank', table: loans, {who}}}}}"
    training = parse_training(whole, settings=[f"spec.source={source}", "spec.privacy.erasure=null"])
    assert list(cluster_faults(training)) == []


def test_the_table_of_the_page_has_what_steps_get() -> None:
    shown = {}
    for line in re.findall(r"^\| .* \| .* \| .*[MG]i \| .* \| .* \|$", PAGE, re.MULTILINE):
        names, cores, memory, again, longest = (cell.strip() for cell in line.strip("|").split("|"))
        for name in names.replace("and the gates", ", ".join(GATES)).split(","):
            shown[name.strip()] = (float(cores), memory, AGAIN[again], seconds_of(longest))
    assert shown == {
        name: (int(step.cpu.removesuffix("m")) / 1000, step.memory, step.retries, step.seconds)
        for name, step in general_plan().steps.items()
    }


def seconds_of(text: str) -> int:
    number, unit = text.split()
    return int(number) * {"minute": 60, "hour": 3600, "day": 86400}[unit.removesuffix("s")]


def test_the_lines_of_python_train_a_model(folder: Path, followed: dict[str, str]) -> None:
    code = block("python", "from pathlib import Path")
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "cv_rocAuc" in done.stdout, done.stderr


def test_the_keys_of_the_page_sign_and_verify(tmp_path: Path) -> None:
    subprocess.run(["bash", "-ec", block("", "openssl genpkey")], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.skops").write_bytes(b"a model")
    keys = KeyPair((tmp_path / "key.pem").read_text(), (tmp_path / "public.pem").read_text())
    Contents(keys.sign(tmp_path / "model")).check_signature([PublicKey(keys.public)])
