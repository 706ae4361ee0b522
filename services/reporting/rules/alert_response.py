"""How fast alerts were answered. Called by the evaluation; drills are left out before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.reporting.rules.statistics import median
from shared.events.alerts import Severity
from shared.events.base import Value


class AlertAnswer(Value):
    """One alert of the round: opened, first acknowledged, the highest tier reached."""

    alert_id: str
    kind: str
    severity: Severity
    state: str
    opened_at: datetime
    acknowledged_at: datetime | None
    escalated: bool

    def minutes(self) -> float | None:
        """From opening to the first acknowledgement."""
        if self.acknowledged_at is None:
            return None
        return (self.acknowledged_at - self.opened_at).total_seconds() / 60


class AlertResponse(Value):
    """Response of a unit's alerts: minutes from opening to the first acknowledgement, whoever gave it."""

    alerts: int
    acknowledged: int
    closed_unanswered: int
    escalated: int
    median_minutes: float | None
    longest_minutes: float | None
    by_severity: dict[Severity, dict[str, Any]]


def alert_response(answers: Sequence[AlertAnswer]) -> AlertResponse:
    """The figures over all alerts of the round."""
    minutes = [value for answer in answers if (value := answer.minutes()) is not None]
    severities: list[Severity] = ["extreme", "severe", "moderate", "minor"]
    return AlertResponse(
        alerts=len(answers),
        acknowledged=len(minutes),
        closed_unanswered=sum(answer.state == "closed" and answer.acknowledged_at is None for answer in answers),
        escalated=sum(answer.escalated for answer in answers),
        median_minutes=median(minutes),
        longest_minutes=max(minutes, default=None),
        by_severity={
            severity: row
            for severity in severities
            if (row := _row([one for one in answers if one.severity == severity]))
        },
    )


def _row(answers: Sequence[AlertAnswer]) -> dict[str, Any]:
    minutes = [value for answer in answers if (value := answer.minutes()) is not None]
    return {"alerts": len(answers), "acknowledged": len(minutes), "median_minutes": median(minutes)} if answers else {}
