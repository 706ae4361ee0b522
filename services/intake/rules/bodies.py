"""The bodies that callers send, as the contract has them. Strict: an unknown field is an error, for a typing slip must
not lose an answer.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from shared.events.base import Day, Focus, Grade, Instant, Outcome, RoundId, Stage, Text, UnitId, Value
from shared.events.inspections import Role

Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\s/:](?:[^/:]*[^\s/:])?$")]
Uscc = Annotated[str, StringConstraints(min_length=18, max_length=18)]
Evidence = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Points = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Quantity = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
FindingId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class Undecided(AttributeError):
    """A rule asked for a field that could not be read: what it would say cannot be said."""


class Body(Value):
    """What every body has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    def __getattr__(self, name: str) -> Any:
        """Reached only for what is not there. Raises `Undecided` for a field that a partly read body lacks."""
        if name in type(self).model_fields:
            raise Undecided(name)
        raise AttributeError(name)


class Person(Body):
    """A named person; stays in intake, events carry an id only."""

    name: Name
    position: str | None = Field(default=None, max_length=200)
    phone: str | None = Field(default=None, max_length=50)


class Result(Body):
    """The answer to one checklist item."""

    item: str = Field(min_length=1, max_length=20)
    outcome: Outcome
    grade: Grade | None = None
    ref: str | None = Field(default=None, max_length=200)
    location: Text | None = None
    description: Text | None = None
    focus: tuple[Focus, ...] | None = None
    measure: Text | None = None
    due_on: Day | None = None
    evidence: tuple[Evidence, ...] | None = Field(default=None, max_length=50)


class Points19(Body):
    """Points for the grade by item code of 应急〔2018〕19号; deductions and bonuses are positive numbers."""

    deductions: dict[str, Points] = Field(default_factory=dict)
    bonuses: dict[str, Points] = Field(default_factory=dict)
    direct_red: tuple[str, ...] = ()


class Inspection(Body):
    """One stage's inspection of one enterprise against one checklist."""

    round_id: RoundId
    stage: Stage
    unit_id: UnitId
    enterprise_id: Uscc
    inspected_on: Day
    inspector: Person | None = None
    checklist: str = Field(min_length=1, max_length=100)
    results: tuple[Result, ...] = Field(min_length=1, max_length=2000)
    grading: Points19 | None = None
    supersedes_reason: Text | None = None
    late_reason: Text | None = None
    drill: bool = False


class SubstanceHeld(Body):
    """A substance and its design maximum in tonnes."""

    seq: int | None = None
    name: str | None = Field(default=None, max_length=200)
    class_: str | None = Field(default=None, alias="class", max_length=20)
    quantity_t: Quantity


class Assessment(Body):
    """What the grading of a hazard unit needs and no more; ids are welcome, registered or not."""

    hazard_unit_id: str | None = Field(default=None, max_length=100)
    enterprise_id: str | None = Field(default=None, max_length=100)
    unit_id: str | None = Field(default=None, max_length=100)
    kind: Literal["production", "storage"] | None = None
    exposed_population: int = Field(ge=0, le=100_000_000)
    substances: tuple[SubstanceHeld, ...] = Field(min_length=1, max_length=500)
    responsible: dict[Role, Person | None] = Field(default_factory=dict)
    declared_on: Day | None = None
    drill: bool = False


class HazardUnit(Body):
    """A hazard unit (GB 18218-2018) as its enterprise declares it; a role nobody holds is null or absent."""

    hazard_unit_id: Id
    enterprise_id: Uscc
    unit_id: UnitId
    kind: Literal["production", "storage"]
    exposed_population: int = Field(ge=0, le=100_000_000)
    substances: tuple[SubstanceHeld, ...] = Field(min_length=1, max_length=500)
    responsible: dict[Role, Person | None] = Field(default_factory=dict)
    declared_on: Day
    drill: bool = False


class Installation(Body):
    """An installation with its age and, when old, what was decided about it."""

    installation_id: Id
    enterprise_id: Uscc
    unit_id: UnitId
    commissioned_on: Day
    design_life_years: float | None = Field(default=None, gt=0, le=200, allow_inf_nan=False)
    treatment: Literal["eliminate", "exit", "upgrade"] | None = None
    drill: bool = False


class Withdrawal(Body):
    """A hazard unit or installation taken out of the register: made by intake from a DELETE."""

    kind: Literal["hazard_unit", "installation"]
    id: str
    enterprise_id: str
    unit_id: str
    reason: Text | None = None
    drill: bool = False


class Rectification(Body):
    """A step of putting a finding right."""

    enterprise_id: Uscc
    unit_id: UnitId
    finding_id: FindingId
    action: Literal["planned", "done", "verified", "rejected", "extended"]
    on: Day
    due_on: Day | None = None
    reason: Text | None = None
    evidence: tuple[Evidence, ...] | None = Field(default=None, max_length=50)
    drill: bool = False


class Accident(Body):
    """An accident report or, with `supplement_to`, new figures for one."""

    enterprise_id: Uscc
    unit_id: UnitId
    occurred_at: Instant
    place: Text | None = None
    deaths: int = Field(default=0, ge=0, le=1_000_000)
    missing: int = Field(default=0, ge=0, le=1_000_000)
    serious_injuries: int = Field(default=0, ge=0, le=1_000_000)
    direct_loss_yuan: float = Field(default=0, ge=0, le=1e15, allow_inf_nan=False)
    course: Text | None = None
    measures: Text | None = None
    supplement_to: FindingId | None = None
    drill: bool = False


class ParkAssessment(Body):
    """A chemical park's score."""

    park_id: Id
    unit_id: UnitId
    score: float = Field(ge=0, le=100, allow_inf_nan=False)
    assessed_on: Day
    drill: bool = False


class KeyTaskProgress(Body):
    """How far a unit is with one key task."""

    round_id: RoundId
    unit_id: UnitId
    task_id: Id
    progress: float = Field(ge=0, le=1, allow_inf_nan=False)
    on: Day
    note: Text | None = None
    drill: bool = False


class GuidanceRecord(Body):
    """What an expert team gave a unit."""

    round_id: RoundId
    unit_id: UnitId
    team_id: Id
    kind: Literal["visit", "advice", "training"]
    on: Day
    enterprises: tuple[Uscc, ...] = Field(default=(), max_length=20_000)
    hours: float = Field(default=0, ge=0, le=10_000, allow_inf_nan=False)
    people: int = Field(default=0, ge=0, le=1_000_000)
    text: Text | None = None
    drill: bool = False


Submission = (
    Inspection
    | HazardUnit
    | Installation
    | Withdrawal
    | Rectification
    | Accident
    | ParkAssessment
    | KeyTaskProgress
    | GuidanceRecord
)
