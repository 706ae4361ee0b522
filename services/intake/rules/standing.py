"""What stands against a well-formed body: the registry, the round's windows, the caller's role, the day. Pure; the
registry comes as a view.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from services.intake.rules import bodies
from services.intake.rules.faults import Fault, decided, fault
from shared.events.base import Stage

By = Literal["enterprise", "county", "expert"]
STAGE_OF: Mapping[By, Stage] = {
    "enterprise": Stage.SELF_INSPECTION,
    "county": Stage.RE_EXAMINATION,
    "expert": Stage.EXPERT_VERIFICATION,
}
BY_STAGE: Mapping[Stage, By] = {stage: by for by, stage in STAGE_OF.items()}
DECISIONS = ("verified", "rejected", "extended")


class RegistryView(Protocol):
    """What these rules ask of the registry."""

    def get(self, kind: str, id: str) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Who sends it (`by`; `team` of an expert), when it came in, and the time zone of days and of windows given as
    days.
    """

    by: By
    now: datetime
    zone: ZoneInfo
    team: str | None = None

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


def stands_against(body: bodies.Submission, registry: RegistryView, given: Circumstances) -> list[Fault]:
    """Every fault of a well-formed body against the registry, the calendar and the caller's role."""
    special: Callable[..., Iterator[Fault]] | None = _CHECKS.get(type(body))
    found = list(decided(_places(body, registry)))
    return found if special is None else [*found, *decided(special(body, registry, given))]


def is_late(body: bodies.Submission, registry: RegistryView, given: Circumstances) -> bool:
    """Whether an inspection comes after its stage's window has closed."""
    if not isinstance(body, bodies.Inspection):
        return False
    window = _window(registry.get("rounds", body.round_id), body.stage, given.zone)
    return window is not None and given.now >= window[1]


def moment(text: str, zone: ZoneInfo, *, end: bool = False) -> datetime:
    """A window's bound: RFC 3339, or a day (as an end: inclusive, so the midnight after it)."""
    if len(text) > 10:
        return datetime.fromisoformat(text)
    day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
    return datetime.combine(day, time(), zone)


def _places(body: bodies.Submission, registry: RegistryView) -> Iterator[Fault]:
    if registry.get("units", body.unit_id) is None:
        yield fault("/unit_id", "unknown_unit", unit=body.unit_id)
    enterprise_id = getattr(body, "enterprise_id", None)
    if enterprise_id is None:
        return
    enterprise = registry.get("enterprises", enterprise_id)
    if enterprise is None:
        yield fault("/enterprise_id", "unknown_enterprise", enterprise=enterprise_id)
    elif enterprise["unit_id"] != body.unit_id:
        yield fault("/unit_id", "unit_mismatch", unit=body.unit_id, registered=enterprise["unit_id"])


def _inspection(body: bodies.Inspection, registry: RegistryView, given: Circumstances) -> Iterator[Fault]:
    yield from decided(_stage(body, given))
    yield from decided(_inspected(body, given))
    round_ = registry.get("rounds", body.round_id)
    if round_ is None:
        yield fault("/round_id", "unknown_round", round=body.round_id)
        return
    yield from decided(_enrolled(body, registry))
    yield from _in_window(body, round_, given)


def _stage(body: bodies.Inspection, given: Circumstances) -> Iterator[Fault]:
    if STAGE_OF[given.by] is not body.stage:
        yield fault("/stage", "stage_not_for_role", stage=body.stage.value, expected=STAGE_OF[given.by].value)


def _inspected(body: bodies.Inspection, given: Circumstances) -> Iterator[Fault]:
    yield from _not_in_future("/inspected_on", body.inspected_on, given)


def _enrolled(body: bodies.Inspection, registry: RegistryView) -> Iterator[Fault]:
    enrolment = registry.get("enrolments", f"{body.round_id}:{body.unit_id}")
    if registry.get("enterprises", body.enterprise_id) is None:
        return
    if enrolment is None or body.enterprise_id not in enrolment["enterprises"]:
        yield fault("/enterprise_id", "not_enrolled", enterprise=body.enterprise_id, round=body.round_id)


def _in_window(body: bodies.Inspection, round_: Mapping[str, Any], given: Circumstances) -> Iterator[Fault]:
    window = _window(round_, body.stage, given.zone)
    if window is None:
        yield fault("/stage", "no_window", stage=body.stage.value, round=body.round_id)
    elif given.now < window[0]:
        yield fault("/stage", "window_not_open", stage=body.stage.value, opens=window[0].isoformat())
    elif given.now >= window[1] and not (body.late_reason or "").strip():
        yield fault("/late_reason", "late_reason_required", stage=body.stage.value, closed=window[1].isoformat())


