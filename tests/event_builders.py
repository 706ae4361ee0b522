"""Builders of events of `inspections.v1` as intake publishes them; imported through tests.builders. All synthetic."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from shared.events import inspections as model
from shared.events.base import Data, Grade, GuidanceClass, Outcome, RuleSetRef, Stage, Submitted, finding_id, name_id
from shared.events.envelope import Event, make
from tests.bodies import ENTERPRISE, NOON, ROUND, SOURCE, UNIT, windows

MHD_ITEMS = tuple(str(item) for item in range(1, 21))
NAMED: dict[model.Role, str | None] = {"principal": "p-1", "technical": "p-2", "operational": "p-3"}
NOBODY: dict[model.Role, str | None] = {"principal": None, "technical": "p-2", "operational": "p-3"}


def submission_id(subject: str, seq: int) -> uuid.UUID:
    """The submission id that the builders give: computed from subject and sequence."""
    return name_id("test submission", subject, str(seq))


def submitted(data: type[Submitted], subject: str, seq: int, at: datetime, fields: Mapping[str, Any]) -> Event:
    """An event around a submission's data; `fields` may replace any of the common ones."""
    common = {
        "unit_id": UNIT,
        "submission_id": submission_id(subject, seq),
        "seq": seq,
        "accepted_at": at,
        "submitted_by": subject,
    }
    value = data.model_validate({**common, **fields})
    return make(
        value,
        id=name_id("submission", str(value.submission_id)),
        source=SOURCE,
        subject=subject,
        time=at,
        correlation_id=f"test-{value.submission_id}",
    )


def finding(
    item: str,
    enterprise_id: str = ENTERPRISE,
    checklist: str = "mhd-2017-121",
    *,
    ref: str = "",
    outcome: Outcome = Outcome.FINDING,
    grade: Grade | None = Grade.MAJOR,
    drill: bool = False,
    **changes: Any,
) -> model.ItemResult:
    """A stage's answer about one place, with the place's finding id."""
    identity = finding_id(enterprise_id, checklist, item, ref, drill)
    stated = grade if outcome is Outcome.FINDING else None
    return model.ItemResult(item=item, outcome=outcome, grade=stated, ref=ref, finding_id=identity, **changes)


def answers(items: Iterable[str], findings: Sequence[model.ItemResult] = ()) -> tuple[model.ItemResult, ...]:
    """An answer to every item: the findings given, `conform` to the rest."""
    named = {found.item for found in findings}
    rest = [model.ItemResult(item=item, outcome=Outcome.CONFORM) for item in items if item not in named]
    return (*findings, *rest)


def inspection_submitted(
    seq: int = 1,
    *,
    enterprise_id: str = ENTERPRISE,
    stage: Stage = Stage.SELF_INSPECTION,
    findings: Sequence[model.ItemResult] = (),
    items: Iterable[str] = MHD_ITEMS,
    at: datetime = NOON,
    **changes: Any,
) -> Event:
    """An inspection against `mhd-2017-121` in which every item conforms but for `findings`."""
    fields = {
        "round_id": ROUND,
        "stage": stage,
        "enterprise_id": enterprise_id,
        "inspected_on": at.date(),
        "checklist": "mhd-2017-121",
        "results": answers(items, findings),
        **changes,
    }
    return submitted(model.InspectionSubmitted, enterprise_id, seq, at, fields)


def grading(deductions: Mapping[str, float] | None = None, **changes: Any) -> model.Grading:
    """Points for the grade: 100 less the deductions."""
    return model.Grading(deductions=dict(deductions or {}), **changes)


def hazard_unit_declared(
    seq: int = 1,
    *,
    enterprise_id: str = ENTERPRISE,
    substances: Sequence[tuple[int, float]] = ((12, 5.0), (1, 5.0)),
    at: datetime = NOON,
    **changes: Any,
) -> Event:
    """Chlorine 5 t and ammonia 5 t, 60 people: level IV. `substances` as (row of Table 1, tonnes)."""
    fields = {
        "hazard_unit_id": "HU-1",
        "enterprise_id": enterprise_id,
        "kind": "storage",
        "exposed_population": 60,
        "substances": tuple(model.Substance(seq=row, quantity_t=tonnes) for row, tonnes in substances),
        "responsible": NAMED,
        "declared_on": at.date(),
        **changes,
    }
    return submitted(model.HazardUnitDeclared, enterprise_id, seq, at, fields)


def hazard_unit_withdrawn(
    seq: int = 2, *, enterprise_id: str = ENTERPRISE, at: datetime = NOON, **changes: Any
) -> Event:
    """The unit HU-1 is gone."""
    fields = {"hazard_unit_id": "HU-1", "enterprise_id": enterprise_id, "reason": "synthetic", **changes}
    return submitted(model.HazardUnitWithdrawn, enterprise_id, seq, at, fields)


def installation_declared(
    seq: int = 1, *, enterprise_id: str = ENTERPRISE, at: datetime = NOON, **changes: Any
) -> Event:
    """An installation of 1998: old, nothing decided."""
    fields = {
        "installation_id": "IN-1",
        "enterprise_id": enterprise_id,
        "commissioned_on": date(1998, 5, 1),
        "design_life_years": 30.0,
        **changes,
    }
    return submitted(model.InstallationDeclared, enterprise_id, seq, at, fields)


