"""KServe's transformer before the predictor: rolled out with it, and judged by what its users get."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.acts import production_rows
from localcluster.cluster import Cluster
from support import transformer as program
from support.bench import NAMESPACE, Bench
from support.waiting import wait

CODE = "transformer"
# Each request is served by two of KServe's Python servers: a load that two cores carry beside them.
RATE = 12.0
# Who fails goes back by the evidence, and who does not goes on after so many requests.
ANALYSIS = {
    "interval": "2s",
    "warmUp": "0s",
    "minRequests": 80,
    "promotion": "NoHarm",
    "metrics": [{"name": "errors", "negligible": 0.05}],
}
# Without a holdback: what answers after a promotion is the new model, and not the former one for a tenth of requests.
ROLLOUT = {
    "canary": {"steps": [{"weight": 50, "for": "8s"}]},
    "keepStable": "5s",
    "holdback": 0,
    "scaleDownDelay": "2s",
}


def transformer(mark: str, *, fails: str = "0") -> dict[str, Any]:
    """A transformer as people write it; its program is in a ConfigMap."""
    container = {
        "name": "kserve-container",
        "image": "ghcr.io/timoneiro/serving:0.1.0",
        "command": ["python", "/code/transformer.py"],
        "args": ["--mark", mark, "--fails", fails],
        "volumeMounts": [{"name": "code", "mountPath": "/code"}],
    }
    return {"containers": [container], "volumes": [{"name": "code", "configMap": {"name": CODE}}]}


@pytest.fixture(scope="module")
def bench(watched: Cluster, packages: dict[str, Path]) -> Iterator[Bench]:
    code = {"transformer.py": Path(program.__file__).read_text()}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CODE, "namespace": NAMESPACE}, "data": code}
    watched.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    made = Bench(watched, packages, name="before", rate=RATE)
    configure(made, transformer("1"))
    made.release("good")
    made.wait("the first model goes live", lambda: made.status().get("phase") == "Healthy")
    made.start_load()
    yield made
    made.close()


def configure(bench: Bench, before: dict[str, Any] | None = None) -> None:
    """All but the model; with a transformer before it, or without."""
    bench.configure(analysis=ANALYSIS, rollout=ROLLOUT, **({"transformer": before} if before is not None else {}))


def marks(bench: Bench) -> str | None:
    """The mark of the transformer that has answered; None where the model itself has."""
    body = {"instances": [production_rows()[0]]}
    answer = httpx.post(bench.url, headers={"Host": bench.host}, json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json().get("transformer")


def rolled_out(bench: Bench, change: Callable[[], object]) -> dict[str, Any]:
    """How the rollout ends that `change` begins."""
    before = len(bench.status()["history"])
    change()
    entries = bench.wait("the end of the rollout", lambda: (bench.status().get("history") or [])[before:])
    entry: dict[str, Any] = entries[0]
    return entry


def test_requests_reach_the_transformer_and_by_it_the_predictor(bench: Bench) -> None:
    assert marks(bench) == "1"


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_good_version_is_promoted_with_its_transformer(bench: Bench) -> None:
    entry = rolled_out(bench, lambda: bench.release("good"))
    assert (entry["outcome"], marks(bench)) == ("Promoted", "1"), entry


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_transformer_that_fails_on_some_requests_is_rolled_back_although_its_predictor_is_well(bench: Bench) -> None:
    entry = rolled_out(bench, lambda: configure(bench, transformer("bad", fails="0.3")))
    assert (entry["outcome"], "worse" in entry["reason"]) == ("RolledBack", True), entry
    bench.wait("all traffic is back", lambda: bench.status()["phase"] == "RolledBack")
    assert marks(bench) == "1"


@pytest.mark.usefixtures("nothing_is_lost_and_no_rule_is_broken")
def test_a_transformer_is_taken_away_and_added_again_by_rollouts(bench: Bench) -> None:
    entry = rolled_out(bench, lambda: configure(bench))
    assert (entry["outcome"], marks(bench)) == ("Promoted", None), entry
    entry = rolled_out(bench, lambda: configure(bench, transformer("2")))
    assert (entry["outcome"], marks(bench)) == ("Promoted", "2"), entry


def test_a_candidate_whose_transformer_does_not_start_never_gets_traffic_and_is_told_of(bench: Bench) -> None:
    broken = transformer("3")
    broken["containers"][0]["command"] = ["python", "/code/nothing.py"]
    entry = rolled_out(bench, lambda: configure(bench, broken))
    assert (entry["outcome"], "in the transformer: " in entry["reason"]) == ("RolledBack", True), entry


def test_what_kserve_does_not_take_is_told_in_its_own_words(bench: Bench) -> None:
    wrong = transformer("4")
    wrong["containers"][0]["imagee"] = "misspelt"
    configure(bench, wrong)

    def told() -> str:
        conditions = {c["type"]: c for c in bench.status().get("conditions") or []}
        return str(conditions["Ready"]["message"])

    wait("the refusal is told", lambda: "spec.transformer.containers[0]" in told(), state=told)
    assert marks(bench) == "2"


def test_an_inference_service_with_a_transformer_is_adopted_as_it_is(
    watched: Cluster, packages: dict[str, Path]
) -> None:
    made = Bench(watched, packages, name="adopted")
    _, model = made.upload("good")
    predictor = {
        "serviceAccountName": "models",
        "model": {"modelFormat": model["format"], "storageUri": model["uri"], "runtime": "timoneiro-serving-runtime"},
    }
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": made.name, "namespace": NAMESPACE},
        "spec": {"predictor": predictor, "transformer": transformer("theirs")},
    }
    watched.kubectl("delete", "modeldeployment", made.name)
    watched.kubectl("apply", "-f", "-", stdin=json.dumps(service))

    def ready() -> bool:
        conditions = (watched.get("isvc", made.name).get("status") or {}).get("conditions") or []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    made.wait("it serves", ready)
    answer = made.timoneiro("adopt", made.name, "--hostname", made.host)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert marks(made) == "theirs"
    made.close()
    watched.kubectl("delete", "isvc", made.name)
