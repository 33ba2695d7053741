"""Texts that people may write where a selector is wanted."""

from hypothesis import strategies as st

from timoneiro_operator.api.promql import Matcher

_LABELS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,5}", fullmatch=True).filter(lambda label: label != "__name__")
_NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,8}", fullmatch=True) | st.sampled_from(
    ["sum", "inf", "NaN", "by", "offset"]
)
_VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd{`"), max_size=12)
_OPERATORS = st.sampled_from(["=", "!=", "=~", "!~"])
_PIECES = st.sampled_from(
    [*"ab={}()#@, \n'\"`\\", "!=", '"b"', "[1m]", "or", "offset", "namespace", "{{revision}}", "__name__", "\\x80", "é"]
)

# With everything that a text can have.
TEXTS = st.one_of(st.text(max_size=40), st.lists(_PIECES, max_size=12).map("".join))


@st.composite
def selectors(draw: st.DrawFn) -> tuple[str, tuple[Matcher, ...]]:
    """A selector, and what it says."""

    def in_quotes(value: str) -> str:
        quote = draw(st.sampled_from("\"'`"))
        return (
            f"`{value}`" if quote == "`" else quote + value.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote
        )

    name, space = draw(_NAMES), draw(st.sampled_from(["", " ", "\n  "]))
    labels = draw(st.lists(st.builds(Matcher, _LABELS, _OPERATORS, _VALUES), max_size=4))
    within = space.join(f"{label}{space}{operator}{in_quotes(value)}," for label, operator, value in labels)
    return f"{name}{space}{{{within}}}", (Matcher("__name__", "=", name), *labels)
