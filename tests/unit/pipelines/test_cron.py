"""Times of a schedule: six fields for Kubeflow, whatever people write."""

from __future__ import annotations

import pytest

from timoneiro_pipelines.cron import six_fields
from timoneiro_pipelines.errors import KubeflowError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("30 3 * * 1", "0 30 3 * * 1"),
        ("15 30 3 * * 1", "15 30 3 * * 1"),
        ("0 0 1,15 * ?", "0 0 0 1,15 * ?"),
        ("*/10 8-18 * jan-mar MON-FRI", "0 */10 8-18 * jan-mar mon-fri"),
        ("5/20 * * * *", "0 5/20 * * * *"),
    ],
)
def test_an_expression_has_a_second(written: str, read: str) -> None:
    assert six_fields(written) == read


@pytest.mark.parametrize(
    "wrong",
    ["", "* * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "9-5 * * * *",
     "*/0 * * * *", "*-5 * * * *", "* * * * foo", "* * jan * *", "1,,2 * * * *", "@daily", "-1 * * * *", "1/ * * * *"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_a_sentence(wrong: str) -> None:
    with pytest.raises(KubeflowError, match=": write "):
        six_fields(wrong)
