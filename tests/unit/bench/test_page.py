"""The page and its pictures: every figure has its place, and none is left out unseen."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.judge.figures import write
from bench.judge.measure import Measurement, Proportion
from bench.judge.page import fill, sections, table
from bench.judge.pictures import delays, false_rollbacks, over_time
from bench.judge.rivals import RIVALS
from bench.judge.run import Size, Timeline
from bench.judge.scenarios import EFFECTS, SCENARIOS
from bench.judge.targets import percent, targets

PAGE = Path(__file__).parents[3] / "docs" / "judge.md"
OTHERS = (*RIVALS, "Kayenta, at the end", "Kayenta, every 5 min", "oracle (knows the ratio)")


def outcome(scenario: str, setting: str, judge: str, effect: float, *, covered: bool, promoted: int = 3) -> Measurement:
    harmless = effect <= 1.25
    return Measurement(
        scenario=scenario,
        setting=setting,
        judge=judge,
        effect=effect,
        covered=covered,
        harmless=harmless,
        harmful=effect >= 2.0,
        rolled_back=Proportion(count=2 if harmless else 996, of=1000),
        promoted=Proportion(count=998 if harmless else promoted, of=1000),
        delay=None if harmless else 120.0,
        bound=None if harmless else 100.0,
        failed=7.0,
    )


def all_outcomes(*, promoted: int = 3) -> list[Measurement]:
    """As a whole run would give them, with figures out of the air."""
    found = []
    for scenario in SCENARIOS:
        for effect in EFFECTS:
            for ours in scenario.ours:
                for setting in ("fixed", "policy"):
                    args = (scenario.name, setting, ours.name, effect)
                    found.append(outcome(*args, covered=ours.covered, promoted=promoted))
            found += [outcome(scenario.name, "fixed", judge, effect, covered=False) for judge in OTHERS]
    return found


def test_the_page_has_a_place_for_every_section_and_no_other() -> None:
    generated = sections(all_outcomes(), seed=1, size=Size())
    again = fill(fill(PAGE.read_text(encoding="utf-8"), generated), generated)
    assert all(text in again for text in generated.values())


def test_a_page_that_lacks_a_section_is_refused() -> None:
    with pytest.raises(ValueError, match="the benchmark writes"):
        fill("<!-- bench: one -->\n<!-- /bench -->\n", {"one": "", "two": ""})


def test_a_section_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="one pair of markers"):
        fill("<!-- bench: one -->\n", {"one": "text"})


def test_the_prose_around_a_section_is_left_alone() -> None:
    before = "# Title\n<!-- bench: one -->\nold\n<!-- /bench -->\nprose\n"
    after = "# Title\n<!-- bench: one -->\nnew\n<!-- /bench -->\nprose\n"
    assert fill(before, {"one": "new\n"}) == after


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for text in sections(all_outcomes(), seed=1, size=Size()).values():
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_targets_are_kept_by_figures_that_keep_them_and_broken_by_one_that_does_not() -> None:
    assert [t.kept for t in targets(all_outcomes())] == [True] * 9
    broken = [t.what for t in targets(all_outcomes(promoted=60)) if not t.kept]
    assert all("promoted" in what for what in broken)
    assert len(broken) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (0.0003, "0.03 %"), (0.0123, "1.2 %"), (0.5, "50 %"), (0.9965, "99.65 %"), (1.0, "100 %")],
)
def test_a_share_that_is_nearly_all_or_nearly_nothing_does_not_read_as_all_or_nothing(value: float, words: str) -> None:
    assert percent(value) == words


def test_pictures_are_drawings_with_words_that_can_be_read_on_a_phone() -> None:
    still = Timeline(scenario="steady", effect=1.0, rolled_back=np.linspace(0, 0.1, 120), promoted=np.zeros(120))
    lines = [
        Timeline(scenario="steady", effect=e, rolled_back=still.rolled_back, promoted=still.promoted) for e in EFFECTS
    ]
    for picture in (false_rollbacks(all_outcomes()), delays(all_outcomes()), over_time(lines)):
        root = ElementTree.fromstring(picture)
        assert root.attrib["viewBox"].split()[2] == "400"
        sizes = [float(e.attrib["font-size"]) for e in root.iter() if e.tag.endswith("text")]
        assert min(sizes) >= 11


def test_every_figure_is_in_the_file_of_figures(tmp_path: Path) -> None:
    outcomes = all_outcomes()
    write(tmp_path / "new" / "judge.csv", outcomes)
    assert len((tmp_path / "new" / "judge.csv").read_text().splitlines()) == 1 + len(outcomes)