def installation_withdrawn(
    seq: int = 2, *, enterprise_id: str = ENTERPRISE, at: datetime = NOON, **changes: Any
) -> Event:
    """The installation IN-1 is gone."""
    fields = {"installation_id": "IN-1", "enterprise_id": enterprise_id, "reason": "synthetic", **changes}
    return submitted(model.InstallationWithdrawn, enterprise_id, seq, at, fields)


def rectification_reported(
    finding: uuid.UUID,
    action: str = "verified",
    seq: int = 2,
    *,
    enterprise_id: str = ENTERPRISE,
    by: str | None = None,
    at: datetime = NOON,
    **changes: Any,
) -> Event:
    """A step on a finding; by the county where only it may, else by the enterprise."""
    acting = by or ("enterprise" if action in ("planned", "done") else "county")
    fields = {
        "enterprise_id": enterprise_id,
        "finding_id": finding,
        "action": action,
        "on": at.date(),
        "by": acting,
        **changes,
    }
    return submitted(model.RectificationReported, enterprise_id, seq, at, fields)


def accident_reported(seq: int = 1, *, enterprise_id: str = ENTERPRISE, at: datetime = NOON, **changes: Any) -> Event:
    """A larger accident (three deaths) at noon."""
    fields = {
        "accident_id": changes.get("supplement_to") or submission_id(enterprise_id, seq),
        "enterprise_id": enterprise_id,
        "occurred_at": at,
        "deaths": 3,
        "missing": 0,
        "serious_injuries": 0,
        "direct_loss_yuan": 0.0,
        **changes,
    }
    return submitted(model.AccidentReported, enterprise_id, seq, at, fields)


def park_assessed(
    seq: int = 1, *, score: float = 72.5, unit_id: str = UNIT, at: datetime = NOON, **changes: Any
) -> Event:
    """A park's score; 72.5 is band C."""
    fields = {"unit_id": unit_id, "park_id": "park-1", "score": score, "assessed_on": at.date(), **changes}
    return submitted(model.ParkAssessed, unit_id, seq, at, fields)


def key_task_progressed(
    seq: int = 1, *, progress: float = 0.5, unit_id: str = UNIT, at: datetime = NOON, **changes: Any
) -> Event:
    """Progress on the key task `automation`."""
    fields = {
        "unit_id": unit_id,
        "round_id": ROUND,
        "task_id": "automation",
        "progress": progress,
        "on": at.date(),
        **changes,
    }
    return submitted(model.KeyTaskProgressed, unit_id, seq, at, fields)


def guidance_recorded(seq: int = 1, *, unit_id: str = UNIT, at: datetime = NOON, **changes: Any) -> Event:
    """A training of three hours for forty people."""
    fields = {
        "unit_id": unit_id,
        "round_id": ROUND,
        "team_id": "team-1",
        "kind": "training",
        "on": at.date(),
        "hours": 3.0,
        "people": 40,
        **changes,
    }
    return submitted(model.GuidanceRecorded, unit_id, seq, at, fields)


def round_opened(
    revision: int = 1,
    *,
    unit_id: str = UNIT,
    round_id: str = ROUND,
    enterprises: Sequence[str] = (ENTERPRISE,),
    rule_sets: Sequence[RuleSetRef] = (),
    opens: date = date(2023, 2, 13),
    at: datetime = NOON,
    **changes: Any,
) -> Event:
    """A round with three windows of 16 days from `opens`; `rule_sets` are usually `load().refs()`."""
    year, number = round_id.split("-")
    fields = {
        "unit_id": unit_id,
        "round_id": round_id,
        "year": int(year),
        "number": int(number),
        "revision": revision,
        "windows": windows(opens),
        "key_tasks": ({"id": "automation", "name": "Automation upgrade"},),
        "guidance_class": GuidanceClass.IMPROVEMENT,
        "team_id": "team-1",
        "expert_target": 1,
        "enterprises": tuple(enterprises),
        "rule_sets": tuple(rule_sets),
        **changes,
    }
    return _unit_event(model.RoundOpened, "round.opened", fields, (round_id, unit_id, str(revision)), at)


def round_closed(revision: int = 2, *, unit_id: str = UNIT, round_id: str = ROUND, at: datetime = NOON) -> Event:
    """The round is closed for the unit."""
    fields = {"unit_id": unit_id, "round_id": round_id, "revision": revision}
    return _unit_event(model.RoundClosed, "round.closed", fields, (round_id, unit_id, str(revision)), at)


def day_started(day: date, *, unit_id: str = UNIT, at: datetime | None = None) -> Event:
    """Midnight of a day (Asia/Shanghai) for the unit."""
    midnight = at or datetime.fromisoformat(f"{day.isoformat()}T00:00:00+08:00")
    return _unit_event(
        model.DayStarted, "day.started", {"unit_id": unit_id, "day": day}, (unit_id, day.isoformat()), midnight
    )


def enterprise_withdrawn(*, enterprise_id: str = ENTERPRISE, unit_id: str = UNIT, at: datetime = NOON) -> Event:
    """The enterprise has left the unit."""
    value = model.EnterpriseWithdrawn(unit_id=unit_id, enterprise_id=enterprise_id, reason="synthetic")
    identity = name_id("enterprise.withdrawn", unit_id, enterprise_id, at.isoformat())
    return make(value, id=identity, source=SOURCE, subject=enterprise_id, time=at)


def _unit_event(data: type[Data], name: str, fields: Mapping[str, Any], identity: Sequence[str], at: datetime) -> Event:
    value = data.model_validate(fields)
    return make(value, id=name_id(name, *identity), source=SOURCE, subject=value.unit_id, time=at)
