"""Events of `inspections.v1`, the one log that scoring folds. Written by intake."""

import uuid
from datetime import date
from typing import Literal

from pydantic import AwareDatetime, Field

from shared.events.base import (
    Data,
    EnterpriseId,
    Focus,
    Grade,
    GuidanceClass,
    Outcome,
    RoundId,
    RuleSetRef,
    Stage,
    Submitted,
    Text,
    Value,
    Window,
)

Role = Literal["principal", "technical", "operational"]


class ImportantPeriod(Value):
    """A span of days (both inclusive) in which timers are halved, such as the session of the National People's
    Congress.
    """

    name: str
    from_: date = Field(alias="from")
    to: date

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
    year: int
    number: int
    revision: int = Field(ge=1)
    windows: dict[Stage, Window]
    important_periods: tuple[ImportantPeriod, ...] = ()
    key_tasks: tuple[KeyTask, ...] = ()
    guidance_class: GuidanceClass | None = None
    team_id: str | None = None
    expert_target: int = Field(default=0, ge=0)
    enterprises: tuple[EnterpriseId, ...] = ()
    rule_sets: tuple[RuleSetRef, ...] = ()


class RoundClosed(Data):
    """The round is closed for the unit: closed findings leave the scoring state, open ones carry over."""

    round_id: RoundId
    revision: int = Field(ge=1)


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
    due_on: date | None = None
    evidence: tuple[str, ...] = ()


class Grading(Value):
    """Points for the enterprise's grade, keyed by item code of 应急〔2018〕19号 (`1.1` ... `9.1`); deductions
    and bonuses are positive points.
    """

    deductions: dict[str, float] = Field(default_factory=dict)
    bonuses: dict[str, float] = Field(default_factory=dict)
    direct_red: tuple[str, ...] = ()


class InspectionSubmitted(Submitted):
    """One stage's inspection of one enterprise against one checklist. A later one for the same submission key
    supersedes it.
    """

    round_id: RoundId
    stage: Stage
    enterprise_id: EnterpriseId
    inspected_on: date
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

    seq: int | None = None
    name: str | None = None
    class_: str | None = Field(default=None, alias="class")
    quantity_t: float = Field(gt=0)


class HazardUnitDeclared(Submitted):
    """A production or storage unit (GB 18218-2018) as declared; `responsible` holds person ids, None where nobody is
    named.
    """

    hazard_unit_id: str
    enterprise_id: EnterpriseId
    kind: Literal["production", "storage"]
    exposed_population: int = Field(ge=0)
    substances: tuple[Substance, ...]
    responsible: dict[Role, str | None]
    declared_on: date


class HazardUnitWithdrawn(Submitted):
    """A hazard unit no longer exists or holds no hazardous chemicals."""

    hazard_unit_id: str
    enterprise_id: EnterpriseId
    reason: Text | None = None


class InstallationDeclared(Submitted):
    """An installation with its age; `treatment` is the decision taken on an old one."""

    installation_id: str
    enterprise_id: EnterpriseId
    commissioned_on: date
    design_life_years: float | None = Field(default=None, gt=0)
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
    on: date
    due_on: date | None = None
    reason: Text | None = None
    evidence: tuple[str, ...] = ()
    by: Literal["enterprise", "county", "expert"]


class ParkAssessed(Submitted):
    """A chemical park's score (0..100); the band follows from it (应急〔2023〕123号)."""

    park_id: str
    score: float = Field(ge=0, le=100)
    assessed_on: date


class KeyTaskProgressed(Submitted):
    """Progress (0..1) of a unit on one key task of a round."""

    round_id: RoundId
    task_id: str
    progress: float = Field(ge=0, le=1)
    on: date
    note: Text | None = None


class GuidanceRecorded(Submitted):
    """What an expert team gave a unit: a visit, advice or training."""

    round_id: RoundId
    team_id: str
    kind: Literal["visit", "advice", "training"]
    on: date
    enterprises: tuple[EnterpriseId, ...] = ()
    hours: float = Field(default=0, ge=0)
    people: int = Field(default=0, ge=0)
    text: Text | None = None


class AccidentReported(Submitted):
    """An accident, graded by scoring after Decree 493 article 3; a supplement replaces the figures under the first
    report's id.
    """

    accident_id: uuid.UUID
    enterprise_id: EnterpriseId
    occurred_at: AwareDatetime
    place: Text | None = None
    deaths: int = Field(ge=0)
    missing: int = Field(ge=0)
    serious_injuries: int = Field(ge=0)
    direct_loss_yuan: float = Field(ge=0)
    course: Text | None = None
    measures: Text | None = None
    supplement_to: uuid.UUID | None = None


class DayStarted(Data):
    """Midnight of `day` (Asia/Shanghai) has passed for the unit: due dates move. One per unit and day, missed days in
    order.
    """

    day: date
