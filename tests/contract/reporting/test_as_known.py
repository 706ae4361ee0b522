"""What was known at a time, and as corrected since, against plain Python over the log; in memory and in MongoDB."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.reporting.as_known import MOST, AsCorrected, as_corrected
from services.reporting.documents import ReadModels
from services.reporting.handlers import on_events
from services.reporting.queries import Reads
from services.reporting.rules.corrections import happened_on
from shared.events.base import Stage
from shared.events.envelope import Event
from shared.events.risk import UnitAssessed
from shared.registry import Registry
from shared.rulesets import load
from tests import builders as build
from tests.unit.reporting.folded import batches, folded_log

ZONE = ZoneInfo("Asia/Shanghai")
ONE, OTHER = build.enterprise_id(1), build.enterprise_id(2)
THEN = build.NOON + timedelta(days=2)


def day(number: float) -> datetime:
    return build.NOON + timedelta(days=number)


def first_of(seq: int) -> Any:
    return build.submission_id(ONE, seq)


def inspected(seq: int, on: float, *wrong: str, known: float | None = None, **more: Any) -> Event:
    """An inspection of a day, known of later than that where `known` says so; as many points less as items wrong."""
    own = more.get("enterprise_id", ONE)
    findings = [build.finding(item, own) for item in wrong]
    graded = build.grading({"1.1": 4.0 * len(wrong)})
    at = day(on if known is None else known)
    return build.inspection_submitted(
        seq, at=at, findings=findings, grading=graded, **more, inspected_on=day(on).date()
    )


# Two days, then what corrects them and what is new since.
LOG = [
    build.round_opened(enterprises=[ONE, OTHER], rule_sets=load().refs(), at=day(-1)),
    inspected(1, 0, "5"),
    inspected(1, 0, enterprise_id=OTHER),
    build.park_assessed(1, score=60.0, at=day(1)),
    inspected(2, 4, "5", "6", "7", supersedes=first_of(1), supersedes_reason="synthetic"),
    inspected(2, 1, "9", known=5, enterprise_id=OTHER, stage=Stage.RE_EXAMINATION, late=True, late_reason="synthetic"),
    build.accident_reported(3, at=day(6), occurred_at=day(1), deaths=3),
    build.accident_reported(4, at=day(7), occurred_at=day(1), deaths=12, supplement_to=first_of(3)),
    inspected(5, 4, "5", "7", known=8, supersedes=first_of(2), supersedes_reason="synthetic"),
    build.park_assessed(2, score=40.0, at=day(8), assessed_on=day(2).date()),
    build.rectification_reported(build.finding("5").finding_id, seq=6, at=day(9), by="county"),
    inspected(7, 10, "11", stage=Stage.EXPERT_VERIFICATION),
    inspected(8, 11, "12", stage=Stage.EXPERT_VERIFICATION, supersedes=first_of(7), supersedes_reason="synthetic"),
    build.hazard_unit_declared(9, at=day(12)),
    build.park_assessed(3, score=80.0, at=day(13)),
]
# Of the log from the fifth event on: which correct what was known then, and how.
CORRECTING = {
    4: "superseded",
    5: "late",
    6: "reported_later",
    7: "supplement",
    8: "superseded",
    9: "reported_later",
}
WORLD = folded_log(LOG)


@pytest.fixture
async def filled(models: ReadModels) -> ReadModels:
    for batch in batches(WORLD, 1000):
        await on_events(models, batch)
    return models


async def asked(models: ReadModels, at: datetime = THEN) -> tuple[Any, AsCorrected]:
    known = await Reads(models, Registry()).risk(build.UNIT, build.ROUND, at)
    assert known is not None
    return known["data"], await as_corrected(models, known, at, ZONE)


def results() -> list[UnitAssessed]:
    """The unit's results, in order."""
    return [event.data for _, event in WORLD.deliveries if isinstance(event.data, UnitAssessed)]


