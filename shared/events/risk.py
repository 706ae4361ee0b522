"""Events of `risk.v1`: what scoring worked out, whole each time. Reporting never derives these again."""

import uuid
from datetime import date
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from shared.events.base import (
    Colour,
    Data,
    EnterpriseId,
    Focus,
    Grade,
    GuidanceClass,
    LogPosition,
    Outcome,
    RoundId,
    RuleSetRef,
    Stage,
    Value,
)
from shared.events.inspections import ImportantPeriod, Role


class Contribution(Value):
    """One step of a figure: the rule with its version and clause, what went in, and the points it gave or took."""

    rule: str
    version: int
    clause: str
    inputs: dict[str, Any]
    points: float


class Change(Value):
    """The least change of one input (all others fixed) that moves the colour; lists of these are sorted smallest
    first.
    """

    input: str
    change: float
    unit: Literal["points", "count", "days", "share"]
    colour: Colour


class Verdict(Value):
    """What one stage said of a finding in a round."""

    round_id: RoundId
    outcome: Outcome
    grade: Grade | None
    on: date
    submission_id: uuid.UUID


class Rectification(Value):
    """The last step reported on a finding."""

    action: Literal["planned", "done", "verified", "rejected", "extended"]
    on: date
    by: Literal["enterprise", "county", "expert"]
    reason: str | None = None


class FindingAssessed(Data):
    """A finding as it stands: `open`, `disputed` (still open, a later submission said conform) or `closed`."""

    finding_id: uuid.UUID
    enterprise_id: EnterpriseId
    checklist: str
    item: str
    ref: str
    grade: Grade
    state: Literal["open", "disputed", "closed"]
    episode: int
    round_id: RoundId
    opened_round: RoundId
    opened_on: date
    closed_on: date | None = None
    verdicts: dict[Stage, Verdict]
    due_on: date | None = None
    due_from: Stage | Literal["extended"] | None = None
    overdue: bool = False
    rectification: Rectification | None = None
    focus: tuple[Focus, ...] = ()
    location: str | None = None
    description: str | None = None
    measure: str | None = None
    carried_over: bool = False
    recurrence: bool = False
    drill: bool = False
    log_position: LogPosition


class EnterpriseGrade(Value):
    """Score and colour of an enterprise (应急〔2018〕19号); `score` is not capped, the unit index uses at most 100."""

    score: float
    colour: Colour
    colour_without_direct_red: Colour
    direct_red: tuple[str, ...]
    stage: Stage
    rule_set: RuleSetRef
    contributions: tuple[Contribution, ...]
    smallest_change: tuple[Change, ...]


class HazardUnitRisk(Value):
    """A hazard unit identified and graded (GB 18218-2018): level 1..4, None when S < 1."""

    hazard_unit_id: str
    kind: Literal["production", "storage"]
    s: float
    r: float | None
    level: int | None
    missing_roles: tuple[Role, ...]
    responsible: dict[Role, str | None]
    declared_on: date
    contributions: tuple[Contribution, ...]
    rule_set: RuleSetRef


class InstallationAge(Value):
    """An installation and whether it counts as old (design life reached, or more than 20 years in operation)."""

    installation_id: str
    commissioned_on: date
    design_life_years: float | None
    old: bool
    treatment: Literal["eliminate", "exit", "upgrade"] | None


class StageDone(Value):
    """The inspection that stands for one stage in the round (the last of each checklist; the newest is named)."""

    submission_id: uuid.UUID
    seq: int
    inspected_on: date
    checklists: tuple[str, ...]
    late: bool


class EnterpriseAssessed(Data):
    """An enterprise as it stands in the unit's current round. `left_out`: how many of what a record has no room for."""

    enterprise_id: EnterpriseId
    round_id: RoundId
    seq: int
    enrolled: bool
    stages: dict[Stage, StageDone]
    grade: EnterpriseGrade | None
    hazard_units: tuple[HazardUnitRisk, ...]
    installations: tuple[InstallationAge, ...]
    highest_level: int | None
    open_major: int
    open_ordinary: int
    overdue_major: int
    overdue_ordinary: int
    drill: bool = False
    withdrawn: bool = False
    left_out: dict[str, int] = Field(default_factory=dict)
    log_position: LogPosition


class Component(Value):
    """One component of the unit index; `score` in 0..1, None when it has no data and is skipped; `points` (0..100) make
    up the index.
    """

    id: str
    score: float | None
    weight: float
    inputs: dict[str, Any]
    clause: str
    rule: str | None = None
    version: int | None = None
    points: float | None = None


class Veto(Value):
    """A veto that fired, and what made it fire (ids)."""

    id: str
    at_best: Colour
    causes: tuple[str, ...]


class ParkBand(Value):
    """A park's last assessment and its band A..D (应急〔2023〕123号)."""

    park_id: str
    score: float
    band: Literal["A", "B", "C", "D"]
    assessed_on: date


class AccidentGraded(Value):
    """An accident of the round with its grade (Decree 493 article 3)."""

    accident_id: uuid.UUID
    enterprise_id: EnterpriseId
    occurred_at: AwareDatetime
    grade: Literal["ordinary", "larger", "major", "extraordinary"]
    deaths: int
    missing: int
    serious_injuries: int
    direct_loss_yuan: float


class Guidance(Value):
    """Guidance given to the unit in the round."""

    visits: int = 0
    advice: int = 0
    trainings: int = 0
    hours: float = 0
    people: int = 0


class UnitAssessed(Data):
    """A unit's risk as it stands in its current round: the unit index (ours) with everything that explains it."""

    round_id: RoundId
    guidance_class: GuidanceClass | None
    index: float | None
    colour: Colour | None
    colour_without_vetoes: Colour | None
    provisional: bool
    components: tuple[Component, ...]
    vetoes: tuple[Veto, ...]
    smallest_change: tuple[Change, ...]
    rule_sets: tuple[RuleSetRef, ...]
    counts: dict[str, int]
    parks: tuple[ParkBand, ...] = ()
    key_tasks: dict[str, float] = Field(default_factory=dict)
    accidents: tuple[AccidentGraded, ...] = ()
    guidance: Guidance = Guidance()
    important_periods: tuple[ImportantPeriod, ...] = ()
    day: date | None = None
    round_closed: bool = False
    left_out: dict[str, int] = Field(default_factory=dict)
    as_of: AwareDatetime
    log_position: LogPosition


class FoldProgressed(Value):
    """What scoring has done of one partition, in submissions; key and subject are the partition. `gaps` names subjects
    with a jump.
    """

    partition: int
    applied: int
    superseded: int
    duplicate: int
    drill: int
    dead_lettered: int
    gaps: dict[str, int] = Field(default_factory=dict)
    position: int
    as_of: AwareDatetime
