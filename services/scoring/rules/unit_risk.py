"""A unit's risk from its totals: figures, provisional state, hazard of its colour, when an assessment is due."""

from datetime import date, datetime
from operator import add
from typing import NamedTuple

from services.scoring.rules import assessed_unit, tally
from services.scoring.rules.calendar import day_of, midnight
from services.scoring.rules.components import Figures
from services.scoring.rules.hazards import RAISED, UPDATED, Standing, Subject, cleared, stated
from services.scoring.rules.measures import COLOURS
from services.scoring.rules.output import Cause
from services.scoring.rules.pending import Pending
from services.scoring.rules.state import Enterprise, Round, Unit, UnitHazard
from services.scoring.rules.tally import AT, Totals
from services.scoring.rules.unit_index import NOTHING, Verdict, verdict
from shared.events.base import Stage

(
    ENROLLED,
    SELF_INSPECTED,
    RE_EXAMINED,
    EXPERT_VERIFIED,
    GRADED,
    GRADE_WEIGHT,
    GRADE_SUM,
    DIRECT_RED,
    OPEN_MAJOR,
    OVERDUE_MAJOR,
    OVERDUE_ORDINARY,
    CLOSED,
    CLOSED_IN_TIME,
    INSTALLATIONS,
    SETTLED_INSTALLATIONS,
) = (
    AT[name]
    for name in (
        "enrolled",
        "self_inspected",
        "re_examined",
        "expert_verified",
        "graded",
        "grade_weight",
        "grade_sum",
        "direct_red",
        "open_major",
        "overdue_major",
        "overdue_ordinary",
        "closed",
        "closed_in_time",
        "installations",
        "settled_installations",
    )
)
KINDS = {2: "unit.orange", 3: "unit.red"}


class Standpoint(NamedTuple):
    """Where a unit stood before an event."""

    verdict: Verdict
    provisional: bool
    figures: Figures
    counts: list[int]


def standpoint(totals: Totals) -> Standpoint:
    """Where the unit stands; the counts are replaced, never changed in place."""
    return Standpoint(totals.verdict, totals.provisional, totals.figures, totals.counts)


def today(unit: Unit) -> date | None:
    """The day of the last `day.started`; before the first one the day of the last event."""
    if unit.day is not None:
        return unit.day
    return day_of(unit.clock) if unit.clock is not None else None


def now(unit: Unit) -> datetime | None:
    """The latest instant that the log has told."""
    if unit.day is None or unit.clock is None:
        return unit.clock
    return max(unit.clock, midnight(unit.day))


def in_important_period(current: Round, day: date | None) -> bool:
    """Whether a day lies in an important period of the round (both ends included)."""
    return day is not None and any(period.from_ <= day <= period.to for period in current.opened.important_periods)


def figures(unit: Unit, totals: Totals) -> Figures:
    """What the index is worked out from; all zero before the first round."""
    current = unit.round
    if current is None:
        return Figures()
    counts = totals.counts
    overdue = counts[OVERDUE_MAJOR] + counts[OVERDUE_ORDINARY]
    return Figures(
        counts[ENROLLED],
        counts[GRADED],
        counts[GRADE_WEIGHT],
        counts[GRADE_SUM],
        counts[OPEN_MAJOR],
        counts[OVERDUE_MAJOR],
        counts[CLOSED] + unit.closed + overdue,
        counts[CLOSED_IN_TIME] + unit.timely,
        counts[SELF_INSPECTED],
        counts[RE_EXAMINED],
        counts[EXPERT_VERIFIED],
        current.opened.expert_target,
        counts[INSTALLATIONS],
        counts[SETTLED_INSTALLATIONS],
        len(unit.parks),
        totals.park_values,
        len(current.opened.key_tasks),
        totals.task_progress,
        counts[DIRECT_RED],
        totals.larger,
        totals.major,
        bool(current.opened.important_periods) and in_important_period(current, today(unit)),
    )


def provisional(unit: Unit, of: Figures) -> bool:
    """Until the self-inspection window has closed or half of the enrolled have self-inspected (the share is the rule
    set's).
    """
    current = unit.round
    if current is None:
        return True
    if of.enrolled and of.self_inspected >= of.enrolled * current.index.rules.provisional.self_inspected_share:
        return False
    window, time = current.opened.windows.get(Stage.SELF_INSPECTION), now(unit)
    return window is None or time is None or time < window.to


