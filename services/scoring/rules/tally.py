"""Counts of a unit, kept up to date by difference: a finding's part of its enterprise, an enterprise's part of its
unit. All whole numbers.

Because every part is a whole number, the running totals equal a recomputation bit for bit, in whatever order the
parts came.
"""

from dataclasses import dataclass, field
from datetime import date
from operator import add, sub

from services.scoring.rules.components import Figures
from services.scoring.rules.measures import MICRO
from services.scoring.rules.rulebook import Index
from services.scoring.rules.state import CLOSED, DISPUTED, Enterprise, Finding, HazardUnit, Installation, Unit
from services.scoring.rules.unit_index import NOTHING, Verdict
from shared.events.base import Grade

Counts = tuple[int, ...]
MAJOR = Grade.MAJOR

FINDING_COUNTS = (
    "open_major",
    "open_ordinary",
    "overdue_major",
    "overdue_ordinary",
    "disputed",
    "closed",
    "closed_in_time",
    "recurrences",
    "carried_over",
)
OVERDUE_MAJOR = FINDING_COUNTS.index("overdue_major")
NO_FINDING: Counts = (0,) * len(FINDING_COUNTS)
HAZARD_UNIT_COUNTS = (
    "hazard_units",
    "hazard_units_level_1",
    "hazard_units_level_2",
    "hazard_units_level_3",
    "hazard_units_level_4",
    "hazard_units_with_persons",
)
INSTALLATION_COUNTS = ("installations", "old_installations", "settled_installations")
OWN_COUNTS = (
    "enrolled",
    "self_inspected",
    "re_examined",
    "expert_verified",
    "graded",
    "blue",
    "yellow",
    "orange",
    "red",
    "direct_red",
    "hazard_units_covered",
    "grade_weight",
    "grade_sum",
)
ENTERPRISE_COUNTS = FINDING_COUNTS + HAZARD_UNIT_COUNTS + INSTALLATION_COUNTS + OWN_COUNTS
NO_ENTERPRISE: Counts = (0,) * len(ENTERPRISE_COUNTS)
AT = {name: position for position, name in enumerate(ENTERPRISE_COUNTS)}
DIRECT_RED = AT["direct_red"]
SHOWN_COUNTS = tuple(name for name in ENTERPRISE_COUNTS if name not in ("grade_weight", "grade_sum"))


def of_finding(finding: Finding, current: str | None) -> Counts:
    """A finding's part, in the order of `FINDING_COUNTS`."""
    if finding.state == CLOSED:
        return (0, 0, 0, 0, 0, finding.closed, finding.timely, 0, 0)
    # True and False count as 1 and 0; as whole numbers only sums of them leave this module.
    major, overdue = finding.grade is MAJOR, finding.overdue
    return (
        major,
        not major,
        major and overdue,
        overdue and not major,
        finding.state == DISPUTED,
        finding.closed,
        finding.timely,
        finding.recurrence,
        finding.opened_round != current,
    )


def of_hazard_units(units: dict[str, HazardUnit] | None) -> Counts:
    """The hazard units of an enterprise, in the order of `HAZARD_UNIT_COUNTS`."""
    counts = [0] * len(HAZARD_UNIT_COUNTS)
    for unit in (units or {}).values():
        if unit.withdrawn:
            continue
        counts[0] += 1
        counts[5] += not unit.missing
        if unit.level is not None:
            counts[unit.level] += 1
    return tuple(counts)


def of_installations(found: dict[str, Installation] | None) -> Counts:
    """Installations in the order of `INSTALLATION_COUNTS`; settled: treatment decided or not old."""
    every = (found or {}).values()
    return (
        len(every),
        sum(each.old for each in every),
        sum(not each.old or each.treatment is not None for each in every),
    )


def highest_level(enterprise: Enterprise) -> int:
    """The riskiest level (1..4) among its hazard units; 0 without one."""
    levels = enterprise.units_tally
    if not levels[0]:
        return 0
    return next((level for level in (1, 2, 3, 4) if levels[level]), 0)


