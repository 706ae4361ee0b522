"""The alert policy: severities, times to answer, tiers told at once (data of alerting.toml, ours but for the statutory
clocks). Used by notify.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Literal, Self, get_args

from pydantic import Field, PositiveFloat, model_validator

from shared.events.alerts import Severity, Tier
from shared.rulesets.tables import Rules


class Statutory(Rules):
    """Minutes that the law gives: Decree 493 articles 9 and 11, SAWS Order 21 article 6."""

    enterprise_reports_accident_within_minutes: PositiveFloat
    authority_passes_up_within_minutes: PositiveFloat
    larger_accident_also_to_province_within_minutes: PositiveFloat


class StatutoryDays(Rules):
    """A limit that the law counts in days from an accident; `working`: in working days."""

    clock: Literal["casualties", "investigation"]
    days: int = Field(gt=0)
    working: bool = False


class Grouping(Rules):
    """Reminders while unacknowledged, and the hour of the daily digest (Asia/Shanghai)."""

    repeat_every_minutes: PositiveFloat
    digest_at: time


class AlertPolicy(Rules):
    """The whole policy; keys of `severity` are policy keys of hazards."""

    id: str
    version: int = Field(ge=1)
    effective_from: date | None = None
    effective_to: date | None = None
    default_promise_hours: Mapping[Severity, PositiveFloat]
    ack_within_minutes: Mapping[Severity, PositiveFloat]
    severity: Mapping[str, Severity]
    tiers_at_once: Mapping[Severity, tuple[Tier, ...]]
    important_period_factor: float = Field(default=0.5, gt=0, le=1)
    statutory: Statutory
    statutory_days: tuple[StatutoryDays, ...] = ()
    grouping: Grouping

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [
            f"{field} lacks {severity}"
            for field in ("default_promise_hours", "ack_within_minutes", "tiers_at_once")
            for severity in get_args(Severity)
            if severity not in getattr(self, field)
        ]
        if missing:
            raise ValueError("; ".join(missing))
        return self
