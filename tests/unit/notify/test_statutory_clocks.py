"""When the message about each statutory limit of an accident is due."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notify.rules.alert import Alert
from services.notify.rules.statutory import with_statutory_clocks
from services.notify.rules.timing import Terms
from shared.rulesets.alert_policy import StatutoryDays
from tests.unit.notify.test_timing_and_sending import CALENDAR, NOW, POLICY, TERMS, ZONE, alert

MINUTES = {"authority_passes_up": timedelta(minutes=90), "larger_also_to_province": timedelta(minutes=45)}


def accident(grade: str, occurred: str = "2023-02-20T08:30:00+08:00") -> Alert:
    kind = f"accident.{grade}"
    return alert(kind=kind, policy_key=kind, facts={"occurred_at": occurred})


def clocks(found: Alert, now: datetime = NOW, terms: Terms = TERMS) -> dict[str, datetime]:
    return {step.note: step.due for step in with_statutory_clocks(found, terms, NOW, now).steps}


@pytest.mark.parametrize(
    ("grade", "names"),
    [("ordinary", ["authority_passes_up"]), *((grade, [*MINUTES]) for grade in ("larger", "major", "extraordinary"))],
)
def test_limits_in_minutes_count_from_the_report_and_leave_a_quarter(grade: str, names: list[str]) -> None:
    found = clocks(accident(grade))
    assert {name: found[name] for name in found if name in MINUTES} == {name: NOW + MINUTES[name] for name in names}


@pytest.mark.parametrize(
    ("occurred", "last_day", "told"),
    [
        # 22 March 2023, a Wednesday.
        ("2023-02-20T08:30:00+08:00", "2023-03-22", "2023-03-17T08:30:00+08:00"),
        # 30 April 2023 falls into the holiday of 29 April to 3 May: the limit ends on 4 May, counted back past it.
        ("2023-03-31T08:30:00+08:00", "2023-05-04", "2023-04-26T08:30:00+08:00"),
        # Late on the 30th in UTC is the 31st where the accident was.
        ("2023-03-30T17:00:00+00:00", "2023-05-04", "2023-04-26T08:30:00+08:00"),
    ],
)
def test_a_limit_in_days_ends_on_a_working_day_and_is_told_three_working_days_before(
    occurred: str, last_day: str, told: str
) -> None:
    found = clocks(accident("ordinary", occurred))["casualties"]
    assert found.astimezone(ZONE).isoformat() == told
    past = datetime.fromisoformat(f"{last_day}T23:59:00+08:00")
    assert "casualties" in clocks(accident("ordinary", occurred), past)
    assert "casualties" not in clocks(accident("ordinary", occurred), past + timedelta(minutes=1))


def test_a_limit_in_working_days_passes_over_holidays() -> None:
    fifteen: Any = StatutoryDays(clock="investigation", days=15, working=True)
    terms = Terms(POLICY.model_copy(update={"statutory_days": (fifteen,)}), (), ZONE, CALENDAR)
    found = clocks(accident("ordinary", "2023-04-21T08:00:00+08:00"), terms=terms)["investigation"]
    # 15 working days after 21 April 2023 (worked: 23 April and 6 May; free: 29 April to 3 May) is 15 May;
    # three before it is 10 May.
    assert found.astimezone(ZONE).date().isoformat() == "2023-05-10"


@pytest.mark.parametrize("stated", ["yesterday", "2023-02-01", "2023-02-01T08:00:00", 5, None])
def test_an_accident_that_states_no_time_counts_from_its_report(stated: Any) -> None:
    found = clocks(alert(kind="accident.ordinary", policy_key="accident.ordinary", facts={"occurred_at": stated}))
    assert found == clocks(accident("ordinary", NOW.isoformat()))


def test_a_finding_has_no_statutory_clock() -> None:
    assert clocks(alert()) == {}
