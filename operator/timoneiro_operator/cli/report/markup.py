"""Words and times of the operator as HTML. Pure; what is called HTML here is escaped already."""

import re

from timoneiro_operator.api.times import Moment, clock, read_moment, text_of
from timoneiro_page.markup import code, e

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


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
