"""Events of `hazards.v1`: what an alert is about. Written by scoring, answered by notify."""

import uuid
from typing import Any

from pydantic import AwareDatetime

from shared.events.base import Data, EnterpriseId, LogPosition


class HazardRaised(Data):
    """A hazard stands. `policy_key` names the row of the alert policy that gives the severity (usually `kind`).

    `hazard_id` = UUIDv5(kind, subject, episode). `condition` marks a state rather than an emergency (a level, a missing
    person). `caused_at` is the ce_time of the cause on the inspections log; notify records a hazard older than 24 h
    without sending.
    """

    hazard_id: uuid.UUID
    kind: str
    policy_key: str
    subject: str
    episode: int
    enterprise_id: EnterpriseId | None = None
    round_id: str | None = None
    facts: dict[str, Any]
    condition: bool = False
    drill: bool = False
    caused_at: AwareDatetime
    log_position: LogPosition


class HazardUpdated(HazardRaised):
    """Severity or the stated facts of a standing hazard changed; whole."""


class HazardCleared(Data):
    """The hazard stands no longer."""

    hazard_id: uuid.UUID
    kind: str
    subject: str
    episode: int
    reason: str
    drill: bool = False
    caused_at: AwareDatetime
    log_position: LogPosition
