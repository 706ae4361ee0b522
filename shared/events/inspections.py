"""Events of `inspections.v1`, the one log that scoring folds. Written by intake."""

import uuid
from typing import Literal

from pydantic import Field

from shared.events.base import (
    Amount,
    Count,
    Data,
    Day,
    EnterpriseId,
    Focus,
    Grade,
    GuidanceClass,
    Hours,
    Instant,
    Number,
    Outcome,
    Points,
    Positive,
    RoundId,
    RuleSetRef,
    Stage,
    Submitted,
    Text,
    Value,
    Whole,
    Window,
)

Role = Literal["principal", "technical", "operational"]


class ImportantPeriod(Value):
    """A span of days (both inclusive) in which timers are halved, such as the session of the National People's
    Congress.
    """

    name: str
    from_: Day = Field(alias="from")
    to: Day

    model_config = Window.model_config


class KeyTask(Value):
    """One key task of a round."""

    id: str
    name: str


class RoundOpened(Data):
    """A round as it holds for one unit, whole; each change of the round or the enrolment sends it again with a higher
    `revision`.
    """

    round_id: RoundId
    year: Whole
    number: Whole
    revision: Number
    windows: dict[Stage, Window]
    important_periods: tuple[ImportantPeriod, ...] = ()
    key_tasks: tuple[KeyTask, ...] = ()
    guidance_class: GuidanceClass | None = None
    team_id: str | None = None
    expert_target: Count = 0
    enterprises: tuple[EnterpriseId, ...] = ()
    rule_sets: tuple[RuleSetRef, ...] = ()


class RoundClosed(Data):
    """The round is closed for the unit: closed findings leave the scoring state, open ones carry over."""

    round_id: RoundId
    revision: Number


class EnterpriseWithdrawn(Data):
    """The registry no longer has the enterprise in this unit."""

    enterprise_id: EnterpriseId
    reason: Text | None = None


class ItemResult(Value):
    """A stage's answer to one checklist item; `finding_id` is given for findings and for a `conform` or
    `not_applicable` with a `ref`.
    """

    item: str
    outcome: Outcome
    grade: Grade | None = None
    ref: str = ""
    finding_id: uuid.UUID | None = None
    location: Text | None = None
    description: Text | None = None
    focus: tuple[Focus, ...] = ()
    measure: Text | None = None
    due_on: Day | None = None
    evidence: tuple[str, ...] = ()


class Grading(Value):
    """Points for the enterprise's grade, keyed by item code of 应急〔2018〕19号 (`1.1` ... `9.1`); deductions
    and bonuses are positive points.
    """

    deductions: dict[str, Points] = Field(default_factory=dict)
    bonuses: dict[str, Points] = Field(default_factory=dict)
    direct_red: tuple[str, ...] = ()


class InspectionSubmitted(Submitted):
    """One stage's inspection of one enterprise against one checklist. A later one for the same submission key
    supersedes it.
    """

    round_id: RoundId
    stage: Stage
    enterprise_id: EnterpriseId
    inspected_on: Day
    inspector_id: str | None = None
    checklist: str
    results: tuple[ItemResult, ...]
    grading: Grading | None = None
    supersedes: uuid.UUID | None = None
    supersedes_reason: Text | None = None
    late: bool = False
    late_reason: Text | None = None


class Substance(Value):
    """A substance of a hazard unit: `seq` is the row of GB 18218-2018 Table 1, `class_` a Table 2 symbol; quantity in
    tonnes (design maximum).
    """

    model_config = Window.model_config

    seq: Whole | None = None
    name: str | None = None
    class_: str | None = Field(default=None, alias="class")
    quantity_t: Positive


class HazardUnitDeclared(Submitted):
    """A production or storage unit (GB 18218-2018) as declared; `responsible` holds person ids, None where nobody is
    named.
    """

    hazard_unit_id: str
    enterprise_id: EnterpriseId
    kind: Literal["production", "storage"]
    exposed_population: Count
    substances: tuple[Substance, ...]
    responsible: dict[Role, str | None]
    declared_on: Day


class HazardUnitWithdrawn(Submitted):
    """A hazard unit no longer exists or holds no hazardous chemicals."""

    hazard_unit_id: str
    enterprise_id: EnterpriseId
    reason: Text | None = None


class InstallationDeclared(Submitted):
    """An installation with its age; `treatment` is the decision taken on an old one."""

    installation_id: str
    enterprise_id: EnterpriseId
    commissioned_on: Day
    design_life_years: Positive | None = None
    treatment: Literal["eliminate", "exit", "upgrade"] | None = None


class InstallationWithdrawn(Submitted):
    """An installation was taken out of the register."""

    installation_id: str
    enterprise_id: EnterpriseId
    reason: Text | None = None


class RectificationReported(Submitted):
    """A step of putting a finding right; `verified`, `rejected` and `extended` come from county or expert only."""

    enterprise_id: EnterpriseId
    finding_id: uuid.UUID
    action: Literal["planned", "done", "verified", "rejected", "extended"]
    on: Day
    due_on: Day | None = None
    reason: Text | None = None
    evidence: tuple[str, ...] = ()
    by: Literal["enterprise", "county", "expert"]


class ParkAssessed(Submitted):
    """A chemical park's score (0..100); the band follows from it (应急〔2023〕123号)."""

    park_id: str
    score: float = Field(ge=0, le=100)
    assessed_on: Day


class KeyTaskProgressed(Submitted):
    """Progress (0..1) of a unit on one key task of a round."""

    round_id: RoundId
    task_id: str
    progress: float = Field(ge=0, le=1)
    on: Day
    note: Text | None = None


class GuidanceRecorded(Submitted):
    """What an expert team gave a unit: a visit, advice or training."""

    round_id: RoundId
    team_id: str
    kind: Literal["visit", "advice", "training"]
    on: Day
    enterprises: tuple[EnterpriseId, ...] = ()
    hours: Hours = 0
    people: Count = 0
    text: Text | None = None


class AccidentReported(Submitted):
    """An accident, graded by scoring after Decree 493 article 3; a supplement replaces the figures under the first
    report's id.
    """

    accident_id: uuid.UUID
    enterprise_id: EnterpriseId
    occurred_at: Instant
    place: Text | None = None
    deaths: Count
    missing: Count
    serious_injuries: Count
    direct_loss_yuan: Amount
    course: Text | None = None
    measures: Text | None = None
    supplement_to: uuid.UUID | None = None


class DayStarted(Data):
    """Midnight of `day` (Asia/Shanghai) has passed for the unit: due dates move. One per unit and day, missed days in
    order.
    """

    day: Day
