"""Selectors of Prometheus as people write them, and as they are sent. Pure.

Guarantees: what is sent is one selector, written anew from what was read, and it has a matcher for the namespace of the
ModelDeployment; whatever else the text holds (a range, a function, a comment) is refused, and not handed on.

Own code, since the least is wanted here: only what every server reads in the same way. A parser of the whole language
(`promql-parser`, an extension of 5 MB in the operator's image) would accept more than is wanted, by rules of its own.
What is written is tested against the real Prometheus. Grammar: prometheus.io/docs/prometheus/latest/querying/basics.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

NAME = "__name__"
NAMESPACE = "namespace"
PLACEHOLDERS = ("inferenceService", "namespace", "revision", "workload")
LONGEST_TEXT = 1024

_SPACE = r"[ \t\r\n]*"
_METRIC = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_STRING = r""""(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*'|`[^`]*`"""
_WHOLE = re.compile(rf"{_SPACE}({_METRIC})?{_SPACE}(?:\{{(.*)\}}{_SPACE})?", re.DOTALL)
_MATCHER = re.compile(
    rf"{_SPACE}([a-zA-Z_][a-zA-Z0-9_]*){_SPACE}(=~|!~|!=|=){_SPACE}({_STRING}){_SPACE}(?:,{_SPACE}|\Z)"
)
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAMES = re.compile(rf"{_METRIC}(\|{_METRIC})*")
# There is one way only to read a text by it: where there are many, a long one takes seconds of everybody's time.
_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
# Control characters, halves of characters, and the one that stands for what could not be read.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffd]")
_SHOWN = 40


class BadSelector(ValueError):
    """A text that is no selector; the message is a sentence for people."""


class Matcher(NamedTuple):
    """What a label has to be. `operator`: =, !=, =~ or !~. `value`: without quotes and escapes."""

    label: str
    operator: str
    value: str


# All of them have to fit; the name of the metric is one of them.
Selector = tuple[Matcher, ...]


@lru_cache(maxsize=1024)
def selector(text: str) -> Selector:
    """A name with labels, such as `requests_total{code=~"5.."}`. Raises BadSelector."""
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise BadSelector(_unreadable(text))
    name, labels = whole.groups()
    found = (*([Matcher(NAME, "=", name)] if name else []), *_matchers(labels or "", within=text))
    names = [matcher for matcher in found if matcher.label == NAME]
    if len(names) != 1 or not _names_metrics(names[0]):
        raise BadSelector(
            f"{_shown(text)} must name its counter once, as in requests_total or "
            f'{{{NAME}=~"requests_total|calls_total"}}'
        )
    return found


@lru_cache(maxsize=1024)
def matchers(text: str) -> Selector:
    """Labels without a name, such as `job="models",pod=~"fraud-.+"`. Raises BadSelector."""
    found = _matchers(text, within=text)
    if any(matcher.label == NAME for matcher in found):
        raise BadSelector(f"{_shown(text)} must not name a metric: {NAME} is given by the profile")
    return found


def depends_on(selector: Selector, placeholders: Iterable[str]) -> bool:
    """Whether the series are others where one of these placeholders stands for something else."""
    named = {name for _, operator, value in selector if operator in ("=", "=~") for name in _placeholders(value)}
    return not named.isdisjoint(placeholders)


def filled(selector: Selector, placeholders: Mapping[str, str]) -> Selector:
    """With what the {{placeholders}} stand for; in a pattern it stands for itself, whatever characters it has."""

    def value(matcher: Matcher) -> str:
        plain = matcher.operator in ("=", "!=")

        def meant(match: re.Match[str]) -> str:
            text = placeholders[match[1].strip()]
            return text if plain else quoted(text)

        return _PLACEHOLDER.sub(meant, matcher.value)

    return tuple(matcher._replace(value=value(matcher)) for matcher in selector)


def quoted(text: str) -> str:
    """A pattern that fits `text` only. (`re.escape` escapes more than is readable.)"""
    return re.sub(r"[.\\+*?()|\[\]{}^$]", r"\\\g<0>", text)


def written(selector: Selector, namespace: str) -> str:
    """The selector as it is sent: series of `namespace` only, whatever it says of namespaces itself.

    The name is written as a label: words such as `sum` and `inf` are names there, and nothing else.
    """
    every = dict.fromkeys((*selector, Matcher(NAMESPACE, "=", namespace)))
    return "{" + ",".join(f'{label}{operator}"{_escaped(value)}"' for label, operator, value in every) + "}"


def _matchers(text: str, *, within: str) -> Selector:
    if len(within) > LONGEST_TEXT:
        raise BadSelector(f"{_shown(within)} is longer than {LONGEST_TEXT} characters")
    found, at = [], 0
    while text[at:].strip(" \t\r\n"):
        match = _MATCHER.match(text, at)
        if match is None:
            raise BadSelector(_unreadable(text[at:]))
        label, operator, string = match.groups()
        value = string[1:-1] if string[0] == "`" else re.sub(r"\\(.)", r"\1", string[1:-1])
        _check_value(label, value)
        found.append(Matcher(label, operator, value))
        at = match.end()
    return tuple(found)


def _check_value(label: str, value: str) -> None:
    if _UNWRITABLE.search(value):
        raise BadSelector(f"the value of {label} has characters that cannot be sent, such as {ascii(value)[:_SHOWN]}")
    for name in _placeholders(value):
        if name not in PLACEHOLDERS:
            raise BadSelector(f"{{{{{name}}}}} is not known; there are {', '.join(PLACEHOLDERS)}")


def _placeholders(value: str) -> list[str]:
    return [name.strip() for name in _PLACEHOLDER.findall(value)]


def _names_metrics(matcher: Matcher) -> bool:
    return (matcher.operator == "=" and matcher.value != "") or (
        matcher.operator == "=~" and _NAMES.fullmatch(matcher.value) is not None
    )


def _unreadable(rest: str) -> str:
    return (
        f"{_shown(rest)} cannot be read: a selector is a name with labels in quotes, such as "
        'requests_total{code=~"5.."}, without ranges, offset, @, functions, operators and comments'
    )


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
