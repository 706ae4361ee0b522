"""A look for due alerts opens its range no further than it needs, and misses nothing."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notify.rules.alert import Alert, StepKind, with_step
from services.notify.stores.due_reach import DueReach
from shared.events.base import LogPosition

NOW = datetime(2023, 2, 20, tzinfo=UTC)
MOMENTS = st.lists(st.integers(0, 10**9).map(lambda us: NOW - timedelta(microseconds=us)), max_size=60)


def due_at(number: int, moment: datetime) -> Alert:
    alert = Alert(
        id=str(uuid.UUID(int=number)),
        unit_id="linzi",
        kind="major_finding",
        policy_key="major_finding",
        subject=str(number),
        headline={"zh": "隐患", "en": "danger"},
        facts={},
        severity="severe",
        opened_at=NOW,
        changed_at=NOW,
        position=LogPosition(partition=0, offset=number),
    )
    return with_step(alert, StepKind.FIRST, moment)


class Waiting:
    """Due alerts in order, and how many lay in the range of each read."""

    def __init__(self, moments: list[datetime]) -> None:
        self.alerts = [due_at(number, moment) for number, moment in enumerate(sorted(moments))]
        self.in_range: list[int] = []

    async def read(self, until: datetime, limit: int) -> list[Alert]:
        found = [alert for alert in self.alerts if alert.next_due is not None and alert.next_due <= until]
        self.in_range.append(len(found))
        return found[:limit]


@given(MOMENTS, st.integers(1, 8), st.lists(st.integers(0, 8), min_size=10, max_size=10))
async def test_every_look_finds_the_first_that_are_due(moments: list[datetime], limit: int, taken: list[int]) -> None:
    waiting, reach = Waiting(moments), DueReach()
    for step, count in enumerate(taken):
        now = NOW - timedelta(seconds=500) + timedelta(seconds=100 * step)
        found = await reach.look(lambda until: waiting.read(until, limit), now, limit)
        assert found == await waiting.read(now, limit)
        waiting.alerts = [alert for alert in waiting.alerts if alert not in found[:count]]


async def test_with_thousands_due_a_look_reads_about_as_many_as_it_takes() -> None:
    waiting, reach = Waiting([NOW + timedelta(milliseconds=number) for number in range(3000)]), DueReach()
    now = NOW + timedelta(minutes=1)
    for _ in range(50):
        found = await reach.look(lambda until: waiting.read(until, 32), now, 32)
        waiting.alerts = [alert for alert in waiting.alerts if alert not in found[:16]]
    assert max(waiting.in_range[1:]) <= 5 * 32


async def test_with_nothing_left_over_a_look_is_one_read() -> None:
    waiting, reach = Waiting([NOW]), DueReach()
    for second in range(5):
        await reach.look(lambda until: waiting.read(until, 32), NOW + timedelta(seconds=second), 32)
    assert waiting.in_range == [1] * 5
