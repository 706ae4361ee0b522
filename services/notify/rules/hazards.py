"""What a hazard makes of its alert: opened, changed, risen, cleared. Called by the handlers."""

from datetime import datetime

from services.notify.rules.alert import Alert, Change, StepKind, rises, with_step, without_steps
from services.notify.rules.routing import Route, tier_at_or_above
from services.notify.rules.snapshots import closed_event, opened_event, reopened_event, updated_event
from services.notify.rules.statutory import with_statutory_clocks
from services.notify.rules.steps import with_duty_steps
from services.notify.rules.timing import OLD_AFTER, Terms, default_promise, severity_of
from services.notify.rules.wording import headline
from shared.events.base import LogPosition
from shared.events.hazards import HazardCleared, HazardRaised


def is_newer(known: LogPosition, found: LogPosition) -> bool:
    """Whether a hazard event comes after the one the alert has; one unit's causes lie on one partition."""
    return found.offset > known.offset if found.partition == known.partition else True


def opened(
    hazard: HazardRaised,
    unit_name: dict[str, str],
    route: Route,
    terms: Terms,
    now: datetime,
    correlation_id: str | None = None,
) -> Change:
    """The alert of a hazard, with its first steps. A cause older than 24 h is recorded and not sent (backfill)."""
    tier, skipped = tier_at_or_above(route, "county")
    severity = severity_of(terms.policy, hazard.policy_key)
    alert = Alert(
        id=str(hazard.hazard_id),
        unit_id=hazard.unit_id,
        enterprise_id=hazard.enterprise_id,
        kind=hazard.kind,
        policy_key=hazard.policy_key,
        subject=hazard.subject,
        episode=hazard.episode,
        round_id=hazard.round_id,
        headline=headline(hazard.kind, hazard.policy_key, unit_name, hazard.drill),
        facts=hazard.facts,
        condition=hazard.condition,
        drill=hazard.drill,
        severity=severity,
        tier=tier or "county",
        sent=now - hazard.caused_at <= OLD_AFTER,
        opened_at=now,
        changed_at=now,
        position=hazard.log_position,
        correlation_id=correlation_id,
    )
    if alert.sent:
        alert = with_statutory_clocks(with_step(alert, StepKind.FIRST, now), terms, hazard.caused_at, now)
        alert = with_duty_steps(alert, terms, now)
    return Change(alert, (opened_event(alert, skipped if tier else ()),))


def updated(alert: Alert, hazard: HazardRaised, unit_name: dict[str, str], terms: Terms, now: datetime) -> Change:
    """Severity or facts as the hazard now states them; a rise is told at once, and opens a closed alert again."""
    severity = severity_of(terms.policy, hazard.policy_key)
    rose = rises(alert.severity, severity)
    after = alert.model_copy(
        update={
            "severity": severity,
            "policy_key": hazard.policy_key,
            "kind": hazard.kind,
            "facts": hazard.facts,
            "headline": headline(hazard.kind, hazard.policy_key, unit_name, hazard.drill),
            "position": hazard.log_position,
            "changed_at": now,
        }
    )
    if alert.state == "closed":
        return _stands_again(after, rose, terms, now)
    if rose and now - hazard.caused_at <= OLD_AFTER:
        after = _risen(after, terms, now)
    return Change(after, (updated_event(after, rose),))


def _risen(alert: Alert, terms: Terms, now: datetime) -> Alert:
    """One message about the rise. Unanswered: shorter timers begin now. Answered: the promise may only get nearer."""
    alert = with_step(alert.model_copy(update={"sent": True}), StepKind.RISE, now)
    if not alert.answered:
        return with_duty_steps(
            without_steps(alert, StepKind.ESCALATION, StepKind.REMINDER, StepKind.DIGEST), terms, now
        )
    promise = min(alert.promise_by or now, default_promise(terms, alert.severity, now))
    alert = without_steps(alert.model_copy(update={"promise_by": promise}), StepKind.PROMISE)
    return with_step(alert, StepKind.PROMISE, promise)


def _stands_again(alert: Alert, rose: bool, terms: Terms, now: datetime) -> Change:
    # A condition closes on its acknowledgement and returns only when it gets worse; a cleared hazard returns whenever
    # it is stated again; one that somebody closed by hand stays closed unless it rises.
    if not (rose or alert.cleared):
        return Change(alert, (updated_event(alert, rose),))
    reason = "worse" if rose else "hazard_stands_again"
    return reopened_by("hazard", reason, alert, terms, now)


def reopened_by(by: str, reason: str, alert: Alert, terms: Terms, now: datetime) -> Change:
    """The alert open again, calling from its tier on with fresh timers."""
    alert = alert.model_copy(
        update={
            "state": "open",
            "cleared": False,
            "answer": None,
            "promise_by": None,
            "steps": (),
            "sent": True,
            "changed_at": now,
        }
    )
    alert = with_duty_steps(with_step(alert, StepKind.FIRST, now), terms, now)
    return Change(alert, (reopened_event(alert, by, reason),))


def cleared(alert: Alert, hazard: HazardCleared, now: datetime) -> Change:
    """The hazard stands no more: every pending step ends, and whoever was told is told so."""
    was_closed = alert.state == "closed"
    update = {"state": "closed", "cleared": True, "steps": (), "position": hazard.log_position, "changed_at": now}
    after = alert.model_copy(update=update)
    if was_closed:
        return Change(after)
    if after.told:
        after = with_step(after, StepKind.CLEAR, now, after.told)
    return Change(after, (closed_event(after, None, hazard.reason),))
