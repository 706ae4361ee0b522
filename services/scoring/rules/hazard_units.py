"""Hazard units declared and withdrawn, and the hazards of their level and of missing persons. Called by the fold."""

from typing import Any

from services.scoring.rules import hazard_unit_risk
from services.scoring.rules.hazards import RAISED, UPDATED, Standing, Subject, cleared, stated
from services.scoring.rules.state import Enterprise, HazardUnit
from services.scoring.rules.tally import of_hazard_units
from services.scoring.rules.turn import Turn
from shared.events.inspections import HazardUnitDeclared, HazardUnitWithdrawn

SEVERE = (1, 2)  # the levels that are hazards
PERSONS = 2  # where `HazardUnit.raised` counts hazards of missing persons; those of levels I and II stand at 0 and 1


def on_declared(turn: Turn, enterprise: Enterprise, data: HazardUnitDeclared) -> None:
    """Replaces the declaration under the same id. Raises `Rejected` when it cannot be assessed."""
    assessment = hazard_unit_risk.assessed(
        turn.book.hazard_units(data.declared_on), data.substances, data.exposed_population
    )
    turn.touch(enterprise)
    units = enterprise.hazard_units = enterprise.hazard_units if enterprise.hazard_units is not None else {}
    old = units.get(data.hazard_unit_id)
    unit = HazardUnit(
        data.hazard_unit_id,
        data.kind,
        data.exposed_population,
        [each.model_dump(mode="json", by_alias=True) for each in data.substances],
        {str(role): person for role, person in data.responsible.items()},
        data.declared_on,
        assessment.s,
        assessment.r,
        assessment.level,
    )
    units[unit.id] = unit
    if old is not None:
        unit.standing, unit.raised, unit.persons = old.standing, old.raised, old.persons
    settle_level(turn, enterprise, unit, old)
    settle_persons(turn, enterprise, unit)
    file(turn, enterprise, unit)


def on_withdrawn(turn: Turn, enterprise: Enterprise, data: HazardUnitWithdrawn) -> None:
    """The hazard unit counts no longer; its hazards are cleared. Unknown ids change nothing."""
    unit = (enterprise.hazard_units or {}).get(data.hazard_unit_id)
    if unit is None or unit.withdrawn:
        return
    turn.touch(enterprise)
    withdraw(turn, enterprise, unit, "hazard_unit_withdrawn")


def withdraw(turn: Turn, enterprise: Enterprise, unit: HazardUnit, reason: str) -> None:
    """Takes one out. The row stays, small, because a later declaration counts its hazards on."""
    drop_hazards(turn, enterprise, unit, reason)
    unit.withdrawn, unit.substances, unit.risk = True, [], None
    file(turn, enterprise, unit)


def drop_hazards(turn: Turn, enterprise: Enterprise, unit: HazardUnit, reason: str) -> None:
    """Clears what stands of a hazard unit."""
    if unit.standing:
        about = subject(turn, enterprise, unit, f"hazard_unit.level_{unit.standing}")
        turn.pending.events.append(cleared(turn.cause, about, unit.raised[unit.standing - 1], reason))
        unit.standing = 0
    if unit.persons:
        about = subject(turn, enterprise, unit, "responsible_person_missing")
        turn.pending.events.append(cleared(turn.cause, about, unit.raised[PERSONS], reason))
        unit.persons = ()


def restate(turn: Turn, enterprise: Enterprise) -> None:
    """An enterprise is back: its hazard units count again, and so do their hazards."""
    for _, unit in sorted((enterprise.hazard_units or {}).items()):
        if not unit.withdrawn:
            settle_level(turn, enterprise, unit, None)
            settle_persons(turn, enterprise, unit)
            file(turn, enterprise, unit)


def file(turn: Turn, enterprise: Enterprise, unit: HazardUnit) -> None:
    """Counts again and marks the row."""
    enterprise.units_tally = of_hazard_units(enterprise.hazard_units)
    turn.row("hazard_unit", row_id(enterprise, unit.id), unit)


def row_id(enterprise: Enterprise, hazard_unit_id: str) -> str:
    """`enterprise:hazard_unit`, with `drill:` before it in drills."""
    return f"{'drill:' if enterprise.drill else ''}{enterprise.id}:{hazard_unit_id}"


def subject(turn: Turn, enterprise: Enterprise, unit: HazardUnit, kind: str) -> Subject:
    """What a hazard of this unit is about: a condition, not an emergency."""
    return Subject(
        kind,
        row_id(enterprise, unit.id),
        turn.unit.id,
        enterprise.id,
        turn.unit.current,
        condition=True,
        drill=enterprise.drill,
    )


def settle_level(turn: Turn, enterprise: Enterprise, unit: HazardUnit, old: HazardUnit | None) -> None:
    """Raised when newly at or risen to level I or II; one that fell from I to II is no new hazard."""
    level = unit.level if unit.level in SEVERE else 0
    facts: dict[str, Any] = {"hazard_unit_id": unit.id, "s": unit.s, "r": unit.r, "level": unit.level}
    if unit.standing and unit.standing != level:
        about = subject(turn, enterprise, unit, f"hazard_unit.level_{unit.standing}")
        turn.pending.events.append(cleared(turn.cause, about, unit.raised[unit.standing - 1], "level_changed"))
        unit.standing = 0
    if not level:
        return
    about = subject(turn, enterprise, unit, f"hazard_unit.level_{level}")
    if unit.standing:
        if old is not None and (old.s, old.r) != (unit.s, unit.r):
            standing = Standing(about.kind, facts)
            turn.pending.events.append(stated(UPDATED, turn.cause, about, unit.raised[level - 1], standing))
        return
    before = old.level if old is not None and not old.withdrawn and old.level is not None else 5
    if level < before:
        unit.raised[level - 1] += 1
        unit.standing = level
        standing = Standing(about.kind, facts)
        turn.pending.events.append(stated(RAISED, turn.cause, about, unit.raised[level - 1], standing))


def settle_persons(turn: Turn, enterprise: Enterprise, unit: HazardUnit) -> None:
    """Raised when a person is missing, and again (the next episode) when another one is: a condition that got worse."""
    missing, about = unit.missing, subject(turn, enterprise, unit, "responsible_person_missing")
    events = turn.pending.events
    worse = not set(missing) <= set(unit.persons)
    if unit.persons and (worse or not missing):
        events.append(cleared(turn.cause, about, unit.raised[PERSONS], "worse" if worse else "persons_named"))
    if missing:
        standing = Standing(about.kind, {"hazard_unit_id": unit.id, "missing_roles": list(missing)})
        if worse:
            unit.raised[PERSONS] += 1
            events.append(stated(RAISED, turn.cause, about, unit.raised[PERSONS], standing))
        elif missing != unit.persons:
            events.append(stated(UPDATED, turn.cause, about, unit.raised[PERSONS], standing))
    unit.persons = missing
