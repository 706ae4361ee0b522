"""Rows of the changelog back into state: kept as they are until an event falls on their unit. Called by the fold.

So a worker is ready as soon as it has read the changelog, and takes over quickly whatever the size of the state.
"""

from typing import Any

import orjson

from services.scoring.rules import grading, rows, subjects, unit_risk
from services.scoring.rules.rounds import prepared
from services.scoring.rules.rulebook import Rulebook
from services.scoring.rules.state import Round, Unit
from services.scoring.rules.tally import Totals
from shared.events.inspections import RoundOpened
from shared.rulesets import RuleSets

RowOf = tuple[str, str, bytes]  # kind, id, value


class Asleep:
    """The rows of units that no event has fallen on since the start."""

    def __init__(self, rules: RuleSets, default: Rulebook, *, rehearse: bool) -> None:
        self._rules = rules
        self._default = default
        self._rehearse = rehearse
        self._rows: dict[str, list[RowOf]] = {}

    def take(self, key: bytes, value: bytes) -> None:
        """One row. Raises `RuleSetMismatch` at once for a round whose rule sets are not at hand."""
        unit_id, kind, id = rows.parts(key)
        if kind == "round":
            self._round(orjson.loads(value))
        waiting = self._rows.get(unit_id)
        if waiting is None:
            waiting = self._rows[unit_id] = []
        waiting.append((kind, id, value))

    @property
    def units(self) -> list[str]:
        """Ids of the units that sleep."""
        return sorted(self._rows)

    def wake(self, unit_id: str) -> tuple[Unit, Totals] | None:
        """The unit with all that follows from its rows; None when it has none, or is awake."""
        waiting = self._rows.pop(unit_id, None)
        if waiting is None:
            return None
        unit, totals = Unit(unit_id), Totals()
        for kind, id, value in waiting:
            self._read(unit, kind, id, orjson.loads(value))
        self._derive(unit, totals)
        return unit, totals

    def _read(self, unit: Unit, kind: str, id: str, content: Any) -> None:
        if kind == "finding":
            finding = rows.read_finding(id, content, subjects.known(unit, content[0]))
            finding.enterprise.findings[finding.id] = finding
        elif kind == "round":
            unit.rounds[id] = self._round(content)
        else:
            subjects.LOADERS[kind](unit, id, content)

    def _round(self, content: Any) -> Round:
        return prepared(self._rules, RoundOpened.model_validate(content[0]), content[1], rehearse=self._rehearse)

    def _derive(self, unit: Unit, totals: Totals) -> None:
        current = unit.round
        book = current.book if current is not None else self._default
        for enterprise in (*unit.enterprises.values(), *unit.drills.values()):
            enterprise.enrolled = current is not None and not enterprise.drill and enterprise.id in current.enrolled
            grading.regrade(enterprise, unit.current, book)
        unit_risk.rebuild(unit, totals)
