"""The rectification rate, what was carried over or came back, due dates, focus areas and important periods, recomputed
from the raw events of two rounds.
"""

from collections import Counter
from typing import Any

import pytest

from shared.events.envelope import Event
from shared.events.inspections import EnterpriseWithdrawn, RoundOpened
from tests.event_log import event_log
from tests.unit.reporting.folded import folded_log
from tests.unit.reporting.frozen_worlds import freezer_of, frozen
from tests.unit.reporting.raw_findings import Place, RawFindings

UNIT, ROUND = "unit-00", "2023-2"
SEEDS = range(1, 6)


@pytest.fixture(scope="module", params=SEEDS)
def log(request: pytest.FixtureRequest) -> list[Event]:
    """Two rounds of two units, in which nobody is withdrawn."""
    events = event_log(request.param, units=2, enterprises=6, rounds=2)
    return [event for event in events if not isinstance(event.data, EnterpriseWithdrawn)]


@pytest.fixture
async def content(log: list[Event]) -> dict[str, Any]:
    found: dict[str, Any] = (await frozen(await freezer_of(folded_log(log, 3, 20)), UNIT, ROUND)).content()
    return found


@pytest.fixture
def raw(log: list[Event]) -> RawFindings:
    return RawFindings().read(event for event in log if event.key == UNIT)


def test_the_rectification_rate_is_what_was_verified_in_time_of_what_was_closed_or_is_past_due(
    content: dict[str, Any], raw: RawFindings
) -> None:
    rate = next(row for row in content["rates"] if row["id"] == "rectification")
    late = [name for name, place in raw.places.items() if raw.overdue(place)]
    assert (rate["part"], rate["whole"]) == (raw.timely[ROUND], raw.closed[ROUND] + len(late))
    assert rate["share"] == pytest.approx(raw.timely[ROUND] / (raw.closed[ROUND] + len(late)))
    late += [name for name, place in raw.places.items() if place.closed_in == ROUND and not place.timely]
    assert len(late) > 0
    behind = {(row["enterprise_id"], name) for row in rate["behind"] for name in row["lacking"]}
    assert behind == {(raw.places[name].enterprise, str(name)) for name in late}


def test_what_was_carried_over_and_what_came_back_is_what_the_log_tells(
    content: dict[str, Any], raw: RawFindings
) -> None:
    own, told = raw.standing(), content["long_term"]
    carried = [place for place in own if place.opened_round != ROUND]
    assert told["carried_over"] == len(carried)
    assert told["carried_over_closed"] == sum(place.closed for place in carried) > 0
    back = [place for place in own if place.episode > 1]
    assert told["recurring"] == len(back)
    by_item = Counter(f"{place.checklist}/{place.item}" for place in back)
    assert {row["key"]: row["total"] for row in told["recurring_items"]} == by_item


def test_problems_are_counted_by_grade_due_date_and_focus_as_the_log_tells(
    content: dict[str, Any], raw: RawFindings
) -> None:
    own, told = raw.standing(), content["problems"]
    assert _tally(told) == _counted(raw, own)
    areas = {area for place in own for area in place.focus} | {"none"}
    by_focus = {area: [place for place in own if area in (place.focus or ("none",))] for area in areas}
    assert {row["key"]: _tally(row) for row in told["by_focus"]} == {
        area: _counted(raw, places) for area, places in by_focus.items() if places
    }


def test_an_important_period_names_the_major_findings_that_stood_open_in_it(
    content: dict[str, Any], raw: RawFindings, log: list[Event]
) -> None:
    opened = [event.data for event in log if event.key == UNIT and isinstance(event.data, RoundOpened)]
    (period,) = next(data.important_periods for data in opened[::-1] if data.round_id == ROUND)
    (told,) = content["important_periods"]
    major = [place for place in raw.standing() if place.grade == "major" and place.opened_on <= period.to]
    stood = [place for place in major if place.closed_on is None or place.closed_on > period.from_]
    assert (told["major"], told["still_open"]) == (len(stood), sum(not place.closed for place in stood))
    assert set(told["enterprises"]) == {place.enterprise for place in stood}


def _tally(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return row["total"], row["major"], row["open"], row["overdue"]


def _counted(raw: RawFindings, places: list[Place]) -> tuple[int, int, int, int]:
    major = sum(place.grade == "major" for place in places)
    overdue = sum(raw.overdue(place) for place in places)
    return len(places), major, sum(not place.closed for place in places), overdue
