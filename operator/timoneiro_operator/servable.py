"""Whether the cluster would take what a spec describes: asked before anything is touched.

Much of `spec.predictor` and `spec.transformer` is KServe's and Kubernetes' own, and no schema of ours follows theirs.
The API server that serves them knows, and so do KServe's webhooks: a dry run of the InferenceService asks both.
"""

from timoneiro_operator.api.deployment import ModelDeployment
from timoneiro_operator.api.invalid_spec import InvalidSpec
from timoneiro_operator.api.kinds import Key
from timoneiro_operator.api.times import Moment
from timoneiro_operator.decide.lifecycle import rejection_entry, wanted_snapshot
from timoneiro_operator.kube.client import KubeClient
from timoneiro_operator.serving.inference_service import build_inference_service
from timoneiro_operator.serving.refusals import in_our_words, is_about_the_content

# An answer counts for so long: KServe, or its schema, may be another one after an upgrade.
ASK_AGAIN_SECONDS = 30.0


class NotServable(InvalidSpec):
    """The cluster does not take what the spec describes; the message is a sentence for people."""


class Servable:
    """Asks about what is to be served otherwise than anything before, and remembers refusals for a while."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._refused: dict[Key, tuple[str, Moment, str]] = {}

    def forget(self, key: Key) -> None:
        self._refused.pop(key, None)

    async def check(self, deployment: ModelDeployment, now: Moment) -> None:
        """Raises NotServable. What is on record was taken before, and so is another model that is served like it."""
        wanted, status = deployment.revision, deployment.status
        if wanted is None or rejection_entry(status, wanted) is not None:
            return self.forget(deployment.key)
        how = (deployment.model.format, deployment.spec.predictor, deployment.spec.transformer)
        taken = any((known.model.format, known.predictor, known.transformer) == how for known in status.revisions)
        adopts = deployment.spec.adopt is not None and status.stable is None
        if taken or adopts:
            return self.forget(deployment.key)
        before, at, sentence = self._refused.get(deployment.key, ("", now, ""))
        if before != wanted or not 0.0 <= (now - at).total_seconds() < ASK_AGAIN_SECONDS:
            body = build_inference_service(deployment, wanted_snapshot(deployment, wanted))
            refused = await self._client.refusal("InferenceService", body)
            if refused is None or not is_about_the_content(*refused):
                return self.forget(deployment.key)
            sentence = f"KServe does not accept it: {in_our_words(refused[1])}"
            self._refused[deployment.key] = wanted, now, sentence
        raise NotServable(sentence)
