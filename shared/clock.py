"""The time a service goes by; handed to whatever needs `now` by each wiring."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.settings import Settings

Clock = Callable[[], datetime]


def real() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def clock(settings: Settings, machine: Clock = real) -> Clock:
    """The real time; or with `clock_start` a simulated one that runs at the same pace and showed `clock_start` at the
    real time `clock_anchor` (without an anchor: when this is called). Aware, UTC.
    """
    if settings.clock_start is None:
        return machine
    offset: timedelta = settings.clock_start - (settings.clock_anchor or machine())
    return lambda: machine() + offset
