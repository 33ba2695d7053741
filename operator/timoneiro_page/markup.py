"""The document around a page, and small pieces of HTML. Pure; what is called HTML here is escaped already."""

import html
import re
from collections.abc import Iterable, Sequence

from timoneiro_page.style import STYLE

_CODE = re.compile("`([^`]+)`")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, body: str) -> str:
    """A whole page of `body`, which is HTML.

    The page's own policy forbids scripts and requests. The text is ASCII, so that no encoding on its way to the reader
    matters.
    """
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{e(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{e(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def e(text: str) -> str:
    """`text` as HTML that shows just that."""
    return html.escape(text)


def code(text: str) -> str:
    """As `e`, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", e(text))


def facts(pairs: Iterable[tuple[str, str]], kind: str = "short") -> str:
    """Names with their values, which are HTML; nothing where there are none. `kind`: short side by side, long below."""
    items = "".join(f"<div><dt>{e(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="{kind}">{items}</dl>' if items else ""


def numbers(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names what the numbers beside it are of; nothing without rows."""
    found = "".join(
        f'<tr><th scope="row">{e(first)}</th>{"".join(f"<td>{e(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    names = "".join(f'<th scope="col">{e(name)}</th>' for name in header)
    return f'<table class="numbers wide"><thead><tr>{names}</tr></thead><tbody>{found}</tbody></table>' if found else ""
