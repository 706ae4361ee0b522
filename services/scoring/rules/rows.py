"""Rows of the changelog: the state as compact JSON and back. Keys are `unit|kind|id`; the same state gives the same
bytes.

Findings and enterprises, of which there are many, are lists in the order of their fields; restoring them must cost
little.
"""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import orjson

from services.scoring.rules.measures import shared_text
from services.scoring.rules.state import (
    Accident,
    Enterprise,
    Finding,
    Given,
    Graded,
    HazardUnit,
    Installation,
    Park,
    Round,
    Said,
    Step,
    Submission,
    Unit,
    UnitHazard,
)
from shared.events.base import Focus, Grade, Outcome, Stage

OUTCOMES = {outcome.value: outcome for outcome in Outcome}
DUE_FROM: dict[str | None, Any] = {**{stage.value: stage for stage in Stage}, "extended": "extended", None: None}
GRADES = {grade.value: grade for grade in Grade}
FOCUSES = {focus.value: focus for focus in Focus}


class Days(dict[str, date]):
    """Days by their text, each read once: rows name the same few days again and again."""

    def __missing__(self, text: str) -> date:
        found = self[text] = date.fromisoformat(text)
        return found


_day = Days().__getitem__


def key(unit_id: str, kind: str, id: str) -> bytes:
    """The row's key."""
    return f"{unit_id}|{kind}|{id}".encode()


def parts(row_key: bytes) -> tuple[str, str, str]:
    """Unit, kind and id of a key."""
    unit_id, kind, id = row_key.decode().split("|", 2)
    return unit_id, kind, id


def value(content: object) -> bytes:
    """The row's bytes."""
    return WRITERS[type(content)](content)


def _dumps(content: object) -> bytes:
    return orjson.dumps(content)


def finding(found: Finding) -> bytes:
    """A finding, its enterprise by id (`drill:` before it in drills)."""
    enterprise = found.enterprise
    return _dumps(
        [
            f"drill:{enterprise.id}" if enterprise.drill else enterprise.id,
            found.checklist,
            found.item,
            found.ref,
            found.grade,
            found.state,
            found.episode,
            found.round_id,
            found.opened_round,
            found.opened_on,
            [each and each[:] for each in found.said],
            found.focus,
            found.location,
            found.description,
            found.measure,
            found.closed_on,
            found.due_on,
            found.due_rank,
            found.due_from,
            found.overdue,
            found.step and found.step[:],
            found.recurrence,
            found.hazards,
            found.closed,
            found.timely,
        ]
    )


def read_finding(id: str, row: list[Any], enterprise: Enterprise) -> Finding:
    """A finding from its row."""
    said = [None if each is None else _said(each) for each in row[10]]
    return Finding(
        id,
        enterprise,
        shared_text(row[1]),
        shared_text(row[2]),
        row[3],
        GRADES[row[4]],
        shared_text(row[5]),
        row[6],
        shared_text(row[7]),
        shared_text(row[8]),
        _day(row[9]),
        said,
        tuple([FOCUSES[each] for each in row[11]]) if row[11] else (),
        row[12],
        row[13],
        row[14],
        row[15] and _day(row[15]),
        row[16] and _day(row[16]),
        row[17],
        DUE_FROM[row[18]],
        row[19],
        row[20] and Step(row[20][0], _day(row[20][1]), row[20][2], row[20][3]),
        row[21],
        row[22],
        row[23],
        row[24],
    )


def _said(row: list[Any]) -> Said:
    return Said(shared_text(row[0]), OUTCOMES[row[1]], row[2] and GRADES[row[2]], _day(row[3]), shared_text(row[4]))


def enterprise(found: Enterprise) -> bytes:
    """An enterprise with its standing submissions and gradings; its hazard units and installations have rows of their
    own.
    """
    submissions = [
        [
            each.round_id,
            each.stage,
            each.checklist,
            each.id,
            each.seq,
            each.on,
            each.late,
            each.conform,
            each.skipped,
        ]
        for each in found.submissions
    ]
    gradings = [
        None if each is None else [each.round_id, each.on, each.deductions, each.bonuses, each.direct_red]
        for each in found.gradings
    ]
    return _dumps(
        [
            found.seq,
            found.shown_seq,
            found.gap,
            found.reds,
            found.withdrawn_at,
            found.withdrawn,
            found.drilled_at,
            submissions,
            gradings,
        ]
    )


