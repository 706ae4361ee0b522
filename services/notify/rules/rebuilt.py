"""Alerts, deliveries and silences as the events of `alerts.v1` leave them. Timers begin anew: nothing is sent for the
time that passed meanwhile.
"""

from datetime import datetime

from services.notify.rules.alert import TIERS, Alert, Answer, StepKind, with_step
from services.notify.rules.deliveries import Attempt, Delivery
from services.notify.rules.silences import Matcher, Silence
from services.notify.rules.statutory import with_statutory_clocks
from services.notify.rules.steps import with_duty_steps
from services.notify.rules.timing import Terms, default_promise
from shared.events.alerts import AlertAcknowledged, AlertDelivered, AlertSnapshot, DeliveryData, SilencePut
from shared.events.base import LogPosition


def rebuilt(
    data: AlertSnapshot, answer: AlertAcknowledged | None, told: frozenset[str], terms: Terms, now: datetime
) -> Alert:
    """An alert from its latest snapshot, its last acknowledgement and the tiers that deliveries have reached. Its step
    numbers go on where no earlier one can have been.
    """
    alert = Alert(
        id=str(data.alert_id),
        unit_id=data.unit_id,
        enterprise_id=data.enterprise_id,
        kind=data.kind,
        policy_key=data.policy_key or data.kind,
        subject=data.subject,
        episode=data.episode or 1,
        round_id=data.round_id,
        headline=data.headline,
        facts=data.facts,
        condition=data.condition,
        drill=data.drill,
        audience=data.audience,
        severity=data.severity,
        state=data.state,
        tier=data.tier,
        sent=data.sent,
        opened_at=data.opened_at,
        changed_at=data.at,
        version=data.version + 1000,
        position=data.log_position or LogPosition(partition=-1, offset=-1),
        promise_by=data.promise_by,
        answer=_answer(answer) if answer and data.state in ("acknowledged", "closed") else None,
        told=tuple(tier for tier in TIERS if tier in told or tier in data.told),
        serial=data.version + 1000,
    )
    if alert.state != "closed" and alert.sent:
        alert = _with_clocks_ahead(alert, terms, now)
    if alert.answered:
        promise = max(now, alert.promise_by or default_promise(terms, alert.severity, now))
        return with_step(alert, StepKind.PROMISE, promise)
    if alert.calling and not alert.told:
        alert = with_step(alert, StepKind.FIRST, now)
    return with_duty_steps(alert, terms, now)


def _answer(data: AlertAcknowledged) -> Answer:
    return Answer(by=data.by, note=data.note, channel=data.channel, at=data.at)


def _with_clocks_ahead(alert: Alert, terms: Terms, now: datetime) -> Alert:
    """Statutory clocks whose message is still to come; what was due before has gone out, or its time is past."""
    found = with_statutory_clocks(alert, terms, alert.opened_at, now)
    return found.model_copy(update={"steps": tuple(step for step in found.steps if step.due > now)})


def delivery_after(known: Delivery | None, data: DeliveryData) -> Delivery:
    """A delivery with the attempt that an event tells of."""
    taken = isinstance(data, AlertDelivered)
    final = taken or getattr(data, "final", True)
    detail = getattr(data, "result", None) or getattr(data, "error", "")
    attempt = Attempt(at=data.at, outcome="delivered" if taken else "failed" if final else "again", detail=detail)
    earlier = known.attempts[: data.attempt - 1] if known else ()
    return Delivery(
        id=str(data.delivery_id),
        alert_id=str(data.alert_id),
        unit_id=data.unit_id,
        step=data.step,
        tier=data.tier,
        authority_id=data.authority_id or "",
        contact_id=data.contact_id,
        channel=data.channel,
        message_id=data.message_id,
        drill=data.drill,
        state="delivered" if taken else "failed" if final else "retrying",
        attempts=(*earlier, attempt),
        at=data.at,
    )


def silence_after(known: Silence | None, data: SilencePut) -> Silence:
    """A silence as the event leaves it."""
    return Silence(
        id=data.silence_id,
        unit_id=data.unit_id,
        matcher=Matcher.model_validate(data.matcher),
        planned_shutdown=bool(data.matcher.get("planned_shutdown")),
        reason=data.reason,
        from_=data.from_,
        to=data.to,
        by=data.by,
        version=(known.version if known else 0) + 1,
        deleted=data.deleted,
    )
