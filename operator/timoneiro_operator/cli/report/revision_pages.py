"""The part of the page about revisions and their model cards. Pure.

A card is Markdown of somebody else: HTML in it is shown and not obeyed, and its pictures are links, because a picture
would be fetched from elsewhere.
"""

import json
from collections.abc import Iterable

from timoneiro_operator.cli.presentation.text import upper
from timoneiro_operator.cli.report.content import Card, Report, RevisionReport
from timoneiro_operator.cli.report.markup import moment
from timoneiro_operator.decide.text import name_of
from timoneiro_page.markup import e, facts

_STANDINGS = {
    "Stable": "stable model",
    "Candidate": "candidate",
    "Former": "former stable model",
    "Rejected": "rejected: not rolled out again by itself",
}


def revisions_section(report: Report) -> str:
    revisions = "".join(_revision(revision) for revision in report.revisions)
    listed = revisions or "<p>No model has been published yet.</p>"
    return f"<section><h2>Revisions and model cards</h2>{listed}</section>\n"


def _revision(revision: RevisionReport) -> str:
    name = name_of(revision.revision, revision.version)
    tags = "".join(f'<span class="tag">{_STANDINGS[standing]}</span> ' for standing in revision.standing)
    known = facts(_known(revision)) + facts(_places(revision), "long")
    return f'<article><div class="known"><h3>{e(upper(name))} {tags}</h3>{known}</div>{_card(revision)}</article>'


def _known(revision: RevisionReport) -> Iterable[tuple[str, str]]:
    if revision.since is None:
        yield "Stable", "never"
    else:
        yield "Stable since" if "Stable" in revision.standing else "Was stable since", moment(revision.since)
    yield "Format", e(revision.format or "not remembered any more")


def _places(revision: RevisionReport) -> Iterable[tuple[str, str]]:
    yield "Where", f"<code>{e(revision.uri)}</code>" if revision.uri else "not remembered any more"
    yield "Digest", f"<code>{e(revision.digest)}</code>" if revision.digest else "none given"


def _card(revision: RevisionReport) -> str:
    card = revision.card
    if card is None:
        where = f"in the package, <code>{e(revision.uri)}</code>" if revision.uri else "in its package"
        hint = e(f"--card {revision.version or revision.revision}=PATH")
        return f'<p class="dim">Its model card is {where}; <code>{hint}</code> puts it here.</p>'
    doubt = f'<p class="doubt">This may be the card of another model: {e(card.doubt)}.</p>' if card.doubt else ""
    return f'<div class="card">{doubt}{_text(card)}</div>'


def _text(card: Card) -> str:
    if card.text is not None:
        return _markdown(card.text)
    content = json.dumps(card.manifest, indent=2, ensure_ascii=False)
    return f"<pre>{e(content)}</pre>"


def _markdown(text: str) -> str:
    # Here, because nothing but a report with cards needs it.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            # Below the heading of the revision that it belongs to.
            token.tag = f"h{min(6, int(token.tag[1:]) + 3)}"
    return str(markdown.renderer.render(tokens, markdown.options, {}))
