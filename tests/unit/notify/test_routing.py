"""Who is told: rosters, stand-ins, chains with gaps."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.notify.rules.routing import Contact, Desk, next_tier, on_duty, recipients, route_of, tier_at_or_above

ZONE = ZoneInfo("Asia/Shanghai")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2023-02-20 08:30", True),
        ("2023-02-20 17:29", True),
        ("2023-02-20 17:30", False),
        ("2023-02-19 12:00", False),
        ("2023-02-20 08:29", False),
    ],
)
def test_office_hours_begin_and_end_to_the_minute_on_their_days(moment: str, expected: bool) -> None:
    assert on_duty([{"days": "mon-fri", "from": "08:30", "to": "17:30"}], local(moment), ZONE) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("2023-02-20 23:00", True), ("2023-02-21 07:59", True), ("2023-02-21 08:00", False), ("2023-02-20 07:00", False)],
)
def test_a_night_shift_belongs_to_the_day_it_begins_on(moment: str, expected: bool) -> None:
    assert on_duty([{"days": "mon", "from": "20:00", "to": "08:00"}], local(moment), ZONE) is expected


def test_days_may_be_lists_and_wrap_round_the_week() -> None:
    shift = [{"days": "sat-mon, wed", "from": "00:00", "to": "24:00"}]
    week = [f"2023-02-{day} 12:00" for day in range(20, 27)]
    assert [on_duty(shift, local(day), ZONE) for day in week] == [True, False, True, False, False, True, True]


def test_no_roster_means_always() -> None:
    assert on_duty(None, local("2023-02-19 03:00"), ZONE)


def desk(*contacts: tuple[str, bool]) -> Desk:
    return Desk("county", "c", {}, tuple(Contact("c", id, "email", "x", on_duty=duty) for id, duty in contacts))


@pytest.mark.parametrize(
    ("contacts", "given_up", "expected"),
    [
        ([("a", True), ("b", True), ("c", False)], [], ["a", "b"]),
        ([("a", True), ("b", True), ("c", False)], ["c/a"], ["b", "c"]),
        ([("a", True), ("c", False), ("d", False)], ["c/a", "c/c"], ["d"]),
        ([("a", True), ("c", False)], ["c/a", "c/c"], []),
        ([("a", False), ("b", False)], [], ["a", "b"]),
        ([("a", True)], ["elsewhere/a"], ["a"]),
    ],
)
def test_for_each_contact_given_up_the_next_in_line_stands_in(
    contacts: list[tuple[str, bool]], given_up: list[str], expected: list[str]
) -> None:
    assert [contact.id for contact in recipients(desk(*contacts), given_up)] == expected


def chain(*tiers: str, empty: tuple[str, ...] = ()) -> list[Any]:
    contact = {"id": "1", "channel": "email", "target": "x"}
    return [(tier, tier, {"name": {}, "contacts": [] if tier in empty else [contact]}) for tier in tiers]


def test_tiers_without_a_usable_contact_are_passed_over_and_named() -> None:
    route = route_of(
        chain("county", "prefecture", "province", "national", empty=("prefecture",)), local("2023-02-20"), ZONE
    )
    assert next_tier(route, "county") == ("province", ("prefecture",))
    assert tier_at_or_above(route, "county") == ("county", ())
    assert next_tier(route, "national") == (None, ())


def test_a_contact_of_an_unknown_channel_is_not_usable() -> None:
    found = [("county", "c", {"contacts": [{"id": "1", "channel": "pigeon", "target": "x"}]})]
    assert route_of(found, local("2023-02-20"), ZONE) == ()
