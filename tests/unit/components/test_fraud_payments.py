"""The made-up card payments: the same every time, looking back only, and as probable as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timoneiro_components.examples.fraud import table
from timoneiro_components.examples.fraud.process import CATEGORIES, OWNER, THIEF, Payer, habits, simulate
from timoneiro_components.examples.made import MadeUp

FEW = 400  # cards, 43,000 payments


@pytest.fixture(scope="module")
def made() -> MadeUp:
    return table.payments_and_odds(FEW)


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    random = np.random.default_rng(5)
    return simulate(habits(60, random), 24.0 * 60, random)


def test_the_same_seed_gives_the_same_rows(made: MadeUp) -> None:
    pd.testing.assert_frame_equal(table.payments(FEW), made.table)


def test_another_seed_gives_others() -> None:
    assert not table.payments(20, seed=1)["amount"].head(50).equals(table.payments(20, seed=2)["amount"].head(50))


def test_a_key_is_there_once(made: MadeUp) -> None:
    assert made.table["payment"].is_unique


def test_between_2_and_10_of_1000_payments_are_frauds(made: MadeUp) -> None:
    assert 0.002 < (made.table["label"] == "fraud").mean() < 0.01


def test_frauds_come_in_bursts(made: MadeUp) -> None:
    frauds = made.table[made.table["label"] == "fraud"]
    assert len(frauds) > 2 * frauds["card"].nunique()


def test_every_label_was_known_on_the_day_of_the_cut(made: MadeUp) -> None:
    assert made.table["label_day"].max() < table.DAYS


def test_a_label_is_known_after_the_payment(made: MadeUp) -> None:
    waited = made.table["label_day"] - made.table["day"]
    assert waited.between(1, table.OBJECTION_DAYS).all()


def test_that_a_payment_was_genuine_is_known_when_nobody_can_object_any_more(made: MadeUp) -> None:
    genuine = made.table[made.table["label"] == "genuine"]
    assert (genuine["label_day"] - genuine["day"] == table.OBJECTION_DAYS).all()


def test_frauds_that_are_known_early_are_left_out_with_the_rest_of_their_day() -> None:
    days = pd.DataFrame({"day": [0, 5, 6], "label": ["genuine", "fraud", "fraud"], "label_day": [30, 6, 7]})
    assert table.labelled(days, cut=36)["day"].tolist() == [0, 5]


def test_only_the_first_payment_of_a_card_lacks_features(made: MadeUp) -> None:
    lacking = made.table[made.table.isna().any(axis=1)]
    assert lacking["card"].is_unique and set(lacking.columns[lacking.isna().any()]) == {
        "distance_km",
        "hours_since_last",
        "amount_ratio",
    }


@pytest.mark.parametrize("seed", range(5))
def test_what_comes_later_changes_no_feature_of_a_payment(history: pd.DataFrame, seed: int) -> None:
    random = np.random.default_rng(seed)
    now = random.uniform(100, 1300)
    later = history["time"] > now
    other = history.copy()
    other.loc[later, "amount"] *= 1000
    other.loc[later, ["merchant", "channel", "country"]] = 1
    cut = history[~later].reset_index(drop=True)
    before = table.look_back(history)[~later].reset_index(drop=True)
    pd.testing.assert_frame_equal(table.look_back(other)[~later].reset_index(drop=True), before)
    # But for the last digit: sums over all cards begin elsewhere.
    pd.testing.assert_frame_equal(table.look_back(cut), before, rtol=1e-9)


def test_other_cards_change_no_feature_of_a_payment(history: pd.DataFrame) -> None:
    mine = history["card"] >= 30
    alone = history[mine].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        table.look_back(alone), table.look_back(history)[mine].reset_index(drop=True), rtol=1e-9
    )


def test_windows_are_those_that_one_would_count_by_hand(history: pd.DataFrame) -> None:
    found = table.look_back(history)
    for row in range(0, len(history), 97):
        this = history.iloc[row]
        past = history[(history["card"] == this["card"]) & (history["time"] < this["time"])]
        day = past[past["time"] >= this["time"] - 24]
        assert found["payments_24h"].iloc[row] == len(day)
        assert found["spent_24h"].iloc[row] == pytest.approx(day["amount"].sum(), abs=0.006)
        assert found["known_merchant"].iloc[row] == (this["merchant"] in set(past["merchant"]))


@pytest.fixture(scope="module")
def many() -> MadeUp:
    return table.payments_and_odds(5000)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 0.01), (0.01, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1)]
)
def test_of_payments_with_a_probability_that_share_are_frauds(many: MadeUp, low: float, high: float) -> None:
    chosen = (many.probability >= low) & (many.probability <= high)
    odds, found = many.probability[chosen], (many.table["label"] == "fraud").to_numpy()[chosen]
    # Payments of a burst depend on one another: their sum strays half as far again as that of others.
    assert abs(found.sum() - odds.sum()) < 3 * 1.5 * np.sqrt((odds * (1 - odds)).sum())


@pytest.mark.parametrize("payer", [OWNER, THIEF])
def test_time_is_the_inverse_of_the_clock(payer: Payer) -> None:
    hours = np.linspace(0, 100, 1001)
    np.testing.assert_allclose(payer.time(payer.clock(hours)), hours, atol=1e-9)


@pytest.mark.parametrize("payer", [OWNER, THIEF])
def test_shares_add_up(payer: Payer) -> None:
    assert payer.by_hour.sum() == pytest.approx(24) and payer.channels.sum() == pytest.approx(1)
    assert payer.categories.sum() == pytest.approx(1) and len(payer.categories) == len(CATEGORIES)


def test_one_card_is_enough_and_has_no_frauds_by_need() -> None:
    assert set(table.payments(1)["label"]) <= {"genuine", "fraud"}
