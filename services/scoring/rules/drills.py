"""Drills have rows, ids and hazards of their own, reach no index, and are cleared after 24 hours. Called by the fold at
each event.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from services.scoring.rules import hazard_units, unit_records
from services.scoring.rules.calendar import DAY
from services.scoring.rules.rounds import forget
from services.scoring.rules.state import CLOSED, Accident, Enterprise
from services.scoring.rules.turn import Turn

Drilled = TypeVar("Drilled", Enterprise, Accident)


def clear(turn: Turn, time: datetime) -> None:
    """Clears what has had no drill event for 24 hours by the log's own time."""
    unit = turn.unit
    for _, enterprise in over(unit.drills, time):
        clear_enterprise(turn, enterprise)
    for _, accident in over(unit.accidents, time):
        unit_records.state_hazard(turn, accident, None)
        del unit.accidents[accident.id]
        turn.row("accident", accident.id, None)


def over(drilled: Mapping[str, Drilled], time: datetime) -> list[tuple[str, Drilled]]:
    """What had its last drill event 24 hours ago, by id."""
    return sorted(
        (id, each) for id, each in drilled.items() if each.drilled_at is not None and time - each.drilled_at >= DAY
    )


def clear_enterprise(turn: Turn, enterprise: Enterprise) -> None:
    """Empties a drill's shadow of an enterprise; what counts its hazards stays, so that the next drill is a new one."""
    turn.reason = "drill_over"
    turn.touch(enterprise)
    for _, finding in sorted(enterprise.findings.items()):
        turn.touch_finding(finding)
        finding.state, finding.overdue = CLOSED, False
        finding.closed = finding.timely = 0
        finding.closed_on = turn.cause.time.date()
        forget(turn, finding)
    for _, each in sorted((enterprise.hazard_units or {}).items()):
        if not each.withdrawn:
            hazard_units.withdraw(turn, enterprise, each, turn.reason)
    for id in sorted(enterprise.installations or {}):
        turn.row("installation", f"drill:{enterprise.id}:{id}", None)
    enterprise.installations, enterprise.ages_tally = None, (0, 0, 0)
    enterprise.submissions, enterprise.gradings, enterprise.drilled_at = [], [None, None, None], None
    enterprise.score = enterprise.graded_stage = enterprise.colour = enterprise.base_colour = -1
    enterprise.withdrawn = True
