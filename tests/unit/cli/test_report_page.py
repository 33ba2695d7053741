"""The page, the cards in it, and the command that prints both."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from support import played
from timoneiro_operator.api.times import moment
from timoneiro_operator.cli.commands.cards import read_cards
from timoneiro_operator.cli.errors import USAGE, CliError
from timoneiro_operator.cli.presentation.view import view_of
from timoneiro_operator.cli.report.content import Card
from timoneiro_operator.cli.report.gather import report_of
from timoneiro_operator.cli.report.page import page

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, its text; and it insists on closed tags."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def read(body, now, cards=None) -> Reader:
    return Reader(page(report_of(view_of(body), moment(now), cards)))


def evil(md):
    """A rollout in which everything that people can write is an attack."""
    records = [md.record("a", by=EVIL, message=EVIL, action=EVIL, revision=EVIL, at=md.at(-50))]
    body = md.rolling(
        message=EVIL,
        verdict=EVIL,
        paused={"by": EVIL, "at": md.at(-10)},
        commands=records,
        stable=md.part("1", ready=True, since=md.at(-86400)) | {"version": EVIL, "uri": EVIL},
        candidate=md.candidate() | {"version": EVIL, "uri": EVIL},
        analysis=md.analysis(md.metric(name=EVIL, problem=EVIL)),
        restored={"what": EVIL, "at": md.at(-5)},
        revisions=[{**md.snapshot("2"), "model": {"format": {"name": EVIL}, "uri": EVIL, "digest": EVIL}}],
    )
    body["metadata"]["name"] = EVIL
    return body


def test_nothing_from_the_cluster_or_a_card_becomes_an_element(md) -> None:
    card = Card(
        text=f"# x\n\n{EVIL}\n\n[a](javascript:alert(3)) ![b](http://example.com/b.png)", manifest=None, doubt=EVIL
    )
    found = read(evil(md), md.now, {md.second: card, md.first: Card(text=None, manifest={EVIL: EVIL}, doubt=None)})
    assert not {"script", "img", "iframe", "object", "link", "base", "form"} & set(found.tags)
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert not any(name == "href" and str(value).startswith("javascript") for name, value in found.attributes)
    assert found.text.count("<script>alert(1)</script>") > 15


@pytest.mark.parametrize("outcome", ["RolledBack", "Promoted", "Aborted"])
def test_a_history_and_its_pictures_are_escaped_too(outcome) -> None:
    world = played.rolled_back_at_once()
    body = world.body()
    body["status"]["history"][-1] |= {"version": EVIL, "reason": EVIL, "outcome": outcome}
    body["status"]["analysis"]["metrics"][0]["name"] = EVIL
    assert "script" not in read(body, world.now).tags


def test_the_page_asks_nobody_for_anything_and_forbids_scripts(md) -> None:
    document = page(report_of(view_of(md.rolling()), moment(md.now)))
    attributes = Reader(document).attributes
    assert not {"src", "srcset", "href", "xlink:href"} & {name for name, _ in attributes}
    assert (
        "content",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    ) in attributes
    assert "url(" not in document
    assert "@import" not in document


def test_the_page_is_ascii_whatever_people_write(md) -> None:
    document = page(report_of(view_of(md.rolling(message="à espera de tráfego ✓")), moment(md.now)))
    assert document.isascii()
    assert "à espera de tráfego ✓" in Reader(document).text


@pytest.mark.parametrize(
    "name", ["promoted", "rolled_back", "rolled_back_at_once", "blue_green", "holding", "no_harm", "first"]
)
def test_every_element_is_closed_and_every_id_is_there_once(name) -> None:
    world = getattr(played, name)()
    ids = [value for key, value in read(world.body(), world.now).attributes if key == "id"]
    assert len(ids) == len(set(ids))


def test_a_metric_has_verdict_ratio_counts_and_bounds_in_words() -> None:
    world = played.promoted()
    text = read(world.body(), world.now).text
    for words in ("not worse ratio 0.82x, between 0.35 and 1.9", "2,880", "1.5k of 20", "slower than 0.25 s"):
        assert words in text
    assert "Inform: shown, decides nothing" in text
    assert "rate of errors, which may be 5 % at most" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("first", "The first revision has nothing to be compared with."),
        ("no_harm", "not limited (NoHarm)"),
        ("no_harm", "not needed (NoHarm)"),
        ("blue_green", "it gets a copy of the traffic"),
        ("rolled_back", "None was given"),
    ],
)
def test_what_is_missing_is_said(name, words) -> None:
    world = getattr(played, name)()
    assert words in read(world.body(), world.now).text


def test_a_metric_without_a_trail_has_words_in_the_place_of_pictures(md) -> None:
    found = read(md.rolling(), md.now)
    assert "Nothing over time yet" in found.text
    assert found.tags.count("svg") == 1


def test_a_deployment_without_a_model_is_a_page_too(md) -> None:
    text = read(md.body(spec=md.spec(None), phase="Pending"), md.now).text
    assert "No rollout yet" in text
    assert "No model has been published yet." in text


def test_without_a_card_the_page_says_where_it_is(md) -> None:
    text = read(md.rolling(), md.now).text
    assert "Its model card is in the package, s3://models/fraud/2; --card 2=PATH puts it here." in text


def test_times_of_messages_are_written_for_people() -> None:
    world = played.holding()
    text = read(world.body(), world.now).text
    assert "is needed, until 2027-01-15 14:00:10 UTC" in text
    assert not re.search(r"\dT\d\d:\d\d:\d\d\.\d+Z", text)


@pytest.mark.parametrize("odd", ["2026-12-31T23:59:60Z", "2026-02-30T10:00:00Z", "0000-00-00T00:00:00Z"])
def test_what_only_looks_like_a_time_stays_what_it_is(odd: str) -> None:
    world = played.rolled_back()
    (*before, last) = world.status.history
    last = msgspec.structs.replace(last, reason=f"CrashLoopBackOff: its last words were: {odd}")
    world.status = msgspec.structs.replace(world.status, history=(*before, last))
    assert odd in read(world.body(), world.now).text


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package folder as the pipeline writes it, as far as a report reads it."""
    (tmp_path / "README.md").write_text("# fraud 2\n\n| figure | value |\n|---|---|\n| roc auc | 0.99 |\n")
    (tmp_path / "timoneiro.json").write_text(json.dumps({"name": "fraud", "version": "2"}))
    return tmp_path


