"""The life of an alert's steps: which is due, what its claim changes, what follows when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from services.notify.rules.alert import TIERS, Alert, Change, Step, StepKind, replacing, with_step, without_steps
from services.notify.rules.routing import Route, next_tier, tier_at_or_above
from services.notify.rules.snapshots import escalated_event, promise_broken_event
from services.notify.rules.timing import Terms, ack_within, backoff, repeat_at
from shared.events.alerts import Tier

LEASE = timedelta(seconds=30)
ATTEMPTS = 12
_URGENCY = list(StepKind)
_DUTY = frozenset({StepKind.ESCALATION, StepKind.REMINDER, StepKind.DIGEST})
_TOGETHER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Result:
    """How the sending to one recipient ended: taken, worth another attempt, or failed for good."""

    tier: Tier | str
    contact: str
    outcome: Literal["delivered", "again", "failed"]
    retry_after: timedelta | None = None


def with_duty_steps(alert: Alert, terms: Terms, now: datetime) -> Alert:
    """The alert with its escalation (unless at the top) and its reminder, each once. Only for one that is calling."""
    if not alert.calling:
        return alert
    kinds = {step.kind for step in alert.steps}
    if StepKind.ESCALATION not in kinds and alert.tier != TIERS[-1] and alert.audience == "chain":
        alert = with_step(alert, StepKind.ESCALATION, now + ack_within(terms, alert.severity, now))
    if not kinds & {StepKind.REMINDER, StepKind.DIGEST}:
        kind = StepKind.DIGEST if alert.severity in ("minor", "moderate") else StepKind.REMINDER
        alert = with_step(alert, kind, repeat_at(terms, alert.severity, now))
    return alert


def due_step(alert: Alert, now: datetime, instance: str, life: str) -> Step | None:
    """The step to claim now: none while another worker holds a lease on this alert, else the most urgent due one.

    A lease of an earlier life of the same instance counts as ended. `claimed_by` is `instance/life`.
    """
    held = [step for step in alert.steps if step.claimed]
    if any(_holds(step, now, instance, life) for step in held):
        return None
    due = [step for step in alert.steps if step.due <= now]
    return min(due, key=lambda step: (not step.claimed, _URGENCY.index(step.kind), step.due), default=None)


def _holds(step: Step, now: datetime, instance: str, life: str) -> bool:
    owner, _, lived = (step.claimed_by or "").rpartition("/")
    ended_with_its_life = owner == instance and lived != life
    return not ended_with_its_life and step.lease_until is not None and step.lease_until > now


def claim(
    alert: Alert, step: Step, route: Route, terms: Terms, now: datetime, owner: str, until: datetime | None = None
) -> Change:
    """The step leased to `owner`, `until` another step's lease ends or for half a minute. A first claim also works out
    whom it tells; that of an escalation raises the tier.

    Whatever else is due at the same time waits as long after this one as it was meant to: after a pause or a jump of
    the clock an alert sends one message, not all at once.
    """
    first = step.claims == 0
    leased = step.model_copy(
        update={"claimed_by": owner, "lease_until": until or now + LEASE, "claims": step.claims + 1}
    )
    others = tuple(leased if other.id == step.id else _spaced(other, step, now) for other in alert.steps)
    change = Change(alert.model_copy(update={"steps": others, "changed_at": now}))
    return _aimed(change.alert, leased, route, terms, now) if first else change


def _spaced(other: Step, step: Step, now: datetime) -> Step:
    if other.due > now:
        return other
    gap = other.due - step.due
    return other.model_copy(update={"due": now + (gap if gap > timedelta(0) else _TOGETHER)})


def _aimed(alert: Alert, step: Step, route: Route, terms: Terms, now: datetime) -> Change:
    if step.kind is StepKind.ESCALATION:
        return _escalated(alert, step, route, terms, now)
    if step.kind is StepKind.PROMISE:
        return _promise_broken(alert, step, route, terms, now)
    if step.kind is StepKind.CLEAR:
        return Change(alert)
    tier, skipped = tier_at_or_above(route, alert.tier)
    events: tuple[BaseModel, ...] = ()
    if tier is not None and tier != alert.tier:
        before, alert = alert.tier, alert.model_copy(update={"tier": tier})
        events = (escalated_event(alert, before, skipped),)
    return Change(replacing(alert, step.model_copy(update={"tiers": _tiers(alert, step, route, terms)})), events)


def _tiers(alert: Alert, step: Step, route: Route, terms: Terms) -> tuple[Tier, ...]:
    """The answering tier, and with a first message or a rise those that the policy tells at once."""
    wanted: set[str] = {alert.tier}
    if step.kind in (StepKind.FIRST, StepKind.RISE):
        wanted |= set(terms.policy.tiers_at_once[alert.severity])
    if step.kind is StepKind.RISE:
        wanted |= set(alert.told)
    if step.kind is StepKind.STATUTORY and step.note == "larger_also_to_province":
        wanted.add("province")
    reachable = {desk.tier for desk in route}
    return tuple(tier for tier in TIERS if tier in wanted and (tier in reachable or tier == alert.tier))


def _escalated(alert: Alert, step: Step, route: Route, terms: Terms, now: datetime) -> Change:
    target, skipped = next_tier(route, alert.tier)
    if target is None:
        return Change(without_steps(alert, StepKind.ESCALATION))
    before = alert.tier
    alert = replacing(alert, step.model_copy(update={"tiers": (target,)}))
    alert = alert.model_copy(update={"state": "escalated", "tier": target})
    if target != TIERS[-1]:
        alert = with_step(alert, StepKind.ESCALATION, now + ack_within(terms, alert.severity, now))
    return Change(alert, (escalated_event(alert, before, skipped),))


def _promise_broken(alert: Alert, step: Step, route: Route, terms: Terms, now: datetime) -> Change:
    target, skipped = next_tier(route, alert.tier)
    before = alert.tier
    tiers = (before,) if target is None else (before, target)
    alert = replacing(alert, step.model_copy(update={"tiers": tiers}))
    alert = alert.model_copy(update={"state": "escalated", "tier": target or before, "sent": True})
    alert = with_duty_steps(alert, terms, now)
    broken = promise_broken_event(alert)
    return Change(alert, (broken,) if target is None else (broken, escalated_event(alert, before, skipped)))


def finished(
    alert: Alert, step_id: str, results: Sequence[Result], route: Route, terms: Terms, now: datetime, owner: str
) -> Change | None:
    """The alert after an attempt at a step: done, or due again for those not reached yet. None when nothing changes.

    A lease that was lost meanwhile leaves the step to its new owner; what was delivered counts all the same.
    """
    told = {result.tier for result in results if result.outcome == "delivered"} | set(alert.told)
    after = alert.model_copy(update={"told": tuple(tier for tier in TIERS if tier in told)})
    step = alert.step(step_id)
    if step is None or step.claimed_by != owner:
        return Change(_cleared_meanwhile(alert, after, now)) if after.told != alert.told else None
    again = [result for result in results if result.outcome == "again"]
    failed = tuple(result.contact for result in results if result.outcome == "failed")
    if again or failed:
        return Change(_tried_again(after, step, again, failed, now))
    return Change(_done(after, step, results, route, terms, now).model_copy(update={"changed_at": now}))


def _cleared_meanwhile(before: Alert, after: Alert, now: datetime) -> Alert:
    """Whoever was told of a hazard while it was cleared is told that as well."""
    late = tuple(tier for tier in after.told if tier not in before.told)
    return with_step(after, StepKind.CLEAR, now, late) if after.cleared and late else after


def _tried_again(alert: Alert, step: Step, again: Sequence[Result], failed: tuple[str, ...], now: datetime) -> Alert:
    waits = [result.retry_after or backoff(step.attempt + 1) for result in again]
    # With a contact given up the next one in line is told without delay.
    wait = timedelta(0) if failed else min(waits)
    return replacing(alert, _released(step, now + wait, given_up=(*step.given_up, *failed), attempt=step.attempt + 1))


def _released(step: Step, due: datetime, **update: object) -> Step:
    return step.model_copy(update={"due": due, "claimed_by": None, "lease_until": None, **update})


def _done(alert: Alert, step: Step, results: Sequence[Result], route: Route, terms: Terms, now: datetime) -> Alert:
    alert = alert.model_copy(update={"steps": tuple(other for other in alert.steps if other.id != step.id)})
    if not alert.calling:
        return alert
    alert = without_steps(alert, StepKind.REMINDER, StepKind.DIGEST)
    alert = with_duty_steps(alert, terms, now)
    reached = any(result.outcome == "delivered" for result in results)
    calls = step.kind in (StepKind.FIRST, StepKind.ESCALATION) and not step.only
    if calls and not reached and next_tier(route, alert.tier)[0] is not None:
        # Nobody could be reached at the answering tier: the next one is told now, not after the time to answer.
        steps = tuple(
            other.model_copy(update={"due": now}) if other.kind is StepKind.ESCALATION else other
            for other in alert.steps
        )
        alert = alert.model_copy(update={"steps": steps})
    return alert


def held(alert: Alert, step: Step, until: datetime) -> Change:
    """The step given back until a moment, without counting an attempt. The time to answer stands still meanwhile: no
    escalation overtakes a message that is held back.
    """
    # A digest that waits names anew what is due when it goes.
    note = "" if step.kind is StepKind.DIGEST else step.note
    alert = replacing(alert, _released(step, until, note=note))
    return Change(_later(alert, until - step.due, but=step.id))


def _later(alert: Alert, wait: timedelta, but: str) -> Alert:
    steps = tuple(
        other.model_copy(update={"due": other.due + wait}) if other.kind in _DUTY and other.id != but else other
        for other in alert.steps
    )
    return alert.model_copy(update={"steps": steps})


def unclaimed(step: Step) -> Step:
    """The step of a first claim as it was before: whom it tells is worked out when it goes."""
    return step.model_copy(update={"claimed_by": None, "lease_until": None, "claims": 0, "tiers": ()})


def postponed(alert: Alert, step: Step, until: datetime) -> Change:
    """A step that nobody has claimed, due later."""
    return Change(replacing(alert, _released(step, until)))


def dropped(alert: Alert, step: Step, terms: Terms, now: datetime) -> Change:
    """The step ended without a message; a reminder is set again while somebody has to answer."""
    alert = alert.model_copy(update={"steps": tuple(other for other in alert.steps if other.id != step.id)})
    return Change(with_duty_steps(alert, terms, now))


__all__ = [
    "ATTEMPTS",
    "LEASE",
    "Result",
    "claim",
    "dropped",
    "due_step",
    "finished",
    "held",
    "postponed",
    "unclaimed",
    "with_duty_steps",
]
