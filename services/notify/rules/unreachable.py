"""Contacts that keep failing: when one is taken out, for how long, and the alert that tells the operators."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notify.rules.alert import Alert, Change, StepKind, with_step
from services.notify.rules.snapshots import closed_event, opened_event, reopened_event
from services.notify.rules.wording import headline
from shared.events.base import name_id

FAILURES_IN_A_ROW = 5
OUT_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contact has fared: failures in a row, and until when it is out (None: in use)."""

    failures: int = 0
    out_until: datetime | None = None

    def out(self, now: datetime) -> bool:
        # A clock that jumped back keeps nobody out for longer.
        return self.out_until is not None and now < self.out_until <= now + OUT_FOR


def after_attempt(standing: Standing, delivered: bool, now: datetime) -> Standing:
    """Success puts a contact back; every failure from the fifth in a row on takes it out for five minutes (ours)."""
    if delivered:
        return Standing()
    failures = standing.failures + 1
    return Standing(failures, now + OUT_FOR if failures >= FAILURES_IN_A_ROW else None)


def channel_failing(contact: str, channel: str, detail: str, cause: Alert, now: datetime) -> Change:
    """The operators' alert about a contact (`authority/contact`), the same one every time. Only operators are told."""
    name = {"zh": contact, "en": contact}
    alert = Alert(
        id=str(name_id("channel_failing", contact)),
        unit_id=cause.unit_id,
        kind="channel_failing",
        policy_key="channel_failing",
        subject=contact,
        headline=headline("channel_failing", "channel_failing", name, False),
        facts={"contact": contact, "channel": channel, "error": detail, "first_alert": cause.id},
        condition=True,
        audience="operators",
        severity="severe",
        tier="national",
        opened_at=now,
        changed_at=now,
        position=cause.position,
    )
    return Change(with_step(alert, StepKind.FIRST, now), (opened_event(alert, ()),))


def failing_again(alert: Alert, now: datetime) -> Change | None:
    """The alert of a contact that has been taken out once more: open again, unless it still is."""
    if alert.state != "closed":
        return None
    update = {"state": "open", "cleared": False, "answer": None, "changed_at": now}
    again = with_step(alert.model_copy(update=update), StepKind.FIRST, now)
    return Change(again, (reopened_event(again, "notify", "failing_again"),))


def channel_back(alert: Alert, now: datetime) -> Change | None:
    """The alert of a contact that takes messages again: closed, and the operators are told."""
    if alert.state == "closed":
        return None
    update = {"state": "closed", "cleared": True, "steps": (), "changed_at": now}
    done = alert.model_copy(update=update)
    after = with_step(done, StepKind.CLEAR, now, done.told) if done.told else done
    return Change(after, (closed_event(after, None, "channel_back"),))