def of_enterprise(enterprise: Enterprise, current: str | None, index: Index | None) -> Counts:
    """An enterprise's part, in the order of `ENTERPRISE_COUNTS`; nothing of one that was withdrawn."""
    if enterprise.withdrawn:
        return NO_ENTERPRISE
    done = 0
    for submission in enterprise.submissions:
        if submission.round_id == current:
            done |= 1 << submission.stage
    units = enterprise.units_tally
    covered = units[5] if done else 0
    if not enterprise.enrolled:
        return (*enterprise.tally, *units, *enterprise.ages_tally, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, covered, 0, 0)
    stages = (1, done & 1, done >> 1 & 1, done >> 2 & 1)
    if enterprise.score < 0 or index is None:
        return (*enterprise.tally, *units, *enterprise.ages_tally, *stages, 0, 0, 0, 0, 0, 0, covered, 0, 0)
    weight = index.level_weights[highest_level(enterprise)]
    colours = [0, 0, 0, 0]
    colours[enterprise.colour] = 1
    red = int(enterprise.colour != enterprise.base_colour or direct_red(enterprise))
    total = weight * min(enterprise.score, 100 * MICRO)
    return (*enterprise.tally, *units, *enterprise.ages_tally, *stages, 1, *colours, red, covered, weight, total)


def direct_red(enterprise: Enterprise) -> bool:
    """Whether a direct-red rule stands in the grading that counts."""
    grading = enterprise.gradings[enterprise.graded_stage] if enterprise.graded_stage >= 0 else None
    return grading is not None and bool(grading.direct_red)


@dataclass(slots=True)
class Totals:
    """A unit's running totals, and who makes them: all derived from the rows."""

    counts: list[int] = field(default_factory=lambda: [0] * len(ENTERPRISE_COUNTS))
    open_major: set[str] = field(default_factory=set)
    overdue_major: set[str] = field(default_factory=set)
    direct_red: set[str] = field(default_factory=set)
    due: dict[date, dict[str, Finding]] = field(default_factory=dict)
    ageing: set[str] = field(default_factory=set)
    park_values: int = 0
    task_progress: int = 0
    larger: int = 0
    major: int = 0
    figures: Figures = field(default_factory=Figures)
    verdict: Verdict = NOTHING
    provisional: bool = True

    def clear(self) -> None:
        """Forgets the counts and files, before they are worked out again."""
        self.counts = [0] * len(ENTERPRISE_COUNTS)
        for file in (self.open_major, self.overdue_major, self.direct_red, self.due, self.ageing):
            file.clear()

    def moved(self, before: Counts, after: Counts) -> None:
        """Replaces an enterprise's part."""
        if before != after:
            self.counts = list(map(add, self.counts, map(sub, after, before)))

    def see_finding(self, finding: Finding) -> None:
        """Files a finding of a real enterprise under what it now is. `forget_finding` comes first when it was filed."""
        if finding.state == CLOSED or finding.enterprise.withdrawn:
            return
        if finding.grade is MAJOR:
            self.open_major.add(finding.id)
            if finding.overdue:
                self.overdue_major.add(finding.id)
        if finding.due_on is not None and not finding.overdue:
            self.due.setdefault(finding.due_on, {})[finding.id] = finding

    def forget_finding(self, id: str, due_on: date | None) -> None:
        """Takes a finding out of every file; `due_on` is what it was filed under."""
        self.open_major.discard(id)
        self.overdue_major.discard(id)
        if due_on is not None and due_on in self.due:
            self.due[due_on].pop(id, None)
            if not self.due[due_on]:
                del self.due[due_on]


def by_name(unit: Unit, totals: Totals) -> dict[str, int]:
    """The counts shown with the unit's risk, findings that left the state in this round included."""
    counts = {name: totals.counts[AT[name]] for name in SHOWN_COUNTS}
    counts["closed"] += unit.closed
    counts["closed_in_time"] += unit.timely
    counts["overdue"] = counts["overdue_major"] + counts["overdue_ordinary"]
    counts["parks"] = len(unit.parks)
    return counts