def _window(round_: Mapping[str, Any] | None, stage: Stage, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    window = ((round_ or {}).get("windows") or {}).get(stage.value)
    if window is None:
        return None
    return moment(window["from"], zone), moment(window["to"], zone, end=True)


def _hazard_unit(body: bodies.HazardUnit, _: RegistryView, given: Circumstances) -> Iterator[Fault]:
    yield from _not_in_future("/declared_on", body.declared_on, given)


def _installation(body: bodies.Installation, _: RegistryView, given: Circumstances) -> Iterator[Fault]:
    yield from _not_in_future("/commissioned_on", body.commissioned_on, given)


def _rectification(body: bodies.Rectification, _: RegistryView, given: Circumstances) -> Iterator[Fault]:
    if (body.action in DECISIONS) == (given.by == "enterprise"):
        yield fault("/action", "action_not_for_role", action=body.action)
    if body.action != "planned":
        yield from _not_in_future("/on", body.on, given)


def _accident(body: bodies.Accident, _: RegistryView, given: Circumstances) -> Iterator[Fault]:
    # Clocks of callers may be a little ahead of ours.
    if body.occurred_at > given.now + timedelta(minutes=10):
        yield fault("/occurred_at", "in_future", day=body.occurred_at.isoformat())


def _park_assessment(body: bodies.ParkAssessment, registry: RegistryView, given: Circumstances) -> Iterator[Fault]:
    park = registry.get("parks", body.park_id)
    if park is None:
        yield fault("/park_id", "unknown_park", park=body.park_id)
    elif park["unit_id"] != body.unit_id:
        yield fault("/unit_id", "unit_mismatch", unit=body.unit_id, registered=park["unit_id"])
    yield from _not_in_future("/assessed_on", body.assessed_on, given)


def _key_task(body: bodies.KeyTaskProgress, registry: RegistryView, given: Circumstances) -> Iterator[Fault]:
    round_ = registry.get("rounds", body.round_id)
    if round_ is None:
        yield fault("/round_id", "unknown_round", round=body.round_id)
    elif body.task_id not in {task["id"] for task in round_.get("key_tasks") or ()}:
        yield fault("/task_id", "unknown_key_task", task=body.task_id, round=body.round_id)
    yield from _unit_enrolled(body.round_id, body.unit_id, registry)
    yield from _not_in_future("/on", body.on, given)


def _guidance(body: bodies.GuidanceRecord, registry: RegistryView, given: Circumstances) -> Iterator[Fault]:
    if registry.get("rounds", body.round_id) is None:
        yield fault("/round_id", "unknown_round", round=body.round_id)
    if registry.get("teams", body.team_id) is None:
        yield fault("/team_id", "unknown_team", team=body.team_id)
    elif given.team is not None and body.team_id != given.team:
        yield fault("/team_id", "not_your_team", team=body.team_id)
    yield from _unit_enrolled(body.round_id, body.unit_id, registry)
    for index, code in enumerate(body.enterprises):
        enterprise = registry.get("enterprises", code)
        if enterprise is None or enterprise["unit_id"] != body.unit_id:
            yield fault(f"/enterprises/{index}", "unknown_enterprise", enterprise=code)
    yield from _not_in_future("/on", body.on, given)


def _unit_enrolled(round_id: str, unit_id: str, registry: RegistryView) -> Iterator[Fault]:
    known = registry.get("rounds", round_id) is not None and registry.get("units", unit_id) is not None
    if known and registry.get("enrolments", f"{round_id}:{unit_id}") is None:
        yield fault("/unit_id", "unit_not_enrolled", unit=unit_id, round=round_id)


def _not_in_future(pointer: str, day: date, given: Circumstances) -> Iterator[Fault]:
    if day > given.today:
        yield fault(pointer, "in_future", day=day.isoformat())


_CHECKS: dict[type, Callable[..., Iterator[Fault]]] = {
    bodies.Inspection: _inspection,
    bodies.HazardUnit: _hazard_unit,
    bodies.Installation: _installation,
    bodies.Rectification: _rectification,
    bodies.Accident: _accident,
    bodies.ParkAssessment: _park_assessment,
    bodies.KeyTaskProgress: _key_task,
    bodies.GuidanceRecord: _guidance,
}
