"""What people do with an alert: acknowledge, close, reopen. Called by the handlers; refusals carry a stable code."""

from datetime import UTC, datetime, timedelta, tzinfo

from services.notify.rules.alert import TIERS, Alert, Answer, Change, Step, StepKind, with_step
from services.notify.rules.hazards import reopened_by
from services.notify.rules.snapshots import acknowledged_event, closed_event
from services.notify.rules.timing import Terms, default_promise

LONGEST_PROMISE = timedelta(days=366)
"""How far ahead an answer may promise (ours)."""


class Refused(Exception):
    """It cannot be done. `code`: `alert_closed`, `not_closed`, `still_tried`, `promise_in_the_past`, `promise_too_far`,
    `promise_no_time`.
    """

    def __init__(self, code: str, detail: str, zh: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.zh = zh


def promise_typed(text: str, zone: tzinfo) -> datetime | None:
    """The time that somebody typed into a form, in the product's zone; None for an empty field. Raises `Refused`."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise Refused("promise_no_time", "This is no time.", "这不是有效的时间。") from wrong


def acknowledged(
    alert: Alert, by: str, note: str, channel: str, promise_by: datetime | None, terms: Terms, now: datetime
) -> tuple[Change, tuple[str, ...]]:
    """The alert with a promise and without any pending step of the calling; the ids of steps already claimed.

    Statutory clocks run on, and the promise's own deadline is set. A condition's alert closes with its acknowledgement.
    Raises `Refused`.
    """
    if alert.state == "closed":
        raise Refused("alert_closed", "This alert is closed; nothing is left to promise.", "告警已关闭，无需再作承诺。")
    if promise_by is not None and promise_by <= now:
        raise Refused("promise_in_the_past", "The time promised lies in the past.", "承诺的时间已经过去。")
    if promise_by is not None and promise_by - now > LONGEST_PROMISE:
        raise Refused("promise_too_far", "A promise may reach a year ahead at most.", "承诺的时间最远为一年之内。")
    claimed = tuple(step.id for step in alert.steps if step.lease_until is not None and step.lease_until > now)
    statutory = tuple(step for step in alert.steps if step.kind is StepKind.STATUTORY)
    promise = promise_by or default_promise(terms, alert.severity, now)
    answered = alert.model_copy(
        update={
            "state": "acknowledged",
            "promise_by": promise,
            "answer": Answer(by=by, note=note, channel=channel, at=now),
            "steps": statutory,
            "changed_at": now,
        }
    )
    event = acknowledged_event(answered, by, note, channel, claimed)
    if not alert.condition:
        return Change(with_step(answered, StepKind.PROMISE, promise), (event,)), claimed
    done = answered.model_copy(update={"state": "closed", "steps": (), "promise_by": None})
    return Change(done, (event, closed_event(done, by, "condition_acknowledged"))), claimed


def closed(alert: Alert, by: str, reason: str, now: datetime) -> Change:
    """Closed by hand while the hazard stands. Raises `Refused`."""
    if alert.state == "closed":
        raise Refused("alert_closed", "This alert is closed already.", "告警已经关闭。")
    after = alert.model_copy(update={"state": "closed", "steps": (), "changed_at": now})
    return Change(after, (closed_event(after, by, reason),))


def reopened(alert: Alert, by: str, reason: str, terms: Terms, now: datetime) -> Change:
    """Open again by hand, calling from its tier on. Raises `Refused`."""
    if alert.state != "closed":
        raise Refused("not_closed", "Only a closed alert can be opened again.", "只有已关闭的告警才能重新打开。")
    return reopened_by(by, reason, alert, terms, now)


def sent_again(alert: Alert, step_id: str, tier: str, contact: str, now: datetime) -> Change:
    """A delivery once more, by hand: its step comes back for that contact alone, so the message id is the same.

    Raises `Refused`.
    """
    if alert.step(step_id) is not None:
        raise Refused("still_tried", "This message is still being tried.", "该消息仍在发送中。")
    kind = StepKind(step_id.rpartition("-")[0])
    if alert.state == "closed" and kind is not StepKind.CLEAR:
        raise Refused(
            "alert_closed", "This alert is closed; its messages are not sent again.", "告警已关闭，其消息不再重发。"
        )
    tiers = tuple(known for known in TIERS if known == tier) or TIERS[-1:]
    # Counted as claimed before: whom it tells is settled, and an escalation must not climb again.
    step = Step(id=step_id, kind=kind, due=now, tiers=tiers, claims=1, only=(contact,))
    return Change(alert.model_copy(update={"steps": (*alert.steps, step), "changed_at": now}))
