"""What the operations page says of the bus: how far behind each consumer is, and the last dead letters. Used by pages;
`bus_reader` fills it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ConsumerLag:
    """A consumer group's backlog: the seconds that its oldest waiting record has waited, 0 when none waits."""

    group: str
    waiting: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that was set aside: when, by whom, why, and where it came from (`topic:partition:offset`)."""

    id: str
    at: datetime
    service: str
    reason: str
    detail: str
    source: str


class BusView(Protocol):
    """Looks at the bus when asked. Raises `Unavailable("broker")`."""

    async def lags(self, groups: tuple[str, ...]) -> list[ConsumerLag]: ...

    async def dead_letters(self, most: int) -> list[DeadLetter]:
        """The last ones, newest first."""
        ...


class QuietBus:
    """A bus on which nothing waits and nothing was set aside; for tests."""

    async def lags(self, groups: tuple[str, ...]) -> list[ConsumerLag]:
        return [ConsumerLag(group, False, 0.0) for group in groups]

    async def dead_letters(self, most: int) -> list[DeadLetter]:  # noqa: ARG002 - there are none
        return []
