"""What the fold remembers of a partition: units, enterprises, findings and the rest. Changed by the rules only.

Texts are shared wherever many enterprises have them in common, to keep an enterprise small. What is marked derived is
no part of the
rows: it follows from them.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple

from services.scoring.rules.measures import Json
from services.scoring.rules.rulebook import Index, Rulebook
from shared.events.base import Focus, Grade, Outcome, Stage
from shared.events.inspections import RoundOpened

STAGES = tuple(Stage)
STAGE_NAMES = tuple(stage.value for stage in Stage)
STAGE_RANK = {stage: rank for rank, stage in enumerate(STAGES)}
OPEN, DISPUTED, CLOSED = "open", "disputed", "closed"


class Said(NamedTuple):
    """A stage's verdict on a finding in a round."""

    round_id: str
    outcome: Outcome
    grade: Grade | None
    on: date
    submission: str


class Step(NamedTuple):
    """The last step of putting a finding right."""

    action: str
    on: date
    by: str
    reason: str | None


@dataclass(slots=True, eq=False)
class Finding:
    """A place where a danger was found, with its present episode. `hazards` counts the hazards raised for it so far.

    `due_rank` is the rank of the stage (0..2) that gave the due date; `closed` and `timely` count the episodes closed
    in the current round.
    """

    id: str
    enterprise: "Enterprise"
    checklist: str
    item: str
    ref: str
    grade: Grade
    state: str
    episode: int
    round_id: str
    opened_round: str
    opened_on: date
    said: list[Said | None]
    focus: tuple[Focus, ...] = ()
    location: str | None = None
    description: str | None = None
    measure: str | None = None
    closed_on: date | None = None
    due_on: date | None = None
    due_rank: int = -1
    due_from: Stage | Literal["extended"] | None = None
    overdue: bool = False
    step: Step | None = None
    recurrence: bool = False
    hazards: int = 0
    closed: int = 0
    timely: int = 0


@dataclass(slots=True)
class Submission:
    """The inspection that stands for one submission key. `conform` and `skipped` name the items answered without a
    reference,
    separated by blanks (one text shared by all who answered alike)."""

    round_id: str
    stage: int
    checklist: str
    id: str
    seq: int
    on: date
    late: bool
    conform: str
    skipped: str


@dataclass(slots=True)
class Graded:
    """The latest non-null grading of a stage, in millionths of a point by item code."""

    round_id: str
    on: date
    deductions: dict[str, int]
    bonuses: dict[str, int]
    direct_red: tuple[str, ...]


@dataclass(slots=True)
class HazardUnit:
    """A declared hazard unit. `standing` is the level (1, 2) of the level hazard that stands, 0 for none; `raised`
    counts hazards raised by kind
    (level 1, level 2, persons); `persons` are the roles of the standing hazard of missing persons."""

    id: str
    kind: str
    exposed: int
    substances: list[dict[str, object]]
    responsible: dict[str, str | None]
    declared_on: date
    s: float
    r: float | None
    level: int | None
    standing: int = 0
    raised: list[int] = field(default_factory=lambda: [0, 0, 0])
    persons: tuple[str, ...] = ()
    withdrawn: bool = False
    risk: Json | None = None  # derived

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles that nobody is named for."""
        return tuple(role for role in ("principal", "technical", "operational") if not self.responsible.get(role))


@dataclass(slots=True)
class Installation:
    """A declared installation; `old` as of the unit's last day."""

    id: str
    commissioned_on: date
    design_life_years: float | None
    treatment: str | None
    old: bool


@dataclass(slots=True, eq=False)
class Enterprise:
    """An enterprise in a unit, or its shadow in drills (`drill`, with the time of its last drill event).

    `seq` is the last applied number of its sequence, `shown_seq` the one its last assessment shows, `gap` how many
    numbers were jumped.
    """

    id: str
    drill: bool = False
    seq: int = 0
    shown_seq: int = 0
    gap: int = 0
    reds: int = 0
    withdrawn_at: datetime | None = None
    withdrawn: bool = False
    drilled_at: datetime | None = None
    submissions: list[Submission] = field(default_factory=list)
    gradings: list[Graded | None] = field(default_factory=lambda: [None, None, None])
    hazard_units: dict[str, HazardUnit] | None = None
    installations: dict[str, Installation] | None = None
    # derived from here on
    findings: dict[str, Finding] = field(default_factory=dict)
    tally: tuple[int, ...] = (0,) * 9
    units_tally: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    ages_tally: tuple[int, ...] = (0, 0, 0)
    part: tuple[int, ...] = (0,) * 31
    enrolled: bool = False
    score: int = -1
    graded_stage: int = -1
    colour: int = -1
    base_colour: int = -1


@dataclass(slots=True)
class Round:
    """A round as it holds for the unit; `closed_revision` is that of its `round.closed`, 0 while open."""

    opened: RoundOpened
    closed_revision: int
    book: Rulebook  # derived, as are the next
    index: Index
    enrolled: frozenset[str]

    @property
    def id(self) -> str:
        """The round's id, `2023-1`."""
        return self.opened.round_id


@dataclass(slots=True)
class Accident:
    """An accident with the figures of its last report; `raised` counts hazards by grade."""

    id: str
    enterprise_id: str
    round_id: str | None
    occurred_at: datetime
    place: str | None
    deaths: int
    missing: int
    serious_injuries: int
    direct_loss_yuan: float
    grade: str
    drill: bool
    drilled_at: datetime | None
    raised: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Park:
    """A park's last assessment."""

    score: float
    band: str
    assessed_on: date


@dataclass(slots=True)
class UnitHazard:
    """The standing hazard of a unit's colour: its kind and what was stated."""

    kind: str
    episode: int
    facts: dict[str, object]


@dataclass(slots=True)
class Given:
    """Guidance given to the unit in its current round; hours in millionths."""

    visits: int = 0
    advice: int = 0
    trainings: int = 0
    hours: int = 0
    people: int = 0


@dataclass(slots=True)
class Unit:
    """A guidance unit. `closed` and `timely` count findings of the current round that have left the state already."""

    id: str
    seq: int = 0
    gap: int = 0
    day: date | None = None
    clock: datetime | None = None
    current: str | None = None
    closed: int = 0
    timely: int = 0
    hazard: UnitHazard | None = None
    raised: dict[str, int] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    tasks: dict[str, int] = field(default_factory=dict)
    shown_day: date | None = None  # derived
    rounds: dict[str, Round] = field(default_factory=dict)
    enterprises: dict[str, Enterprise] = field(default_factory=dict)
    drills: dict[str, Enterprise] = field(default_factory=dict)
    past: dict[str, tuple[int, int]] = field(default_factory=dict)
    parks: dict[str, Park] = field(default_factory=dict)
    accidents: dict[str, Accident] = field(default_factory=dict)

    @property
    def round(self) -> Round | None:
        """The current round: the last one opened, closed or not."""
        return self.rounds[self.current] if self.current is not None else None
