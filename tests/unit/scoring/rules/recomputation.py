"""A plain recomputation of a unit's main figures from its whole log: slow, obvious, and written apart from the fold.
For property tests.
"""

import csv
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from shared.events import inspections as log
from shared.events.envelope import Event
from shared.rulesets.loading import PACKAGED

STAGES = ["self_inspection", "re_examination", "expert_verification"]


def points() -> dict[str, tuple[float, float]]:
    """Points and most bonus of each item, from the table's file."""
    with (Path(PACKAGED) / "enterprise_grading_2018_19.csv").open(encoding="utf-8-sig") as table:
        return {row["code"]: (float(row["points"]), float(row["bonus_max"])) for row in csv.DictReader(table)}


@dataclass
class Place:
    """A finding as the plain recomputation sees it; `closings`: whether each closing was in time."""

    enterprise: str
    major: bool
    checklist: str = ""
    open: bool = True
    due: date | None = None
    due_rank: int = -1
    closings: list[bool] = field(default_factory=list)
    grades: dict[tuple[str, int], str] = field(default_factory=dict)


@dataclass
class Plain:
    """The figures that a fold must agree with."""

    scores: dict[str, float] = field(default_factory=dict)
    open_major: int = 0
    overdue_major: int = 0
    open_ordinary: int = 0
    self_inspected: int = 0
    overdue: int = 0
    closings: list[bool] = field(default_factory=list)


def recomputed(events: list[Event]) -> Plain:
    """Grades, open and overdue findings of one unit whose log has one round; drills left out."""
    places: dict[Any, Place] = {}
    gradings: dict[tuple[str, int], dict[str, Any]] = {}
    inspected, enrolled, gone, day = set(), set(), {}, None
    for event in events:
        data: Any = event.data
        if isinstance(data, log.RoundOpened):
            enrolled = set(data.enterprises)
        elif isinstance(data, log.DayStarted):
            day = data.day
        elif isinstance(data, log.EnterpriseWithdrawn):
            gone[data.enterprise_id] = True
        elif getattr(data, "drill", False):
            continue
        elif isinstance(data, log.InspectionSubmitted):
            gone.pop(data.enterprise_id, None)
            report(places, data)
            rank = STAGES.index(data.stage)
            if rank == 0:
                inspected.add(data.enterprise_id)
            if data.grading is not None:
                gradings[data.enterprise_id, rank] = data.grading.model_dump()
        elif hasattr(data, "enterprise_id"):
            gone.pop(data.enterprise_id, None)
            rectify(places, data)
    return summed(places, gradings, {each for each in enrolled if each not in gone}, inspected, gone, day)


def report(places: dict[Any, Place], data: log.InspectionSubmitted) -> None:
    """What an inspection says of its findings."""
    rank = STAGES.index(data.stage)
    for result in data.results:
        if result.outcome == "finding":
            place = places.setdefault(result.finding_id, Place(data.enterprise_id, True))
            if not place.open:
                place.open, place.due, place.due_rank = True, None, -1
            place.grades[data.round_id, rank] = str(result.grade)
            place.major = place.grades[max(place.grades)] == "major"
            if result.due_on is not None and (place.due is None or rank > place.due_rank or rank == place.due_rank > 0):
                place.due, place.due_rank = result.due_on, rank
    reported = {result.finding_id for result in data.results if result.outcome == "finding"}
    for id, place in places.items():
        if id in reported:
            place.checklist = data.checklist
        elif (place.enterprise, place.checklist) == (data.enterprise_id, data.checklist):
            place.grades.pop((data.round_id, rank), None)


def rectify(places: dict[Any, Place], data: Any) -> None:
    """A step of putting a finding right; other records of an enterprise say nothing of findings."""
    if not isinstance(data, log.RectificationReported):
        return
    place = places.get(data.finding_id)
    if place is None:
        return
    if data.action == "verified":
        if place.open:
            place.closings.append(place.due is None or data.on <= place.due)
        place.open = False
    elif data.action == "rejected":
        if not place.open:
            place.closings.pop()
        place.open = True
    elif data.action == "extended" and place.open and data.due_on is not None:
        place.due, place.due_rank = data.due_on, {"county": 1, "expert": 2}[data.by]
    elif data.action in ("planned", "done") and place.open and place.due is None and data.due_on is not None:
        place.due, place.due_rank = data.due_on, 0


def summed(
    places: dict[Any, Place],
    gradings: dict[tuple[str, int], dict[str, Any]],
    enrolled: set[str],
    inspected: set[str],
    gone: dict[str, bool],
    day: date | None,
) -> Plain:
    """The figures of the whole unit."""
    plain, table = Plain(self_inspected=len(inspected & enrolled)), points()
    for place in places.values():
        if place.enterprise in gone:
            continue
        plain.closings += place.closings
        if not place.open:
            continue
        major, overdue = place.major, place.due is not None and day is not None and place.due < day
        plain.open_major += major
        plain.open_ordinary += not major
        plain.overdue += overdue
        plain.overdue_major += major and overdue
    for enterprise in sorted({enterprise for enterprise, _ in gradings}):
        rank = max(rank for other, rank in gradings if other == enterprise)
        plain.scores[enterprise] = scored(gradings[enterprise, rank], table)
    return plain


def scored(grading: dict[str, Any], table: dict[str, tuple[float, float]]) -> float:
    """Every item's points less its deduction, never below 0, and its bonus on top."""
    kept = sum(max(0.0, most - grading["deductions"].get(code, 0)) for code, (most, _) in table.items())
    return kept + sum(min(bonus, table[code][1]) for code, bonus in grading["bonuses"].items())
