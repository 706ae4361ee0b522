"""The alert as a value: the duty to answer one hazard, with its pending steps. Changed by the other rules only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from shared.events.alerts import AlertState, Severity, Tier
from shared.events.base import LogPosition, Value, name_id

TIERS: tuple[Tier, ...] = ("county", "prefecture", "province", "national")
SEVERITIES: tuple[Severity, ...] = ("minor", "moderate", "severe", "extreme")
Audience = Literal["chain", "operators"]


class StepKind(StrEnum):
    """Why a message goes out, most urgent first: of two that are due the earlier one in this list goes."""

    CLEAR = "clear"
    FIRST = "first"
    RISE = "rise"
    PROMISE = "promise"
    ESCALATION = "escalation"
    STATUTORY = "statutory"
    REMINDER = "reminder"
    DIGEST = "digest"
    NOTICE = "notice"


AFTER_ANSWER = frozenset({StepKind.CLEAR, StepKind.RISE, StepKind.PROMISE, StepKind.STATUTORY})
"""What may still go out after an acknowledgement (semantics: broken promise, rising severity, statutory clocks)."""


class Step(Value):
    """One pending message to one or more tiers. `tiers` is empty until the first claim has worked out whom it tells.

    `given_up` names the contacts (`authority/contact`) that failed for good in this step; others take their place.
    `only`, when not empty, limits it to these contacts: a delivery that is sent again by hand.
    """

    id: str
    kind: StepKind
    due: datetime
    tiers: tuple[Tier, ...] = ()
    note: str = ""
    attempt: int = 0
    claims: int = 0
    claimed_by: str | None = None
    lease_until: datetime | None = None
    given_up: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def claimed(self) -> bool:
        return self.claimed_by is not None


class Answer(Value):
    """An acknowledgement: a promise by somebody, over some channel (`api`, `page`, `link`)."""

    by: str
    note: str
    channel: str
    at: datetime


class Alert(Value):
    """One alert; id = hazard id. `version` grows by one with every stored change, claims included.

    `told` are the tiers that a message has reached; `sent` false: recorded only. `cleared`: the hazard stands no more.
    """

    id: str
    unit_id: str
    enterprise_id: str | None = None
    kind: str
    policy_key: str
    subject: str
    episode: int = 1
    round_id: str | None = None
    headline: Mapping[str, str]
    facts: Mapping[str, Any]
    condition: bool = False
    drill: bool = False
    audience: Audience = "chain"
    severity: Severity
    state: AlertState = "open"
    tier: Tier = "county"
    sent: bool = True
    opened_at: datetime
    changed_at: datetime
    version: int = 1
    position: LogPosition
    cleared: bool = False
    promise_by: datetime | None = None
    answer: Answer | None = None
    told: tuple[Tier, ...] = ()
    serial: int = 0
    steps: tuple[Step, ...] = ()
    correlation_id: str | None = None

    @property
    def answered(self) -> bool:
        return self.state == "acknowledged"

    @property
    def calling(self) -> bool:
        """Somebody still has to answer."""
        return self.state in ("open", "escalated") and self.sent

    @property
    def accident(self) -> bool:
        return self.kind.startswith("accident")

    @property
    def next_due(self) -> datetime | None:
        """When this alert next needs a worker: the end of a standing lease, else the earliest due time."""
        leases = [step.lease_until for step in self.steps if step.lease_until is not None]
        return max(leases) if leases else min((step.due for step in self.steps), default=None)

    def step(self, id: str) -> Step | None:
        return next((step for step in self.steps if step.id == id), None)


@dataclass(frozen=True, slots=True)
class Change:
    """An alert as it becomes, and the data of the events that say so, in order."""

    alert: Alert
    events: tuple[BaseModel, ...] = ()


def with_step(alert: Alert, kind: StepKind, due: datetime, tiers: tuple[Tier, ...] = (), note: str = "") -> Alert:
    """The alert with one more step; its id is the alert's next serial number, so a repeated change gives the same."""
    step = Step(id=f"{kind}-{alert.serial + 1}", kind=kind, due=due, tiers=tiers, note=note)
    return alert.model_copy(update={"serial": alert.serial + 1, "steps": (*alert.steps, step)})


def without_steps(alert: Alert, *kinds: StepKind) -> Alert:
    """The alert without the steps of these kinds."""
    return alert.model_copy(update={"steps": tuple(step for step in alert.steps if step.kind not in kinds)})


def replacing(alert: Alert, step: Step) -> Alert:
    """The alert with `step` in the place of the one with its id."""
    steps = tuple(step if known.id == step.id else known for known in alert.steps)
    return alert.model_copy(update={"steps": steps})


def rises(before: Severity, after: Severity) -> bool:
    return SEVERITIES.index(after) > SEVERITIES.index(before)


def delivery_id(alert_id: str, step_id: str, authority_id: str, contact_id: str, channel: str) -> UUID:
    """Id of the one effective message per alert, step, recipient and channel; a repeat has the same."""
    return name_id("delivery", alert_id, step_id, authority_id, contact_id, channel)
