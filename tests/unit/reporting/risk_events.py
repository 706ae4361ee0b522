"""Builders of what scoring and notify publish, for reporting's tests. All synthetic."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.bus import Delivery, record_of
from shared.events import alerts, hazards, risk
from shared.events.base import Colour, Data, Grade, LogPosition, Outcome, RuleSetRef, Stage, Value, derive_id, name_id
from shared.events.envelope import Event, make
from shared.rulesets import load
from tests.builders import ENTERPRISE, NOON, ROUND, UNIT

INDEX_RULES = next(ref for ref in load().refs() if ref.id == "unit-index")
GRADING_RULES = RuleSetRef(id="enterprise-grading", version=1, sha256="0" * 64)
COMPONENTS = (
    "enterprise_grades",
    "major_findings",
    "rectification",
    "coverage",
    "old_installations",
    "chemical_parks",
    "key_tasks",
)


def position(offset: int = 1, partition: int = 0) -> LogPosition:
    return LogPosition(partition=partition, offset=offset)


def component(name: str, score: float | None, weight: float = 10.0) -> risk.Component:
    return risk.Component(id=name, score=score, weight=weight, inputs={"synthetic": 1}, clause="unit-index@1")


def unit_assessed(
    offset: int = 1, *, at: datetime = NOON, scores: dict[str, float | None] | None = None, **changes: Any
) -> risk.UnitAssessed:
    """A unit at 71.3, orange."""
    named = dict.fromkeys(COMPONENTS, 0.7) | (scores or {})
    plain: dict[str, Any] = {
        "unit_id": UNIT,
        "round_id": ROUND,
        "guidance_class": "improvement",
        "index": 71.3,
        "colour": Colour.ORANGE,
        "colour_without_vetoes": Colour.ORANGE,
        "provisional": False,
        "components": tuple(component(*row) for row in named.items()),
        "vetoes": (),
        "smallest_change": (),
        "rule_sets": (INDEX_RULES,),
        "counts": {"open_major": 2},
        "as_of": at,
        "log_position": position(offset),
    }
    return risk.UnitAssessed.model_validate({**plain, **changes})


def stage_done(on: date = date(2023, 2, 20), **changes: Any) -> dict[str, Any]:
    plain = {
        "submission_id": str(name_id("test", str(on))),
        "seq": 1,
        "inspected_on": on,
        "checklists": ("mhd-2017-121",),
        "late": False,
    }
    return {**plain, **changes}


def hazard_unit(name: str = "HU-1", missing: tuple[str, ...] = (), level: int | None = 4) -> dict[str, Any]:
    named = {role: None if role in missing else f"person-{role}" for role in ("principal", "technical", "operational")}
    return {
        "hazard_unit_id": name,
        "kind": "storage",
        "s": 1.5,
        "r": 7.5,
        "level": level,
        "missing_roles": missing,
        "responsible": named,
        "declared_on": "2023-02-15",
        "contributions": [],
        "rule_set": {"id": "gb18218", "version": 2018, "sha256": "0" * 64},
    }


def enterprise_assessed(
    enterprise_id: str = ENTERPRISE, offset: int = 1, *, stages: tuple[Stage, ...] = (), **changes: Any
) -> risk.EnterpriseAssessed:
    plain: dict[str, Any] = {
        "unit_id": UNIT,
        "enterprise_id": enterprise_id,
        "round_id": ROUND,
        "seq": 1,
        "enrolled": True,
        "stages": {stage: stage_done() for stage in stages},
        "grade": None,
        "hazard_units": (),
        "installations": (),
        "highest_level": None,
        "open_major": 0,
        "open_ordinary": 0,
        "overdue_major": 0,
        "overdue_ordinary": 0,
        "log_position": position(offset),
    }
    return risk.EnterpriseAssessed.model_validate({**plain, **changes})


def verdict(round_id: str = ROUND, outcome: Outcome = Outcome.FINDING) -> dict[str, Any]:
    return {
        "round_id": round_id,
        "outcome": outcome,
        "grade": Grade.MAJOR,
        "on": date(2023, 2, 20),
        "submission_id": uuid.UUID(int=1),
    }


def finding_assessed(
    name: str = "f-1", offset: int = 1, *, by: tuple[Stage, ...] = (Stage.SELF_INSPECTION,), **changes: Any
) -> risk.FindingAssessed:
    """An open major finding that the stages in `by` reported in the round."""
    plain: dict[str, Any] = {
        "unit_id": UNIT,
        "finding_id": name_id("test finding", name),
        "enterprise_id": ENTERPRISE,
        "checklist": "mhd-2017-121",
        "item": "5",
        "ref": name,
        "grade": Grade.MAJOR,
        "state": "open",
        "episode": 1,
        "round_id": ROUND,
        "opened_round": ROUND,
        "opened_on": date(2023, 2, 20),
        "verdicts": {stage: verdict() for stage in by},
        "log_position": position(offset),
    }
    return risk.FindingAssessed.model_validate({**plain, **changes})


def fold_progressed(next_offset: int, partition: int = 0, *, applied: int = 0, **changes: Any) -> risk.FoldProgressed:
    plain: dict[str, Any] = {
        "partition": partition,
        "applied": applied,
        "superseded": 0,
        "duplicate": 0,
        "drill": 0,
        "dead_lettered": 0,
        "position": next_offset - 1,
        "as_of": NOON,
    }
    return risk.FoldProgressed.model_validate({**plain, **changes})


def alert(
    kind: type[alerts.AlertSnapshot], version: int, *, minutes: float = 0, name: str = "a-1", **changes: Any
) -> alerts.AlertSnapshot:
    plain: dict[str, Any] = {
        "unit_id": UNIT,
        "alert_id": name_id("test alert", name),
        "version": version,
        "enterprise_id": ENTERPRISE,
        "kind": "major_finding",
        "subject": "s",
        "severity": "severe",
        "state": "open",
        "tier": "county",
        "headline": {"zh": "示例", "en": "Sample"},
        "facts": {},
        "opened_at": NOON,
        "at": NOON + timedelta(minutes=minutes),
    }
    return kind.model_validate({**plain, **changes})


def hazard_raised(offset: int = 1, **changes: Any) -> hazards.HazardRaised:
    plain: dict[str, Any] = {
        "unit_id": UNIT,
        "hazard_id": name_id("test hazard"),
        "kind": "major_finding",
        "policy_key": "major_finding",
        "subject": "s",
        "episode": 1,
        "facts": {},
        "caused_at": NOON,
        "log_position": position(offset),
    }
    return hazards.HazardRaised.model_validate({**plain, **changes})


def event(data: Data | Value, *, subject: str = "subject", at: datetime = NOON, key: str | None = None) -> Event:
    """An event around derived data, its id computed from all of it."""
    identity = derive_id(uuid.UUID(int=0), type(data).__name__, data.model_dump_json())
    return make(data, id=identity, source="keycounty/test", subject=subject, time=at.astimezone(UTC), key=key)


def delivered(found: Event, offset: int, partition: int = 0) -> tuple[Delivery, Event]:
    """The event as the bus hands it over."""
    record = record_of(found)
    return Delivery(record.topic, partition, offset, record.key, record.value, record.headers, 0), found


def fold_event(next_offset: int, partition: int = 0, **counts: Any) -> Event:
    return event(fold_progressed(next_offset, partition, **counts), subject=str(partition), key=str(partition))
