"""What the fold owes between two flushes. Filled by the rules of a turn, emptied by fold.py."""

from dataclasses import dataclass, field
from typing import Any

from services.scoring.rules.output import Cause, Derived

RowKey = tuple[str, str, str]


@dataclass(slots=True)
class Pending:
    """What a flush has to write: rows changed (None: gone), and the last cause of each assessment that is due."""

    rows: dict[RowKey, Any] = field(default_factory=dict)
    events: list[Derived] = field(default_factory=list)
    enterprises: dict[tuple[str, bool, str], Cause] = field(default_factory=dict)
    units: dict[str, Cause] = field(default_factory=dict)
