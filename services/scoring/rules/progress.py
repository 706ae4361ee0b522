"""What the fold has done of its partition, counted in submissions. Kept in a row of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from services.scoring.rules.output import Cause, Derived, derived, instant, named, type_of
from shared.events.risk import FoldProgressed

ROW = b"|progress|"
PROGRESSED = type_of(FoldProgressed)
COUNTS = ("applied", "superseded", "duplicate", "drill", "dead_lettered")


@dataclass(slots=True)
class Progress:
    """`applied` + `superseded` + `drill` + `dead_lettered` = submissions with an outcome, each in one of them.

    A submission that supersedes another stands in its place (`applied` stays, `superseded` grows); duplicates are
    deliveries
    beyond the first. `position` is the last offset handled; `gaps` how many numbers of a subject's sequence were
    jumped.
    """

    partition: int
    position: int = -1
    applied: int = 0
    superseded: int = 0
    duplicate: int = 0
    drill: int = 0
    dead_lettered: int = 0
    as_of: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    gaps: dict[str, int] = field(default_factory=dict)
    changed: bool = False  # derived

    def row(self) -> bytes:
        """The row's bytes."""
        counts = (getattr(self, name) for name in COUNTS)
        return orjson.dumps([self.position, *counts, self.as_of, self.gaps], option=orjson.OPT_SORT_KEYS)

    def read(self, value: bytes) -> None:
        """Fills it from its row."""
        self.position, *counts, as_of, self.gaps = orjson.loads(value)
        for name, count in zip(COUNTS, counts, strict=True):
            setattr(self, name, count)
        self.as_of = datetime.fromisoformat(as_of)

    def event(self) -> Derived:
        """`fold.progressed`; its cause is the position reached."""
        at, subject = instant(self.as_of), str(self.partition)
        data = {
            "partition": self.partition,
            **{name: getattr(self, name) for name in COUNTS},
            "gaps": dict(sorted(self.gaps.items())),
            "position": self.position,
            "as_of": at,
        }
        id = named(f"fold.progressed|{subject}|{self.position}")
        return derived(PROGRESSED, data, subject, subject, Cause(id, self.as_of, at, None, None, {}))
