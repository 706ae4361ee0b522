"""Which rule answers to which event, whose sequence it belongs to, and which rows a unit has. Called by the fold."""

from collections.abc import Callable, Iterator
from typing import Any

from services.scoring.rules import (
    drills,
    findings,
    hazard_units,
    inspections,
    installations,
    rounds,
    rows,
    unit_records,
)
from services.scoring.rules.calendar import midnight
from services.scoring.rules.pending import RowKey
from services.scoring.rules.state import Enterprise, Unit
from services.scoring.rules.turn import Turn, settle
from shared.events import inspections as log
from shared.events.base import Data, Submitted
from shared.rulesets import RuleSets

OF_ENTERPRISE: dict[type[Data], Callable[[Turn, Enterprise, Any], bool | None]] = {
    log.InspectionSubmitted: inspections.on_inspection,
    log.RectificationReported: findings.on_rectification,
    log.HazardUnitDeclared: hazard_units.on_declared,
    log.HazardUnitWithdrawn: hazard_units.on_withdrawn,
    log.InstallationDeclared: installations.on_declared,
    log.InstallationWithdrawn: installations.on_withdrawn,
    log.AccidentReported: lambda turn, _, data: unit_records.on_accident(turn, data),
}
OF_UNIT: dict[type[Data], Callable[[Turn, Any], None]] = {
    log.ParkAssessed: unit_records.on_park,
    log.KeyTaskProgressed: unit_records.on_key_task,
    log.GuidanceRecorded: unit_records.on_guidance,
}
UNNUMBERED: dict[type[Data], Callable[[Turn, Any], bool]] = {
    log.RoundClosed: rounds.on_closed,
    log.DayStarted: rounds.on_day,
    log.EnterpriseWithdrawn: rounds.on_withdrawn,
}
HANDLERS: frozenset[type[Data]] = frozenset((*OF_ENTERPRISE, *OF_UNIT, *UNNUMBERED, log.RoundOpened))


def owner(unit: Unit, data: Submitted) -> Unit | Enterprise:
    """Whose sequence a submission belongs to: the enterprise's, or the unit's for records about the unit."""
    if type(data) in OF_UNIT:
        return unit
    id: str = data.enterprise_id  # type: ignore[attr-defined]
    return unit.enterprises.get(id) or Enterprise(id)


def submitted(turn: Turn, found: Unit | Enterprise, data: Submitted) -> bool:
    """Folds a submission with all its consequences; True when it superseded another. Raises `Rejected` before anything
    is changed.
    """
    superseded = False
    if isinstance(found, Unit):
        turn.only_changes = data.drill
        if not data.drill:
            OF_UNIT[type(data)](turn, data)
    elif data.drill:
        superseded = drilled(turn, found, data)
    else:
        superseded = bool(OF_ENTERPRISE[type(data)](turn, found, data))
        turn.unit.enterprises[found.id] = found
        if found.withdrawn:
            rounds.reinstate(turn, found)
        turn.touch(found)
        found.shown_seq = data.seq
    if not data.drill:
        advance(turn)
    drills.clear(turn, turn.cause.time)
    settle(turn)
    return superseded


def drilled(turn: Turn, found: Enterprise, data: Submitted) -> bool:
    """A drill falls on the enterprise's shadow; of the enterprise itself only the sequence moves."""
    unit = turn.unit
    shadow = unit.drills.get(found.id) or Enterprise(found.id, drill=True, withdrawn=True)
    superseded = bool(OF_ENTERPRISE[type(data)](turn, shadow, data))
    turn.touch(shadow)
    unit.drills[found.id], unit.enterprises[found.id] = shadow, found
    shadow.withdrawn, shadow.drilled_at, shadow.shown_seq = False, turn.cause.time, data.seq
    turn.only_changes = True
    turn.row("enterprise", found.id, found)
    return superseded


def advance(turn: Turn) -> None:
    """The log's time goes on for the unit."""
    unit, time = turn.unit, turn.cause.time
    unit.clock = time if unit.clock is None else max(unit.clock, time)