def figures(data: UnitAssessed) -> dict[str, Any]:
    found: dict[str, Any] = {"index": data.index, "colour": data.colour, "provisional": data.provisional}
    found["colour_without_vetoes"] = data.colour_without_vetoes
    found |= {f"components.{row.id}": row.score for row in data.components}
    found |= {f"vetoes.{row.id}": True for row in data.vetoes}
    return found | {f"counts.{name}": count for name, count in data.counts.items()}


def differing(old: UnitAssessed, new: UnitAssessed) -> dict[str, tuple[Any, Any]]:
    before, after = figures(old), figures(new)
    both = {name: (before.get(name), after.get(name)) for name in before | after}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


async def test_known_then_and_now_differ_as_the_log_says(filled: ReadModels) -> None:
    known, found = await asked(filled)
    # Each event of the log is folded by itself, so that its offset is its place.
    then = [row for row in results() if row.log_position.offset < 4][-1]
    assert known["log_position"] == then.log_position.model_dump()
    wanted = differing(then, results()[-1])
    assert {row.figure: (row.before, row.after) for row, _ in found.differences} == wanted
    assert {"index", "components.chemical_parks", "vetoes.major_accident", "counts.open_major"} <= wanted.keys()


async def test_each_correction_is_named_with_its_kind_and_what_it_moved(filled: ReadModels) -> None:
    _, found = await asked(filled)
    places = [one.submission["log_position"]["offset"] for one in found.corrections]
    assert dict(zip(places, [one.kind for one in found.corrections], strict=True)) == CORRECTING
    for place, one in zip(places, found.corrections, strict=True):
        before = [row for row in results() if row.log_position.offset < place][-1]
        after = next(row for row in results() if row.log_position.offset >= place)
        assert {row.figure: (row.before, row.after) for row in one.changed} == differing(before, after)
    assert [one.happened_on for one in found.corrections][:3] == [day(4).date(), day(1).date(), day(1).date()]
    assert not found.more


async def test_a_figure_names_the_corrections_that_moved_it_and_no_other(filled: ReadModels) -> None:
    _, found = await asked(filled)
    by = {
        row.figure: [one.submission["log_position"]["offset"] for one in moved_by]
        for row, moved_by in found.differences
    }
    assert by["components.chemical_parks"] == [9]  # and what was assessed since
    assert by["vetoes.major_accident"] == [7]
    assert by["counts.re_examined"] == [5]
    assert by["counts.expert_verified"] == by["counts.hazard_units"] == []  # only what has happened since
    assert set(by["index"]) >= {4, 9}


async def test_a_correction_of_what_was_not_known_yet_is_none(filled: ReadModels) -> None:
    _, found = await asked(filled)
    new = {str(first_of(seq)) for seq in (6, 7, 8, 9)}
    assert new.isdisjoint(one.submission["_id"] for one in found.corrections)
    _, later = await asked(filled, day(10.5))
    assert [one.submission["_id"] for one in later.corrections] == [str(first_of(8))]


async def test_more_corrections_than_are_listed_are_said_to_be_more(filled: ReadModels) -> None:
    again = [
        inspected(10 + number, 4, "5", known=14 + number, supersedes=first_of(5), supersedes_reason="synthetic")
        for number in range(MOST + 1)
    ]
    for batch in batches(folded_log([*LOG, *again])):
        await on_events(filled, batch)
    _, found = await asked(filled)
    assert (len(found.corrections), found.more) == (MOST, True)


async def test_after_the_last_event_nothing_differs(filled: ReadModels) -> None:
    _, found = await asked(filled, datetime(2024, 6, 1, tzinfo=UTC))
    assert (list(found.differences), list(found.corrections), found.more) == ([], [], False)


def test_the_day_of_an_accident_is_that_of_the_place() -> None:
    assert happened_on({"occurred_at": "2023-02-20T23:30:00Z"}, ZONE) == date(2023, 2, 21)
