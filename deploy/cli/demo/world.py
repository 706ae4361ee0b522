"""What the demo's world is made of: real names of six guidance units, everything else invented and marked so."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

ROUND = "2023-1"
CLOCK_START = "2023-02-20T01:00:00+00:00"
TODAY = date(2023, 2, 20)
TEAM = "team-1"
CHECKLIST = "mhd-2017-121"
CHECKLIST_ITEMS = [str(number) for number in range(1, 21)]
GRADING_ITEMS = ("1.1", "1.2", "2.1", "4.1", "5.1", "6.1", "7.1")
STAGES = ("self_inspection", "re_examination", "expert_verification")
PHASES = ("declarations", *STAGES, "rectifications", "unit records", "drill")
Body = dict[str, Any]


@dataclass(frozen=True)
class Post:
    """One submission: route, name of the key that sends it, body, and an idempotency key computed from what it is."""

    path: str
    key: str
    body: Body
    idempotency_key: str
    label: str


@dataclass
class World:
    """What the demo registers, which keys it asks for, and what it submits, stage by stage."""

    units: list[Body] = field(default_factory=list)
    registry: list[tuple[str, str, Body]] = field(default_factory=list)
    keys: dict[str, Body] = field(default_factory=dict)
    phases: dict[str, list[Post]] = field(default_factory=lambda: {name: [] for name in PHASES})
    enterprises: dict[str, list[str]] = field(default_factory=dict)

    def posts(self) -> list[Post]:
        """Every submission in order."""
        return [post for phase in self.phases.values() for post in phase]