def round_opened(turn: Turn, data: log.RoundOpened, rules: RuleSets, *, rehearse: bool) -> bool:
    """A round that is opened, with the rules its event names. False when it is of no effect, being an older one."""
    found = rounds.prepared(rules, data, 0, rehearse=rehearse)
    if not rounds.on_opened(turn, data, found):
        return False
    advance(turn)
    drills.clear(turn, turn.cause.time)
    settle(turn)
    return True


def of_unit(turn: Turn, data: Data) -> bool:
    """Events without a number: those known already are of no effect (False)."""
    if not UNNUMBERED[type(data)](turn, data):
        return False
    advance(turn)
    time = turn.cause.time
    drills.clear(turn, max(time, midnight(data.day)) if isinstance(data, log.DayStarted) else time)
    settle(turn)
    return True


def known(unit: Unit, name: str) -> Enterprise:
    """The enterprise, or the drill's shadow of it, that a row names; made when its own row has not come yet."""
    drill = name.startswith("drill:")
    file, id = (unit.drills, name[6:]) if drill else (unit.enterprises, name)
    found = file.get(id)
    if found is None:
        found = file[id] = Enterprise(id, drill=drill)
    return found


def load_enterprise(unit: Unit, id: str, content: Any) -> None:
    """An enterprise's row."""
    rows.read_enterprise(known(unit, id), content)


def load_drill(unit: Unit, id: str, content: Any) -> None:
    """The row of a drill's shadow."""
    rows.read_enterprise(known(unit, f"drill:{id}"), content)


def load_past(unit: Unit, id: str, content: Any) -> None:
    """The last episode of a finding that has left the state."""
    unit.past[id] = (content[0], content[1])


def load_hazard_unit(unit: Unit, id: str, content: Any) -> None:
    """A hazard unit's row."""
    found = rows.read_hazard_unit(content)
    enterprise = known(unit, id.removesuffix(f":{found.id}"))
    enterprise.hazard_units = (enterprise.hazard_units or {}) | {found.id: found}


def load_installation(unit: Unit, id: str, content: Any) -> None:
    """An installation's row."""
    found = rows.read_installation(content)
    enterprise = known(unit, id.removesuffix(f":{found.id}"))
    enterprise.installations = (enterprise.installations or {}) | {found.id: found}


def load_park(unit: Unit, id: str, content: Any) -> None:
    """A park's row."""
    unit.parks[id] = rows.read_park(content)


def load_accident(unit: Unit, id: str, content: Any) -> None:
    """An accident's row."""
    unit.accidents[id] = rows.read_accident(content)


def load_unit(unit: Unit, _: str, content: Any) -> None:
    """The unit's own row."""
    rows.read_unit(unit, content)


LOADERS: dict[str, Callable[[Unit, str, Any], None]] = {
    "unit": load_unit,
    "enterprise": load_enterprise,
    "drill": load_drill,
    "past": load_past,
    "hazard_unit": load_hazard_unit,
    "installation": load_installation,
    "park": load_park,
    "accident": load_accident,
}


def contents(unit: Unit) -> Iterator[tuple[RowKey, object]]:
    """Every row of a unit, as its object."""
    yield (unit.id, "unit", ""), unit
    yield from (((unit.id, "round", id), each) for id, each in unit.rounds.items())
    yield from (((unit.id, "park", id), each) for id, each in unit.parks.items())
    yield from (((unit.id, "accident", id), each) for id, each in unit.accidents.items())
    yield from (((unit.id, "past", id), each) for id, each in unit.past.items())
    for prefix, kind, file in (("", "enterprise", unit.enterprises), ("drill:", "drill", unit.drills)):
        for id, enterprise in file.items():
            yield (unit.id, kind, id), enterprise
            yield from (((unit.id, "finding", each.id), each) for each in enterprise.findings.values())
            declared: dict[str, dict[str, Any]] = {
                "hazard_unit": enterprise.hazard_units or {},
                "installation": enterprise.installations or {},
            }
            for name, found in declared.items():
                yield from (((unit.id, name, f"{prefix}{id}:{each}"), content) for each, content in found.items())
