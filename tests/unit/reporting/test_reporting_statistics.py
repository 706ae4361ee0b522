"""Figures that are known by hand, and laws that hold for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.rules.statistics import chapman, median, percentile, share


def test_chapmans_estimate_of_a_worked_example() -> None:
    # 30 and 40 found, 20 by both: (31 * 41 / 21) - 1 = 59.5238; variance 31*41*10*20 / (21**2 * 22) = 26.20.
    found = chapman(30, 40, 20)
    assert found.total == pytest.approx(59.5238, abs=1e-4)
    assert found.seen == 50
    assert found.unseen == pytest.approx(9.5238, abs=1e-4)
    assert found.low == pytest.approx(53.548, abs=0.001)
    assert found.high == pytest.approx(75.563, abs=0.001)
    assert not found.shaky


def test_few_found_by_both_is_said_to_be_shaky() -> None:
    assert chapman(9, 9, 6).shaky
    assert not chapman(9, 9, 7).shaky


def test_more_found_by_both_than_by_one_is_refused() -> None:
    with pytest.raises(ValueError, match="found by both"):
        chapman(2, 5, 3)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_the_interval_holds_the_estimate_and_never_falls_below_what_was_seen(own: int, other: int, both: int) -> None:
    both = min(both, own, other)
    found = chapman(own, other, both)
    assert found.seen <= found.total + 1e-9
    assert found.low <= found.total + 1e-9 <= found.high + 2e-9
    assert found.low >= found.seen - 1e-9 or found.unseen <= 0


def test_when_all_is_found_by_both_nothing_is_left() -> None:
    found = chapman(12, 12, 12)
    assert (found.total, found.low, found.high) == (12, 12, 12)


def test_medians_and_percentiles_interpolate() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([1.0, 2.0, 3.0, 4.0]) == 2.5
    assert percentile([0.0, 10.0], 20) == 2.0
    assert median([]) is None


def test_a_share_of_nothing_is_not_a_hundred_percent() -> None:
    assert share(0, 0).share is None
    assert share(3, 4).share == 0.75
