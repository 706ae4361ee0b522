"""What the fold owes between two flushes. Filled by the rules of a turn, emptied by fold.py."""

from dataclasses import dataclass, field
from typing import Any

from services.scoring.rules.output import Cause, Derived
from services.scoring.rules.state import Finding, Unit

RowKey = tuple[str, str, str]


@dataclass(slots=True)
class Pending:
    """What a flush has to write: rows changed (None: gone), and the last cause of each assessment that is due.

    Findings and enterprises stand in the order of their last causes: one that has moved to another unit has its last
    word last.
    """

    rows: dict[RowKey, Any] = field(default_factory=dict)
    events: list[Derived] = field(default_factory=list)
    findings: dict[Finding, tuple[Unit, Cause]] = field(default_factory=dict)
    enterprises: dict[tuple[str, bool, str], Cause] = field(default_factory=dict)
    units: dict[str, Cause] = field(default_factory=dict)

    def finding_due(self, finding: Finding, unit: Unit, cause: Cause) -> None:
        """The finding is to be assessed at the next flush."""
        self.findings.pop(finding, None)
        self.findings[finding] = unit, cause

    def enterprise_due(self, key: tuple[str, bool, str], cause: Cause) -> None:
        """The enterprise (unit, drill, id) is to be assessed at the next flush."""
        self.enterprises.pop(key, None)
        self.enterprises[key] = cause
