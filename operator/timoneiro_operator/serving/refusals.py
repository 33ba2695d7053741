"""What an API server says about an InferenceService, in the words of a ModelDeployment's spec. Pure."""

import re

# Path of an InferenceService as people write it, with or without the dot that some messages begin with.
_PATH = re.compile(r"(?<![\w.])\.?spec\.predictor\.model\.(modelFormat|storageUri|args\[(\d+)\])?")
_TRANSFORMER_ARG = re.compile(r"(?<![\w.])\.?(spec\.transformer\.containers\[0\]\.args)\[(\d+)\]")
_DENIED = re.compile(r'^(admission webhook "|\S+ "[^"]*" is forbidden: )')
_WEBHOOK = re.compile(r'^admission webhook "[^"]*kserve[^"]*" denied the request: ')
_PREAMBLE = re.compile(r"^failed to create typed patch object \([^)]*\): (errors:)?\s*")
_NAMED = re.compile(r'^InferenceService\.serving\.kserve\.io "[^"]*" is invalid: ')
_OURS = {"modelFormat": "spec.model.format", "storageUri": "spec.model.uri"}


def is_about_the_content(code: int, message: str) -> bool:
    """Whether the same InferenceService would be refused again, by its schema or by KServe's own rules.

    A policy, a quota, a missing permission or a webhook that does not answer says nothing of the spec.
    """
    if _DENIED.match(message):
        # Whatever the code: a webhook that gives none has 400, and a ValidatingAdmissionPolicy 422.
        return bool(_WEBHOOK.match(message))
    return code in (400, 422) or bool(_PREAMBLE.match(message))


def in_our_words(message: str) -> str:
    """The message with the paths of our spec, on one line and without what people do not know."""
    for words in (_WEBHOOK, _PREAMBLE, _NAMED):
        message = words.sub("", message)
    lines = [line.strip().removeprefix(".") for line in message.splitlines() if line.strip()]
    return _TRANSFORMER_ARG.sub(_our_arg, _PATH.sub(_our_path, "; ".join(lines)))


def _our_arg(found: re.Match[str]) -> str:
    # The first one is the operator's.
    return f"{found.group(1)}[{int(found.group(2)) - 1}]"


def _our_path(found: re.Match[str]) -> str:
    name, index = found.group(1), found.group(2)
    if index is not None:
        return f"spec.predictor.args[{int(index) - 1}]"
    return _OURS[name] if name else "spec.predictor."
