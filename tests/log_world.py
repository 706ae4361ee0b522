"""What tests.event_log remembers of one synthetic unit, and the inspections and rectifications it writes from that."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.events import inspections as model
from shared.events.base import Focus, Grade, Outcome, Stage
from shared.events.envelope import Event
from shared.rulesets import load
from tests import builders as build

Step = Callable[[datetime], Event | None]
GRADED = ("1.1", "1.3", "2.1", "4.1", "5.1", "6.1", "7.1", "9.1")
FINAL = ("verified", "verified", "verified", "rejected", "extended")
CHECKLISTS = ("mhd-2017-121", "general-78")
ITEMS = {name: tuple(load().checklist(name).items) for name in CHECKLISTS}


@dataclass
class Place:
    """A finding as the log has it so far."""

    result: model.ItemResult
    checklist: str
    enterprise_id: str


@dataclass
class Unit:
    """What has been written about one unit so far."""

    id: str
    enterprises: list[str]
    random: random.Random
    seq: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[Place]] = field(default_factory=dict)
    last: dict[tuple[str, ...], model.InspectionSubmitted] = field(default_factory=dict)
    accidents: dict[str, Any] = field(default_factory=dict)

    def next(self, subject: str) -> int:
        """The subject's next sequence number."""
        self.seq[subject] += 1
        return self.seq[subject]


def new_unit(seed: int, number: int, enterprises: int) -> Unit:
    """A unit nothing has been written about yet."""
    ids = [build.enterprise_id(number * 10_000 + index) for index in range(enterprises)]
    return Unit(f"unit-{number:02d}", ids, random.Random(f"{seed}/{number}"))


def inspect(
    unit: Unit,
    enterprise_id: str,
    stage: Stage,
    checklist: str,
    round_id: str,
    at: datetime,
    rng: random.Random,
    *,
    findings: int | None = None,
    drill: bool = False,
) -> Event:
    """One inspection; findings known from before are often found again, sometimes disputed."""
    key = (enterprise_id, round_id, stage, checklist, str(drill))
    before = unit.last.get(key)
    reported = _findings(unit, enterprise_id, checklist, at, rng, findings, drill)
    graded = {code: round(rng.random() * 6, 1) for code in GRADED}
    direct = ("dr2",) if rng.random() < 0.02 else ()
    event = build.inspection_submitted(
        unit.next(enterprise_id),
        enterprise_id=enterprise_id,
        unit_id=unit.id,
        stage=stage,
        findings=reported,
        items=ITEMS[checklist],
        at=at,
        round_id=round_id,
        checklist=checklist,
        grading=build.grading(graded, bonuses={"8.1": 3.0}, direct_red=direct) if checklist == "mhd-2017-121" else None,
        inspector_id="person-synthetic",
        supersedes=before.submission_id if before else None,
        supersedes_reason="synthetic correction" if before else None,
        drill=drill,
    )
    data = event.data
    assert isinstance(data, model.InspectionSubmitted)
    unit.last[key] = data
    if not drill:
        _remember(unit, enterprise_id, checklist, reported)
    return event


def _findings(
    unit: Unit, enterprise_id: str, checklist: str, at: datetime, rng: random.Random, count: int | None, drill: bool
) -> list[model.ItemResult]:
    items = ITEMS[checklist]
    wanted = rng.randrange(0, 4) if count is None else count
    fresh = {(item, f"TF-{rng.randrange(3)}"): Outcome.FINDING for item in rng.sample(items, wanted)}
    known = {
        (place.result.item, place.result.ref): Outcome.CONFORM if rng.random() < 0.2 else Outcome.FINDING
        for place in unit.places.get(enterprise_id, [])
        if place.checklist == checklist and count is None and not drill and rng.random() < 0.5
    }
    return [
        _finding(enterprise_id, checklist, item, ref, outcome, at, rng, drill)
        for (item, ref), outcome in {**fresh, **known}.items()
    ]


def _finding(
    enterprise_id: str,
    checklist: str,
    item: str,
    ref: str,
    outcome: Outcome,
    at: datetime,
    rng: random.Random,
    drill: bool,
) -> model.ItemResult:
    if outcome is not Outcome.FINDING:
        return build.finding(item, enterprise_id, checklist, ref=ref, outcome=outcome, drill=drill)
    major = checklist == "mhd-2017-121" or rng.random() < 0.1
    return build.finding(
        item,
        enterprise_id,
        checklist,
        ref=ref,
        grade=Grade.MAJOR if major else Grade.ORDINARY,
        drill=drill,
        location=f"synthetic area {ref}",
        description="synthetic finding",
        measure="synthetic measure",
        focus=(rng.choice(tuple(Focus)),),
        due_on=at.date() + timedelta(days=rng.randrange(5, 40)) if rng.random() < 0.8 else None,
    )


def _remember(unit: Unit, enterprise_id: str, checklist: str, reported: Sequence[model.ItemResult]) -> None:
    places = unit.places.setdefault(enterprise_id, [])
    known = {place.result.finding_id for place in places}
    places.extend(
        Place(result, checklist, enterprise_id)
        for result in reported
        if result.outcome is Outcome.FINDING and result.finding_id not in known
    )


def rectifying(unit: Unit, enterprise_id: str, action: str) -> Step:
    """A step on some finding reported so far, none when there is none; `final` is one that county or expert decides."""

    def step(at: datetime) -> Event | None:
        places = unit.places.get(enterprise_id)
        if not places:
            return None
        place = unit.random.choice(places)
        chosen = unit.random.choice(FINAL) if action == "final" else action
        assert place.result.finding_id is not None
        fields: dict[str, Any] = {"by": unit.random.choice(("county", "expert"))} if action == "final" else {}
        if chosen == "extended":
            fields |= {"due_on": at.date() + timedelta(days=30), "reason": "synthetic"}
        finding, seq = place.result.finding_id, unit.next(enterprise_id)
        return build.rectification_reported(
            finding, chosen, seq, enterprise_id=enterprise_id, unit_id=unit.id, at=at, **fields
        )

    return step