def read_enterprise(found: Enterprise, row: list[Any]) -> None:
    """Fills an enterprise from its row."""
    found.seq, found.shown_seq, found.gap, found.reds = row[:4]
    found.withdrawn_at, found.withdrawn, found.drilled_at = _instant(row[4]), row[5], _instant(row[6])
    found.submissions = [
        Submission(
            shared_text(r[0]),
            r[1],
            shared_text(r[2]),
            shared_text(r[3]),
            r[4],
            _day(r[5]),
            r[6],
            shared_text(r[7]),
            shared_text(r[8]),
        )
        for r in row[7]
    ]
    found.gradings = [None if each is None else _graded(each) for each in row[8]]


def _graded(row: list[Any]) -> Graded:
    deductions = {shared_text(code): points for code, points in row[2].items()}
    bonuses = {shared_text(code): points for code, points in row[3].items()}
    return Graded(shared_text(row[0]), _day(row[1]), deductions, bonuses, tuple(row[4]))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


def plain(found: Any) -> dict[str, Any]:
    """The fields of a state object by name, those that are derived left out."""
    left_out = DERIVED.get(type(found), ())
    return {each.name: getattr(found, each.name) for each in fields(found) if each.name not in left_out}


def hazard_unit(found: HazardUnit) -> bytes:
    """A hazard unit as declared and graded."""
    return _dumps(plain(found))


def read_hazard_unit(row: dict[str, Any]) -> HazardUnit:
    """A hazard unit from its row."""
    return HazardUnit(**row | {"declared_on": _day(row["declared_on"]), "persons": tuple(row["persons"])})


def read_installation(row: dict[str, Any]) -> Installation:
    """An installation from its row."""
    return Installation(**row | {"commissioned_on": _day(row["commissioned_on"])})


def read_park(row: dict[str, Any]) -> Park:
    """A park from its row."""
    return Park(**row | {"assessed_on": _day(row["assessed_on"])})


def accident(found: Accident) -> bytes:
    """An accident with the figures of its last report."""
    return _dumps(plain(found) | {"raised": dict(sorted(found.raised.items()))})


def read_accident(row: dict[str, Any]) -> Accident:
    """An accident from its row."""
    times = {name: _instant(row[name]) for name in ("occurred_at", "drilled_at")}
    return Accident(**row | times)


def round_(found: Round) -> bytes:
    """A round: the event that opened it, and the revision that closed it."""
    return _dumps([orjson.Fragment(found.opened.model_dump_json(by_alias=True)), found.closed_revision])


UNIT_FIELDS = ("seq", "gap", "day", "clock", "current", "closed", "timely", "hazard", "raised", "given", "tasks")


def unit(found: Unit) -> bytes:
    """What a unit has beside its other rows."""
    content = {name: getattr(found, name) for name in UNIT_FIELDS}
    return _dumps(
        content
        | {
            "hazard": found.hazard and plain(found.hazard),
            "raised": dict(sorted(found.raised.items())),
            "given": plain(found.given),
            "tasks": dict(sorted(found.tasks.items())),
        }
    )


def read_unit(found: Unit, row: dict[str, Any]) -> None:
    """Fills a unit from its row."""
    for name in UNIT_FIELDS:
        setattr(found, name, row[name])
    found.day = row["day"] and _day(row["day"])
    found.clock = _instant(row["clock"])
    found.hazard = row["hazard"] and UnitHazard(**row["hazard"])
    found.given = Given(**row["given"])


DERIVED: dict[type, tuple[str, ...]] = {HazardUnit: ("risk",)}
WRITERS: dict[type, Callable[[Any], bytes]] = {
    Finding: finding,
    Enterprise: enterprise,
    HazardUnit: hazard_unit,
    Installation: lambda found: _dumps(plain(found)),
    Park: lambda found: _dumps(plain(found)),
    Accident: accident,
    Round: round_,
    Unit: unit,
    tuple: _dumps,
}
