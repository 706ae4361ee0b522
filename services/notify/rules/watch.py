"""When notify itself falls behind: what is wrong, and whether the operators are to be told now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

LATE_SECONDS = 60.0
AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Watch:
    """What the operators know: the complaints last told, and when. Nothing told: all is well."""

    told: frozenset[str] = frozenset()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to the operators; `complaints` name what is late and by how many seconds."""

    kind: Literal["behind", "recovered"]
    complaints: Mapping[str, float]


def look(watch: Watch, lags: Mapping[str, float], now: datetime) -> tuple[Watch, Notice | None]:
    """`lags` in seconds by part. Tells of what is newly a minute late, of what still is every hour, and of recovery."""
    late = {name: seconds for name, seconds in lags.items() if seconds > LATE_SECONDS}
    if not late:
        return Watch(), Notice("recovered", {}) if watch.told else None
    again = watch.at is not None and now - watch.at >= AGAIN_AFTER
    if late.keys() <= watch.told and not again:
        return watch, None
    return Watch(watch.told | late.keys(), now), Notice("behind", late)
