"""Old installations (survey of 2025): declared, withdrawn, growing old. Called by the fold."""

from services.scoring.rules.calendar import day_of
from services.scoring.rules.state import Enterprise, Installation
from services.scoring.rules.tally import of_installations
from services.scoring.rules.turn import Turn
from services.scoring.rules.unit_risk import today
from shared.events.inspections import InstallationDeclared, InstallationWithdrawn


def on_declared(turn: Turn, enterprise: Enterprise, data: InstallationDeclared) -> None:
    """Replaces the declaration under the same id; old or not as of the unit's day, or of the declaration's when it is
    the unit's first event.
    """
    turn.touch(enterprise)
    found = enterprise.installations = enterprise.installations if enterprise.installations is not None else {}
    day = today(turn.unit) or day_of(turn.cause.time)
    old = turn.book.is_old(data.commissioned_on, data.design_life_years, day)
    each = Installation(data.installation_id, data.commissioned_on, data.design_life_years, data.treatment, old)
    found[each.id] = each
    file(turn, enterprise, each.id)


def on_withdrawn(turn: Turn, enterprise: Enterprise, data: InstallationWithdrawn) -> None:
    """The installation counts no longer. Unknown ids change nothing."""
    if data.installation_id not in (enterprise.installations or {}):
        return
    turn.touch(enterprise)
    assert enterprise.installations is not None
    del enterprise.installations[data.installation_id]
    file(turn, enterprise, data.installation_id)


def grow_old(turn: Turn, enterprise: Enterprise) -> None:
    """A new day: which installations became old."""
    day = today(turn.unit)
    for _, each in sorted((enterprise.installations or {}).items()):
        if day is not None and not each.old and turn.book.is_old(each.commissioned_on, each.design_life_years, day):
            turn.touch(enterprise)
            each.old = True
            file(turn, enterprise, each.id)


def file(turn: Turn, enterprise: Enterprise, id: str) -> None:
    """Counts again, marks the row, and remembers whose installations age."""
    found = enterprise.installations or {}
    enterprise.ages_tally = of_installations(found)
    turn.row("installation", f"{'drill:' if enterprise.drill else ''}{enterprise.id}:{id}", found.get(id))
    if not enterprise.drill:
        (turn.totals.ageing.add if found else turn.totals.ageing.discard)(enterprise.id)