def rebuild(unit: Unit, totals: Totals) -> None:
    """Works every total out again from the unit's rows: after a restore, and when another round becomes the current
    one.
    """
    current = unit.current
    index = unit.round.index if unit.round is not None else None
    totals.clear()
    for enterprise in unit.enterprises.values():
        retally(enterprise, current)
        counts = enterprise.part = tally.of_enterprise(enterprise, current, index)
        totals.moved(tally.NO_ENTERPRISE, counts)
        if counts[DIRECT_RED]:
            totals.direct_red.add(enterprise.id)
        if enterprise.installations:
            totals.ageing.add(enterprise.id)
        for finding in enterprise.findings.values():
            totals.see_finding(finding)
    for enterprise in unit.drills.values():
        retally(enterprise, current)
    count_apart(unit, totals)
    assess(unit, totals)


def retally(enterprise: Enterprise, current: str | None) -> None:
    """Works an enterprise's own counts out again from its findings, hazard units and installations."""
    counts = tally.NO_FINDING
    for finding in enterprise.findings.values():
        counts = tuple(map(add, counts, tally.of_finding(finding, current)))
    enterprise.tally = counts
    enterprise.units_tally = tally.of_hazard_units(enterprise.hazard_units)
    enterprise.ages_tally = tally.of_installations(enterprise.installations)


def count_apart(unit: Unit, totals: Totals) -> None:
    """The figures that do not come from enterprises: parks, key tasks, accidents of the current round."""
    current = unit.round
    if current is None:
        return
    totals.park_values = sum(current.index.band_values[park.band] for park in unit.parks.values())
    totals.task_progress = sum(unit.tasks.get(task.id, 0) for task in current.opened.key_tasks)
    grades = [each.grade for each in unit.accidents.values() if each.round_id == unit.current and not each.drill]
    totals.larger = grades.count("larger")
    totals.major = grades.count("major") + grades.count("extraordinary")


def assess(unit: Unit, totals: Totals) -> None:
    """Sets figures, verdict and provisional state from the totals."""
    totals.figures = figures(unit, totals)
    current = unit.round
    totals.verdict = verdict(totals.figures, current.index) if current is not None else NOTHING
    totals.provisional = provisional(unit, totals.figures)


def settle(unit: Unit, totals: Totals, was: Standpoint, cause: Cause, pending: Pending, *, only_changes: bool) -> None:
    """After an event: the verdict again, the hazard of the colour, and the unit's assessment (at once when the colour
    changed).

    With `only_changes` an event that changed no figure makes no assessment due.
    """
    assess(unit, totals)
    pending.rows[unit.id, "unit", ""] = unit
    if unit.round is None or (only_changes and was == standpoint(totals)):
        return
    unit.shown_day = unit.day
    if was.verdict[1:] != totals.verdict[1:] or was.provisional != totals.provisional:
        settle_hazard(unit, totals, cause, pending)
    if was.verdict.colour != totals.verdict.colour:
        pending.events.append(assessed_unit.unit(unit, totals, cause))
        pending.units.pop(unit.id, None)
    else:
        pending.units[unit.id] = cause


def colour_hazard(totals: Totals) -> tuple[str, Standing] | None:
    """Orange and red units are hazards, unless the index is provisional and no veto fired."""
    found = totals.verdict
    kind = KINDS.get(found.colour)
    if kind is None or (totals.provisional and not found.vetoes):
        return None
    facts = {
        "colour": COLOURS[found.colour].value,
        "colour_without_vetoes": COLOURS[found.base].value if found.base >= 0 else None,
        "vetoes": list(found.vetoes),
        "index": found.value,
    }
    return kind, Standing(kind, facts)


def settle_hazard(unit: Unit, totals: Totals, cause: Cause, pending: Pending) -> None:
    """Raises, restates or clears the hazard of the unit's colour. The index is stated as it was when anything else of
    it changed.
    """
    found, old = colour_hazard(totals), unit.hazard
    if old is not None and (found is None or found[0] != old.kind):
        about = Subject(old.kind, unit.id, unit.id)
        pending.events.append(cleared(cause, about, old.episode, "colour_changed"))
        unit.hazard = None
    if found is None:
        return
    kind, standing = found
    about = Subject(kind, unit.id, unit.id, round_id=unit.current)
    if unit.hazard is None:
        unit.raised[kind] = unit.raised.get(kind, 0) + 1
        pending.events.append(stated(RAISED, cause, about, unit.raised[kind], standing))
    elif any(standing.facts[name] != unit.hazard.facts[name] for name in standing.facts if name != "index"):
        pending.events.append(stated(UPDATED, cause, about, unit.hazard.episode, standing))
    else:
        return
    unit.hazard = UnitHazard(kind, unit.raised[kind], standing.facts)
