"""`dead-letters redrive --dry-run`: what letters would change, compared with what folding them really changes."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from deploy.cli.rehearsal import Effect, Rehearsal, Standing
from services.scoring.rules.fold import PartitionFold
from shared import rulesets
from shared.bus import Delivery, Record, record_of
from shared.events.envelope import Event
from shared.events.risk import UnitAssessed
from tests.builders import ENTERPRISE, NOON, UNIT, enterprise_id
from tests.event_builders import (
    accident_reported,
    day_started,
    finding,
    inspection_submitted,
    rectification_reported,
    round_opened,
)

RULES = rulesets.load()
OTHER = enterprise_id(2)
LATER = NOON + timedelta(days=1)


def log() -> list[Event]:
    opened = round_opened(enterprises=(ENTERPRISE, OTHER), rule_sets=RULES.refs())
    conforming = inspection_submitted(1)
    wrong = inspection_submitted(1, enterprise_id=OTHER, findings=[finding("5", OTHER)])
    return [opened, day_started(NOON.date()), conforming, wrong]


def delivered(events: Sequence[Event]) -> list[Delivery]:
    records = [record_of(event) for event in events]
    return [
        Delivery("inspections.v1", 3, offset, record.key, record.value, record.headers, 0)
        for offset, record in enumerate(records)
    ]


@pytest.fixture
def rehearsal() -> Rehearsal:
    found = Rehearsal(RULES, 3)
    for delivery in delivered(log()):
        found.take(delivery)
    return found


def really(events: Sequence[Event]) -> Standing:
    """The unit's standing when the events are on the log themselves."""
    fold = PartitionFold(RULES, 3)
    for offset, event in enumerate(events):
        fold.apply(event, offset)
    units = [event.data for event in fold.flush().events if isinstance(event.data, UnitAssessed)]
    return Standing(units[-1].colour, units[-1].index)


def append(rehearsal: Rehearsal, event: Event) -> Effect:
    return rehearsal.append(record_of(event))


def test_a_letter_with_a_major_finding_would_open_its_alert_and_move_the_unit_as_it_really_would(
    rehearsal: Rehearsal,
) -> None:
    letter = inspection_submitted(2, findings=[finding("7")], supersedes_reason="corrected", at=LATER)
    effect = append(rehearsal, letter)
    assert any(hazard.startswith("major_finding") for hazard in effect.raised)
    assert effect.units[UNIT] == (really(log()), really([*log(), letter]))
    assert effect.units[UNIT][0] != effect.units[UNIT][1]


def test_a_letter_with_an_accident_would_open_an_alert(rehearsal: Rehearsal) -> None:
    effect = append(rehearsal, accident_reported(2, at=LATER))
    assert any(hazard.startswith("accident.") for hazard in effect.raised)


def test_a_verified_rectification_would_close_the_alert_of_its_finding(rehearsal: Rehearsal) -> None:
    wrong = finding("5", OTHER)
    letter = rectification_reported(wrong.finding_id, enterprise_id=OTHER, at=LATER)
    effect = append(rehearsal, letter)
    assert f"major_finding {wrong.finding_id}" in effect.cleared
    assert f"alert would close: major_finding {wrong.finding_id}" in effect.lines()


def test_what_is_folded_already_would_change_nothing(rehearsal: Rehearsal) -> None:
    effect = append(rehearsal, log()[-1])
    assert (effect.raised, effect.updated, effect.cleared) == ([], [], [])
    assert all(before == after for before, after in effect.units.values())
    assert effect.lines()[1:] == ["no colour, index or alert would change"]


def test_what_is_still_no_event_would_be_put_away_again(rehearsal: Rehearsal) -> None:
    effect = rehearsal.append(Record("inspections.v1", UNIT.encode(), b"no JSON", record_of(log()[0]).headers))
    assert effect.lines() == [f"would be put away again ({effect.refused})"]
    assert effect.event is None


def test_letters_add_up_in_their_order(rehearsal: Rehearsal) -> None:
    first = inspection_submitted(2, findings=[finding("7")], supersedes_reason="corrected", at=LATER)
    second = rectification_reported(finding("7").finding_id, seq=3, at=LATER)
    assert append(rehearsal, first).raised
    effect = append(rehearsal, second)
    assert f"major_finding {finding('7').finding_id}" in effect.cleared
    assert effect.units[UNIT][1] == really([*log(), first, second])


def test_a_bad_record_within_the_log_is_passed_over_as_scoring_does() -> None:
    found = Rehearsal(RULES, 3)
    whole = delivered(log())
    found.take(Delivery("inspections.v1", 3, 0, b"linzi", b"\xff", (), 0))
    for delivery in whole:
        found.take(
            Delivery("inspections.v1", 3, delivery.offset + 1, delivery.key, delivery.value, delivery.headers, 0)
        )
    assert append(found, accident_reported(2, at=LATER)).raised
