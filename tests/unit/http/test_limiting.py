"""The rate of a key: what is over it waits, and no longer than it was told to."""

from hypothesis import given
from hypothesis import strategies as st

from shared.http.limiting import RateLimit


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_key_has_a_rate_of_its_own() -> None:
    limit = RateLimit(2, Clock())
    assert [limit.retry_after_s("a") for _ in range(2)] == [None, None]
    assert limit.retry_after_s("a") is not None
    assert limit.retry_after_s("b") is None


@given(st.integers(1, 20), st.lists(st.floats(0, 40), min_size=1, max_size=80))
def test_who_waits_as_long_as_it_was_told_is_taken(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_minute, clock)
    for pause in pauses:
        clock.now += pause
        if (wait_s := limit.retry_after_s("a")) is not None:
            clock.now += wait_s + 1e-6
            assert limit.retry_after_s("a") is None


@given(st.integers(1, 20), st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_no_window_of_the_clock_takes_more_than_the_rate(per_minute: int, pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_minute, clock)
    taken: dict[int, int] = {}
    for pause in pauses:
        clock.now += pause
        if limit.retry_after_s("a") is None:
            taken[int(clock.now // 60)] = taken.get(int(clock.now // 60), 0) + 1
    assert max(taken.values()) <= per_minute
