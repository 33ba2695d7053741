"""Whether it is proven who has asked for a command: an admission policy compares the name with the user of the request.

Guarantees: a name is proven only if the policy stood when the command was written. It stood before a list of all
ModelDeployments and stands, unchanged, when the command is carried out; and the command was not there at that list, nor
when this process saw its ModelDeployment first. Whatever cannot be known is not proven. Commands wait for two short
reads at most, and nothing is read while there are none.
"""

import logging

from lightkube.core.exceptions import ApiError

from timoneiro_operator.api import names
from timoneiro_operator.api.kinds import Body, Key
from timoneiro_operator.kube.client import KubeClient

log = logging.getLogger(__name__)

# Of policy and binding: by them it is known whether both are what they were.
_Identity = tuple[str, int, str, int]
# What a ModelDeployment is, and what is asked of it by whom.
_Asked = tuple[str, str | None, str | None]


class Askers:
    """What is known of the policy and of the commands that were there before it was known to stand."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._stood: _Identity | None = None
        self._listed = False
        self._first: dict[Key, _Asked] = {}
        # A look would tell something new.
        self.due = True

    def notice(self, key: Key, body: Body) -> None:
        """A pass begins: what is there when a ModelDeployment is seen first may have come with it."""
        asked = _asked(body)
        if key not in self._first or self._first[key][0] != asked[0]:
            self._first[key] = asked

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._first.pop(key, None)

    async def look(self) -> None:
        """Reads the policy; when it stands for the second time, what is asked without proof. Never fails.

        The caller waits between two looks: each API server has to notice a policy before it acts by it.
        """
        try:
            found = await self._read()
            if found is None or found != self._stood:
                self._stood, self._listed = found, False
            elif not self._listed:
                first: dict[Key, _Asked] = {}
                await self._client.list_all("ModelDeployment", lambda body: first.update({_key(body): _asked(body)}))
                self._first, self._listed = first, True
                log.info("who asks for a command is proven by the policy %s", names.COMMAND_POLICY)
        except Exception as error:
            log.warning("the policy %s cannot be read: %s", names.COMMAND_POLICY, type(error).__name__)
            return
        self.due = self._stood is not None and not self._listed

    async def proven(self, key: Key, body: Body) -> bool:
        """Whether the name beside the command in `body` is that of who has written it. Never fails."""
        asked = _asked(body)
        if self._listed and await self._stands():
            return asked[2] is not None and asked != self._first.get(key, asked)
        self.due, self._listed = True, False
        return False

    async def _stands(self) -> bool:
        """Whether the policy is what it was all the time."""
        try:
            return await self._read() == self._stood
        except Exception:
            return False

    async def _read(self) -> _Identity | None:
        """None: there is no policy that denies what is wrong everywhere, or it may not be read."""
        try:
            policy, binding = await self._client.command_policy()
        except ApiError as error:
            if error.status.code in (403, 404):
                return None
            raise
        spec = binding["spec"]
        narrowed = spec.get("matchResources") or any(
            body["metadata"].get("deletionTimestamp") for body in (policy, binding)
        )
        if narrowed or "Deny" not in spec.get("validationActions", ()):
            return None
        one, other = policy["metadata"], binding["metadata"]
        return one["uid"], one.get("generation", 0), other["uid"], other.get("generation", 0)


def _key(body: Body) -> Key:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _asked(body: Body) -> _Asked:
    annotations = body["metadata"].get("annotations") or {}
    command, by = (annotations.get(name) for name in (names.ANNOTATION_COMMAND, names.ANNOTATION_COMMAND_BY))
    return body["metadata"]["uid"], command, by
