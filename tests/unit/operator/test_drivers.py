"""Drivers: what is read of the cluster by revision, and which writes a decision means."""

from typing import Any, TypeVar

import msgspec
import pytest

from support.fake_world import FakeWorld
from support.pods import pod_of
from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.scaling import Replicas
from timoneiro_operator.api.status import (
    Candidate,
    Retiring,
    Revision,
    Snapshot,
    Stable,
    Status,
    Step,
    Traffic,
    Weights,
)
from timoneiro_operator.decide.decision import Decision
from timoneiro_operator.decide.lifecycle import wanted_snapshot
from timoneiro_operator.decide.observation import Routing
from timoneiro_operator.drivers.driver import Apply, Children, Patch, Remove
from timoneiro_operator.drivers.gateway import GatewayDriver
from timoneiro_operator.drivers.knative import KnativeDriver
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.traffic.gateway import build_route

GATEWAY, KNATIVE = GatewayDriver(), KnativeDriver()
NO_CHILDREN = Children(services={}, pods={})


def deployment(status: Status | None = None, **spec: Any) -> ModelDeployment:
    world = FakeWorld(status=status or Status())
    world.spec |= spec
    return world.deployment


def pod(service: str, ready: bool = True) -> dict[str, Any]:
    return pod_of(f"{service}-predictor", conditions=[{"type": "Ready", "status": str(ready)}])


