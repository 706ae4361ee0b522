"""When a dead child is started again and when its deaths are too many: the rules `Runtime` runs its children by."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

WINDOW_SECONDS = 60.0
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 3.0


class Restartable(Protocol):
    """What the supervisor needs of a child; `Child` is one."""

    @property
    def name(self) -> str: ...
    @property
    def alive(self) -> bool: ...
    @property
    def exit_code(self) -> int | None: ...
    def start(self) -> None: ...
    def tail(self, lines: int = 20) -> str: ...


class TooManyDeathsError(RuntimeError):
    """One child died too often within a minute; the message carries the end of its log."""


def restart_delay(deaths: int) -> float:
    """Seconds to wait after the n-th death within the window: 0.1, 0.2, 0.4 … at most 3."""
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** (deaths - 1))


class Supervisor:
    """Starts dead children again after a growing delay, until one of them dies `max_deaths` times within a minute."""

    def __init__(self, max_deaths: int = 5, now: Callable[[], float] = time.monotonic) -> None:
        self._max_deaths = max_deaths
        self._now = now
        self._deaths: dict[str, deque[float]] = {}
        self._due: dict[str, float] = {}

    def tick(self, children: Iterable[Restartable]) -> bool:
        """Look at every child once; True when one was found dead or was started, so that its pid changed.

        Raises TooManyDeathsError.
        """
        changed = [self._look_at(child) for child in children]  # every child, also after the first change
        return any(changed)

    def _look_at(self, child: Restartable) -> bool:
        if child.alive:
            return False
        due = self._due.get(child.name)
        if due is None:
            self._due[child.name] = self._now() + restart_delay(self._count_death(child))
            return True
        if self._now() < due:
            return False
        del self._due[child.name]
        child.start()
        return True

    def _count_death(self, child: Restartable) -> int:
        now = self._now()
        deaths = self._deaths.setdefault(child.name, deque())
        deaths.append(now)
        while deaths[0] <= now - WINDOW_SECONDS:
            deaths.popleft()
        if len(deaths) >= self._max_deaths:
            raise TooManyDeathsError(
                f"{child.name} died {len(deaths)} times in a minute, last with code {child.exit_code}:\n{child.tail()}"
            )
        return len(deaths)
