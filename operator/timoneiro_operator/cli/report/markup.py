"""Small pieces of HTML that all parts of the page use. Pure; what is called HTML here is escaped already."""

import html
import re
from collections.abc import Iterable

from timoneiro_operator.api.times import Moment, clock, read_moment, text_of

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_CODE = re.compile("`([^`]+)`")


def e(text: str) -> str:
    """`text` as HTML that shows just that."""
    return html.escape(text)


def code(text: str) -> str:
    """As `e`, with what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", e(text))


def prose(text: str) -> str:
    """As `code`, with the exact times of the operator's messages as people read them."""
    return code(_TIME.sub(lambda found: _clock_of(found.group()), text))


def _clock_of(text: str) -> str:
    """A time as people read it. What only looks like one, as in the words of somebody's container, stays what it is."""
    try:
        return clock(read_moment(text))
    except ValueError:
        return text


def moment(at: Moment) -> str:
    """A time of the status as people and programs read it."""
    return f'<time datetime="{e(text_of(at))}">{e(clock(at))}</time>'


def facts(pairs: Iterable[tuple[str, str]], kind: str = "short") -> str:
    """Names with their values, which are HTML; nothing where there are none. `kind`: short side by side, long below."""
    items = "".join(f"<div><dt>{e(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="{kind}">{items}</dl>' if items else ""