class TestGateway:
    def snapshot(self) -> Snapshot:
        return wanted_snapshot(deployment(), deployment().revision or "")

    def service(self) -> dict[str, Any]:
        return build_inference_service(deployment(), self.snapshot())

    def test_ready_pods_are_counted_by_the_revision_that_they_carry(self) -> None:
        body, revision = self.service(), self.snapshot().revision
        name = body["metadata"]["name"]
        children = Children(services={name: body}, pods={revision: [pod(name), pod(name, ready=False)]})
        assert GATEWAY.workloads(deployment(), children)[revision].ready_replicas == 1

    def test_a_service_that_is_not_ours_or_on_its_way_out_serves_nothing(self) -> None:
        leaving = self.service()
        leaving["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
        foreign = {"metadata": {"name": "x", "labels": {}}}
        children = Children(services={"a": leaving, "x": foreign}, pods={})
        assert GATEWAY.workloads(deployment(), children) == {}

    def test_a_service_whose_model_was_edited_is_told_by_the_snapshot(self) -> None:
        snapshot, body = self.snapshot(), self.service()
        status = Status(revisions=(snapshot,))
        children = Children(services={"s": body}, pods={})
        assert GATEWAY.workloads(deployment(status), children)[snapshot.revision].as_built
        body["spec"]["predictor"]["model"]["storageUri"] = "s3://elsewhere/"
        assert not GATEWAY.workloads(deployment(status), children)[snapshot.revision].as_built

    def test_capacity_comes_before_traffic_and_traffic_before_deletion(self) -> None:
        there = self.service()
        known = self.snapshot()
        decision = Decision(
            status=Status(revisions=(known,)),
            ensure=(msgspec.structs.replace(known, revision="b"),),
            scale={known.revision: Replicas(3, 3)},
            routing=Routing(weights={"a": 100, "b": 0}),
            delete=("c",),
        )
        children = Children(services={there["metadata"]["name"]: there}, pods={})
        writes = GATEWAY.writes(deployment(), decision, children)
        assert [type(write) for write in writes] == [Apply, Patch, Apply, Remove]
        assert writes[1] == Patch(
            name=there["metadata"]["name"], components={"predictor": {"minReplicas": 3, "maxReplicas": 3}}
        )
        assert writes[3] == Remove(name="fraud-c")
        assert [write.first for write in writes if isinstance(write, Apply)] == [True, True]

    def test_what_is_there_is_overruled_and_what_is_as_wanted_is_left_alone(self) -> None:
        routing = Routing(weights={"a": 100})
        body = self.service()
        children = Children(
            services={body["metadata"]["name"]: body}, pods={}, route=build_route(deployment(), routing)
        )
        decision = Decision(status=Status(), ensure=(self.snapshot(),), routing=routing)
        writes = GATEWAY.writes(deployment(), decision, children)
        assert [(write.kind, write.first) for write in writes if isinstance(write, Apply)] == [
            ("InferenceService", False)
        ]

    def test_what_was_made_before_is_ours_even_when_its_labels_are_gone(self) -> None:
        snapshot = self.snapshot()
        stable = Stable(revision=snapshot.revision, inference_service="x", uri="s3://x/", ready=True)
        made = deployment(Status(stable=stable, revisions=(snapshot,)))
        decision = Decision(status=made.status, ensure=(snapshot,), routing=Routing(weights={snapshot.revision: 100}))
        writes = GATEWAY.writes(made, decision, NO_CHILDREN)
        assert [write.first for write in writes if isinstance(write, Apply)] == [False, False]

    def test_what_is_on_its_way_out_is_made_anew_only_when_it_is_gone(self) -> None:
        body = self.service()
        body["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
        children = Children(services={body["metadata"]["name"]: body}, pods={})
        decision = Decision(status=Status(), ensure=(self.snapshot(),))
        assert GATEWAY.writes(deployment(), decision, children) == ()


def optional_parts() -> ModelDeployment:
    predictor = {
        "resources": {"limits": {"memory": "1Gi"}},
        "runtime": "mine",
        "serviceAccountName": "models",
        "env": [{"name": "A", "value": "1"}],
    }
    return deployment(predictor=predictor)


def test_everything_of_the_predictor_is_handed_on_to_kserve() -> None:
    made = optional_parts()
    predictor = build_inference_service(made, wanted_snapshot(made, "a"))["spec"]["predictor"]
    assert predictor["serviceAccountName"] == "models"
    assert predictor["model"]["runtime"] == "mine"
    assert predictor["model"]["resources"] == {"limits": {"memory": "1Gi"}}
    assert predictor["model"]["env"] == [{"name": "A", "value": "1"}]


def test_a_model_without_a_version_has_no_annotation_of_it() -> None:
    made = deployment(model={"format": {"name": "sklearn"}, "uri": "s3://models/fraud/1"})
    body = build_inference_service(made, wanted_snapshot(made, "a"))
    assert "timoneiro.dev/model-version" not in body["metadata"]["annotations"]


Part = TypeVar("Part", bound=Revision)


def knative_deployment(
    stable: str | None = None, candidate: str | None = None, *, backends: tuple[str | None, str | None] = (None, None)
) -> ModelDeployment:
    def part(role: type[Part], revision: str | None, backend: str | None) -> Part | None:
        if revision is None:
            return None
        return role(revision=revision, inference_service="fraud", uri="s3://x/", backend=backend)

    plain = deployment(route={"driver": "Knative"})
    model, predictor = plain.model, plain.spec.predictor
    named = [
        Snapshot(revision=name, model=msgspec.structs.replace(model, uri=f"s3://{name}/"), predictor=predictor)
        for name in ("a", "b", "c")
    ]
    status = Status(
        stable=part(Stable, stable, backends[0]),
        candidate=part(Candidate, candidate, backends[1]),
        revisions=tuple(named),
    )
    return deployment(status, route={"driver": "Knative"})


def snapshot(name: str) -> Snapshot:
    return next(s for s in knative_deployment().status.revisions if s.revision == name)


def service(name: str, *, percent: int | None = None, rolled_out: str | None = "n1") -> dict[str, Any]:
    body = build_inference_service(knative_deployment(), snapshot(name))
    if percent is not None:
        body["spec"]["predictor"]["canaryTrafficPercent"] = percent
    body["status"] = {"components": {"predictor": {"latestRolledoutRevision": rolled_out}}}
    return body


def ksvc(
    name: str,
    *,
    created: str | None = "n2",
    ready: str | None = "n2",
    split: list[tuple[str, bool, int]] | None = None,
    wanted: list[tuple[str, bool, int]] | None = None,
    observed: int = 5,
    **conditions: tuple[str, str],
) -> dict[str, Any]:
    def targets(entries: list[tuple[str, bool, int]]) -> list[dict[str, Any]]:
        return [{"revisionName": n, "latestRevision": latest, "percent": p} for n, latest, p in entries]

    return {
        "metadata": {"generation": 5},
        "spec": {
            "template": {"metadata": {"labels": {"timoneiro.dev/revision": name}}},
            "traffic": targets(wanted if wanted is not None else split or []),
        },
        "status": {
            "observedGeneration": observed,
            "latestCreatedRevisionName": created,
            "latestReadyRevisionName": ready,
            "traffic": targets(split or []),
            "conditions": [{"type": t, "status": s, "message": m} for t, (s, m) in conditions.items()],
        },
    }


def children(body: dict[str, Any] | None, knative: dict[str, Any] | None = None) -> Children:
    return Children(services={"fraud": body} if body else {}, pods={}, knative=knative)


class TestKnative:
    def test_nothing_serves_before_there_is_anything(self) -> None:
        assert KNATIVE.workloads(knative_deployment("a"), NO_CHILDREN) == {}
        assert KNATIVE.route(knative_deployment("a"), NO_CHILDREN) is None
        assert KNATIVE.route(knative_deployment("a"), children(service("a"))) is None

    def test_a_candidate_is_ready_when_the_revision_of_its_own_template_is(self) -> None:
        made = knative_deployment("a", "b")
        found = KNATIVE.workloads(made, children(service("b", percent=0), ksvc("b")))
        assert (found["a"].serving, found["b"].serving, found["b"].backend) == (True, True, "n2")

    @pytest.mark.parametrize(
        "knative",
        [
            None,
            ksvc("b", observed=4),
            ksvc("a"),
            ksvc("b", ready="n1"),
            ksvc("b", created=None, ready=None),
        ],
    )
    def test_a_candidate_is_not_ready_before_knative_has_seen_and_started_its_template(self, knative: Any) -> None:
        found = KNATIVE.workloads(knative_deployment("a", "b"), children(service("b", percent=0), knative))
        assert not found["b"].serving

    def test_a_candidate_that_was_ready_stays_so_while_knative_takes_another_split_up(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", "n2"))
        found = KNATIVE.workloads(made, children(service("b", percent=20), ksvc("b", observed=4)))
        assert found["b"].serving

    def test_a_revision_without_an_autoscaler_is_whole_while_the_spec_has_one(self) -> None:
        spec = {"route": {"driver": "Knative"}, "predictor": {"minReplicas": 1, "maxReplicas": 9}}
        fixed = msgspec.structs.replace(deployment().spec.predictor, min_replicas=5)
        snapshot = Snapshot(revision="a", model=deployment().model, predictor=fixed)
        status = msgspec.structs.replace(knative_deployment("a").status, revisions=(snapshot,))
        found = KNATIVE.workloads(deployment(status, **spec), children(service("a"), ksvc("a")))
        assert found["a"].has(Replicas(5, 5))

    def test_a_candidate_that_was_ready_and_is_no_more_has_lost_its_readiness(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", "n2"))
        found = KNATIVE.workloads(made, children(service("b", percent=20), ksvc("b", ready="n1")))
        assert not found["b"].serving

    def test_the_words_of_knative_say_why_a_revision_does_not_start(self) -> None:
        broken = ksvc("b", ready="n1", ConfigurationsReady=("False", "exit 1"))
        failure = KNATIVE.workloads(knative_deployment("a", "b"), children(service("b"), broken))["b"].failure
        assert failure is not None
        assert (failure.reason, failure.message, failure.final) == ("RevisionFailed", "exit 1", False)

    def test_a_route_that_is_broken_serves_nobody_and_one_that_is_being_programmed_does(self) -> None:
        made = knative_deployment("a", backends=("n1", None))
        for state, serving in (("False", False), ("Unknown", True), ("True", True)):
            found = KNATIVE.workloads(made, children(service("a"), ksvc("a", RoutesReady=(state, ""))))
            assert found["a"].serving is serving

    def test_what_the_template_is_not_of_does_not_serve(self) -> None:
        assert KNATIVE.workloads(knative_deployment("c"), children(service("b", rolled_out=None), ksvc("b"))) == {}
        assert list(KNATIVE.workloads(knative_deployment(None, "a"), children(service("b"), ksvc("b")))) == []

    def test_the_first_revision_has_the_split_as_soon_as_its_template_is_known(self) -> None:
        made = knative_deployment(None, "a")
        state = KNATIVE.route(made, children(service("a"), ksvc("a", split=[("n2", True, 100)])))
        assert state is not None
        assert state.routing.weights == {"a": 100}

    def test_a_candidate_whose_template_nobody_has_seen_has_no_name_and_no_share(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", None))
        split = [("n1", True, 0), ("n1", False, 100), ("n0", False, 0)]
        state = KNATIVE.route(made, children(service("b"), ksvc("a", observed=4, split=split)))
        assert state is not None
        assert state.routing.weights == {"a": 100}

    def test_a_service_on_its_way_out_serves_nothing_and_is_waited_for(self) -> None:
        leaving = service("a")
        leaving["metadata"]["deletionTimestamp"] = "2026-11-24T10:00:00Z"
        made = knative_deployment("a")
        assert KNATIVE.workloads(made, children(leaving)) == {}
        decision = Decision(status=made.status, ensure=(snapshot("a"),), routing=Routing(weights={"a": 100}))
        assert KNATIVE.writes(made, decision, children(leaving)) == ()

    def test_a_model_that_was_edited_is_told_by_the_snapshot(self) -> None:
        body = service("a")
        body["spec"]["predictor"]["model"]["storageUri"] = "s3://elsewhere/"
        assert not KNATIVE.workloads(knative_deployment("a"), children(body, ksvc("a")))["a"].as_built

    def test_a_split_is_read_by_revision_with_shares_summed(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", "n2"))
        split = [("n2", True, 20), ("n1", False, 80)]
        state = KNATIVE.route(made, children(service("b", percent=20), ksvc("b", split=split)))
        assert state is not None
        assert (state.routing.weights, state.accepted) == ({"a": 80, "b": 20}, True)

    def test_the_newest_ready_revision_may_be_the_stable_one_itself(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", None))
        split = [("n1", True, 0), ("n1", False, 100)]
        state = KNATIVE.route(made, children(service("b", percent=0), ksvc("b", ready="n1", split=split)))
        assert state is not None
        assert state.routing.shares()[0] == {"a": 100}

    @pytest.mark.parametrize("observed", [4, 5])
    def test_a_split_that_is_not_carried_out_yet_is_not_accepted(self, observed: int) -> None:
        made = knative_deployment("a", "b", backends=("n1", "n2"))
        knative = ksvc(
            "b",
            split=[("n2", True, 20), ("n1", False, 80)],
            wanted=[("n2", True, 50), ("n1", False, 50)] if observed == 5 else None,
            observed=observed,
        )
        state = KNATIVE.route(made, children(service("b", percent=50), knative))
        assert state is not None
        assert (state.accepted, state.reason) == (False, "Pending")

    def test_traffic_to_a_revision_that_nobody_knows_is_said(self) -> None:
        made = knative_deployment("a", "b", backends=("n1", "n2"))
        split = [("n2", True, 0), ("n0", False, 100)]
        state = KNATIVE.route(made, children(service("b", percent=0), ksvc("b", split=split)))
        assert state is not None
        assert (state.accepted, state.reason) == (False, "OtherRevision")
        assert "Knative sends traffic to n0" in state.message

    def test_a_percent_that_somebody_has_edited_is_no_split_of_ours_even_before_kserve_acts_on_it(self) -> None:
        plain = knative_deployment("a", "b", backends=("n1", "n2"))
        traffic = Traffic(desired=Weights(stable=80, candidate=20), accepted=True)
        made = msgspec.structs.replace(plain, status=msgspec.structs.replace(plain.status, traffic=traffic))
        knative = ksvc("b", split=[("n2", True, 20), ("n1", False, 80)])
        as_built = []
        for percent in (20, 90):
            state = KNATIVE.route(made, children(service("b", percent=percent), knative))
            as_built.append(state is not None and state.as_built)
        assert as_built == [True, False]

    def held_back(self, *, backend: str | None = "n1") -> ModelDeployment:
        """Version b was promoted, and a keeps a tenth."""
        plain = knative_deployment("b", backends=("n2", None))
        former = Retiring(
            was="Stable",
            revision="a",
            inference_service="fraud",
            uri="s3://a/",
            delete_at="2026-11-24T10:00:00Z",
            backend=backend,
        )
        status = msgspec.structs.replace(
            plain.status,
            retiring=(former,),
            step=Step(kind="Holdback", index=2, count=2, weight=90),
            traffic=Traffic(desired=Weights(stable=90, candidate=0, former=10), accepted=True),
        )
        return deployment(status, route={"driver": "Knative"})

    def test_in_a_holdback_the_former_model_is_the_one_that_kserve_calls_rolled_out(self) -> None:
        made, split = self.held_back(), [("n2", True, 90), ("n1", False, 10)]
        seen = children(service("b", percent=90), ksvc("b", split=split))
        found, state = KNATIVE.workloads(made, seen), KNATIVE.route(made, seen)
        assert state is not None
        assert (state.routing.weights, state.accepted, state.as_built) == ({"b": 90, "a": 10}, True, True)
        assert (found["a"].serving, found["a"].backend, found["b"].backend) == (True, "n1", "n2")

    @pytest.mark.parametrize(("backend", "rolled_out"), [("n1", "n2"), (None, "n1"), ("n0", "n1")])
    def test_a_former_model_that_kserve_does_not_keep_serves_nothing(
        self, backend: str | None, rolled_out: str
    ) -> None:
        seen = children(service("b", percent=90, rolled_out=rolled_out), ksvc("b"))
        assert list(KNATIVE.workloads(self.held_back(backend=backend), seen)) == ["b"]

    def test_a_holdback_leaves_the_percent_that_the_promotion_has_written(self) -> None:
        made = self.held_back()
        routing = Routing(weights={"b": 90, "a": 10})
        assert self.writes(made, service("b", percent=90), routing=routing) == ()

    def test_what_was_promoted_is_made_anew_with_the_percent_of_the_holdback(self) -> None:
        routing = Routing(weights={"b": 90, "a": 10})
        (write,) = self.writes(self.held_back(), service("a", percent=90), routing=routing, ensure=(snapshot("b"),))
        assert write.body["spec"]["predictor"]["canaryTrafficPercent"] == 90

    def test_the_end_of_a_holdback_gives_everything_to_the_latest_revision(self) -> None:
        made = self.held_back()
        over = msgspec.structs.replace(made, status=msgspec.structs.replace(made.status, step=None))
        (write,) = self.writes(over, service("b", percent=90), routing=Routing(weights={"b": 100}))
        assert write == Patch(name="fraud", components={"predictor": {"canaryTrafficPercent": 100}})

    def writes(self, made: ModelDeployment, body: dict[str, Any] | None, **fields: Any) -> tuple[Any, ...]:
        return KNATIVE.writes(made, Decision(status=made.status, **fields), children(body))

    def test_the_first_revision_gets_no_percent(self) -> None:
        (write,) = self.writes(knative_deployment(None, "a"), None, ensure=(snapshot("a"),))
        assert write.first
        assert "canaryTrafficPercent" not in write.body["spec"]["predictor"]

    def test_a_new_template_is_written_together_with_percent_0(self) -> None:
        (write,) = self.writes(
            knative_deployment("a", "b"), service("a"), ensure=(snapshot("b"),), routing=Routing(weights={"a": 100})
        )
        assert write.body["spec"]["predictor"]["canaryTrafficPercent"] == 0
        assert write.body["spec"]["predictor"]["model"]["storageUri"] == "s3://b/"

    def test_a_stable_model_that_was_lost_comes_back_before_its_candidate(self) -> None:
        made = knative_deployment("a", "b")
        (write,) = self.writes(made, None, ensure=(snapshot("a"), snapshot("b")), routing=Routing(weights={"a": 100}))
        assert write.body["spec"]["predictor"]["model"]["storageUri"] == "s3://a/"
        again = self.writes(
            made, service("a", rolled_out=None), ensure=(snapshot("b"),), routing=Routing(weights={"a": 100})
        )
        assert again == ()

    def test_a_template_waits_until_kserve_splits_from_the_stable_model(self) -> None:
        made = knative_deployment("a", "b", backends=("n2", None))
        decision = {"ensure": (snapshot("b"),), "routing": Routing(weights={"a": 100})}
        assert self.writes(made, service("a", rolled_out="n1"), **decision) == ()
        assert len(self.writes(made, service("a", rolled_out="n2"), **decision)) == 1

    def test_a_stable_model_that_was_made_anew_is_known_by_its_new_name(self) -> None:
        made = knative_deployment("a", backends=("n1", None))
        found = KNATIVE.workloads(made, children(service("a"), ksvc("a", created="n7", ready="n7")))
        assert found["a"].backend == "n7"

    def test_a_stable_model_that_was_edited_is_written_anew_with_all_traffic(self) -> None:
        (write,) = self.writes(
            knative_deployment("a"), service("a"), ensure=(snapshot("a"),), routing=Routing(weights={"a": 100})
        )
        assert write.body["spec"]["predictor"]["canaryTrafficPercent"] == 100

    def test_another_share_is_a_patch_of_the_percent_and_of_nothing_else(self) -> None:
        writes = self.writes(
            knative_deployment("a", "b"), service("b", percent=0), routing=Routing(weights={"a": 80, "b": 20})
        )
        assert writes == (Patch(name="fraud", components={"predictor": {"canaryTrafficPercent": 20}}),)

    def test_a_share_that_is_there_is_left_alone(self) -> None:
        made = knative_deployment("a", "b")
        assert self.writes(made, service("b", percent=20), routing=Routing(weights={"a": 80, "b": 20})) == ()
        assert self.writes(knative_deployment("a"), service("a"), routing=Routing(weights={"a": 100})) == ()

    def test_a_revision_that_was_rolled_back_stays_at_percent_0(self) -> None:
        writes = self.writes(knative_deployment("a"), service("b", percent=20), routing=Routing(weights={"a": 100}))
        assert writes == (Patch(name="fraud", components={"predictor": {"canaryTrafficPercent": 0}}),)

    def test_without_anything_wanted_nothing_is_written(self) -> None:
        assert self.writes(knative_deployment(), None) == ()
        assert self.writes(knative_deployment(None, "a"), service("a"), routing=Routing(weights={"a": 100})) == ()