def test_a_card_is_read_from_a_package_folder_and_drawn_below_the_heading_of_its_revision(md, package) -> None:
    cards = read_cards([f"2={package}"])
    found = read(md.rolling(), md.now, cards)
    assert cards["2"].doubt is None
    assert "roc auc" in found.text
    assert ("h4" in found.tags, found.tags.count("h1")) == (True, 1)


def test_what_a_card_says_to_programs_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ntags: [tabular]\n---\n\n# fraud 2\n\nWords.\n\n---\n\nMore.\n")
    assert read_cards([f"2={tmp_path}"])["2"].text == "# fraud 2\n\nWords.\n\n---\n\nMore.\n"


def test_a_card_can_be_a_file_by_itself(package) -> None:
    assert read_cards([f"2={package / 'README.md'}"])["2"].text == (package / "README.md").read_text()
    assert read_cards([f"2={package / 'timoneiro.json'}"])["2"].manifest == {"name": "fraud", "version": "2"}


def test_a_manifest_without_a_card_is_shown_as_it_is(md, package) -> None:
    found = read(md.rolling(), md.now, read_cards([f"2={package / 'timoneiro.json'}"]))
    assert '"name": "fraud"' in found.text


def test_a_package_of_another_version_is_doubted(md, package) -> None:
    found = read(md.rolling(), md.now, read_cards([f"1={package}"]))
    assert "This may be the card of another model: its manifest says version 2." in found.text


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("2", "write VERSION=PATH"),
        ("=x", "write VERSION=PATH"),
        ("2=", "write VERSION=PATH"),
        ("2={folder}/none.md", "cannot be read: No such file"),
        ("2={folder}/empty", "there is neither README.md nor timoneiro.json in"),
        ("2={folder}/binary.md", "is not UTF-8 text"),
        ("2={folder}/large.md", "is larger than 1 MiB"),
        ("2={folder}/broken.json", "is not JSON"),
        ("2={folder}/list.json", "is not the manifest of a package"),
    ],
)
def test_a_card_that_cannot_be_read_is_wrong_use(tmp_path, option, words) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe")
    (tmp_path / "large.md").write_bytes(b"x" * (1 << 20 | 1))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(CliError, match=words) as caught:
        read_cards([option.format(folder=tmp_path)])
    assert caught.value.code == USAGE


def test_a_shape_is_shown_with_its_bin_and_without_a_ratio() -> None:
    world = played.rolled_back()
    body = world.body()
    shape = {"bin": "fraud", "candidate": 0.41, "stable": 0.03}
    metrics = body["status"]["analysis"]["metrics"]
    body["status"]["analysis"]["metrics"] = [{**metric, "verdict": "Differs", "shape": shape} for metric in metrics]
    text = read(body, world.now).text
    assert "different 'fraud' 3 % of the stable model's answers, 41 % of the candidate's; different is not" in text
    assert "Evidence of 'different'" in text
    assert "Ratio of the rates" not in text
    assert "Alike up to" in text
