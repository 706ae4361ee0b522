"""From a due alert to a message recorded, in stages read top to bottom. Driven by the dispatcher."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import BaseModel

from services.notify.changing import Changing, patiently
from services.notify.ports import AlertFilter, AlertStore, Channel, Ledger, Message, Saving, Sent, SilenceStore
from services.notify.receivers import Receivers
from services.notify.rules import steps
from services.notify.rules.alert import Alert, Change, Step, StepKind, delivery_id
from services.notify.rules.deliveries import Attempt, Delivery, delivery_of, event_of, message_id
from services.notify.rules.routing import OPERATORS, Contact, Desk, Route, recipients
from services.notify.rules.sending import Decision, should_send
from services.notify.rules.snapshots import enveloped
from services.notify.rules.steps import ATTEMPTS, Result
from services.notify.rules.timing import Terms
from services.notify.rules.unreachable import channel_failing

SEND_SECONDS = 10.0
DIGEST_LENGTH = 200
UNROUTED_PAUSE = timedelta(seconds=5)


class Directory(Protocol):
    """Who is responsible for whom, and the terms of the moment."""

    def route(self, alert: Alert, now: datetime) -> Route:
        """The desks of an alert, lowest tier first; empty while its unit may still become known."""
        ...

    def route_of_unit(self, unit_id: str, now: datetime) -> Route:
        """The desks of a unit as far as they are known."""
        ...

    def terms(self) -> Terms: ...

    def unit_name(self, unit_id: str) -> dict[str, str]: ...


class Composer(Protocol):
    """Writes the message for one contact in its language."""

    def __call__(
        self, alert: Alert, step: Step, contact: Contact, id: str, now: datetime, also: Sequence[Alert] = ()
    ) -> Message:
        """`also`: further alerts that a digest names."""
        ...


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step leased to this replica, with the alert and the route as they were then."""

    alert: Alert
    step: Step
    route: Route
    also: tuple["Claimed", ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient's outcome, and the event that tells of the attempt (None: nothing was tried)."""

    result: Result
    event: BaseModel | None = None
    sent: Sent | None = None
    contact: Contact | None = None
    desk: Desk | None = None


class Stages:
    """Claim, decide, tell, record: the whole way of one step. `owner` is `instance/life`."""

    def __init__(
        self,
        alerts: AlertStore,
        ledger: Ledger,
        silences: SilenceStore,
        directory: Directory,
        channels: Mapping[str, Channel],
        compose: Composer,
        receivers: Receivers,
        now: Callable[[], datetime],
        owner: str,
        published: Callable[[], None] = lambda: None,
        attempted: Callable[[str, str], None] = lambda _channel, _outcome: None,
    ) -> None:
        self.alerts = alerts
        self._alerts = Changing(alerts, now, published)
        self.ledger = ledger
        self.silences = silences
        self.directory = directory
        self.channels = channels
        self.compose = compose
        self.receivers = receivers
        self.now = now
        self.owner = owner
        self.published = published
        self.attempted = attempted

    async def work(self, alert: Alert) -> None:
        """Takes the alert's due step as far as it goes now. Raises `Unavailable` when the store is away."""
        claimed = await self.claim(alert)
        if claimed is None:
            return
        decision = await self.decide(claimed)
        if not decision.send:
            await self.put_by(claimed, decision)
            return
        if claimed.step.kind is StepKind.DIGEST:
            claimed = replace(claimed, also=await self.gather(claimed))
        told = await self.tell(claimed)
        for other in claimed.also:
            await self.record(other, await self.note_in_digest(other, claimed, told))
        await self.record(claimed, told)

    async def gather(self, claimed: Claimed) -> tuple[Claimed, ...]:
        """The unit's other alerts whose repeats are due too: one digest names them all."""
        waiting = AlertFilter(unit_id=claimed.alert.unit_id, states=frozenset({"open", "escalated"}))
        found = []
        for alert in await self.alerts.find(waiting, DIGEST_LENGTH):
            due = [step.kind for step in alert.steps if step.due <= self.now()]
            if alert.id == claimed.alert.id or alert.tier != claimed.alert.tier or due != [StepKind.DIGEST]:
                continue
            other = await self.claim(alert)
            if other is None:
                continue
            decision = await self.decide(other)
            if decision.send:
                found.append(other)
            else:
                await self.put_by(other, decision)
        return tuple(found)

    async def note_in_digest(self, other: Claimed, leader: Claimed, told: Sequence[Told]) -> list[Told]:
        """Deliveries of an alert that a digest has named, under the digest's message id."""
        found = []
        for one in told:
            if one.sent is None or one.contact is None or one.desk is None:
                found.append(one)
                continue
            contact = one.contact
            id = delivery_id(leader.alert.id, leader.step.id, contact.authority_id, contact.id, contact.channel)
            found.append(await self._note(other, one.desk, contact, None, one.sent, message_id(str(id))))
        return found

    async def claim(self, alert: Alert) -> Claimed | None:
        """The due step under a lease; None when nothing is due, somebody else was faster, or nobody can be told yet."""
        now = self.now()
        instance, _, life = self.owner.rpartition("/")
        step = steps.due_step(alert, now, instance, life)
        if step is None:
            return None
        route = self.directory.route(alert, now)
        later = self._later(step, route, now)
        if later is not None:
            await self._alerts.save(alert, Change(_waiting(alert, step, later)))
            return None
        change = steps.claim(alert, step, route, self.directory.terms(), now, self.owner)
        stored = await self._alerts.save(alert, change)
        leased = stored.step(step.id) if stored else None
        return Claimed(stored, leased, route) if stored and leased else None

    async def decide(self, claimed: Claimed) -> Decision:
        """Should we send? Looks up what the one pure decision needs, and no more than that."""
        now, alert, step = self.now(), claimed.alert, claimed.step
        standing = await self.silences.silences(now)
        repeats = step.kind in (StepKind.REMINDER, StepKind.DIGEST)
        unit_alert = await self.alerts.unit_alert(alert.unit_id, alert.drill) if repeats else None
        return should_send(alert, step, standing, unit_alert, now)

    async def put_by(self, claimed: Claimed, decision: Decision) -> None:
        """The step held back until the decision's moment, or ended."""
        now, id = self.now(), claimed.step.id

        def change(alert: Alert) -> Change | None:
            if decision.until is not None:
                return steps.held(alert, id, decision.until, self.owner)
            return steps.dropped(alert, id, self.directory.terms(), now, self.owner)

        await self._alerts.change(claimed.alert, change)

    async def tell(self, claimed: Claimed) -> list[Told]:
        """Sends to every recipient that has not had this message yet, side by side."""
        step = claimed.step
        known = await self._known(claimed) if step.claims > 1 or step.attempt or step.only else {}
        desks = [desk for desk in claimed.route if desk.tier in step.tiers]
        wanted = [(desk, contact) for desk in desks for contact in recipients(desk, step.given_up)]
        if step.only:
            wanted = [(desk, contact) for desk, contact in wanted if contact.key in step.only]
        return list(await asyncio.gather(*(self._tell_one(claimed, desk, one, known) for desk, one in wanted)))

    async def record(self, claimed: Claimed, told: Sequence[Told]) -> None:
        """What follows from the attempt, and the events that tell of it, in one update of the alert."""
        results = [one.result for one in told]
        events = tuple(one.event for one in told if one.event is not None)

        def change(alert: Alert) -> Change | None:
            now, terms = self.now(), self.directory.terms()
            done = steps.finished(alert, claimed.step.id, results, claimed.route, terms, now, self.owner)
            if done is None:
                return Change(alert, events) if events else None
            return Change(done.alert, (*done.events, *events))

        await patiently(lambda: self._alerts.change(claimed.alert, change))

    def _later(self, step: Step, route: Route, now: datetime) -> datetime | None:
        """When to come back: nobody to tell is known yet, or every receiver has its share for now."""
        if not route:
            return now + UNROUTED_PAUSE
        desks = [desk for desk in route if not step.tiers or desk.tier in step.tiers]
        first = [contact for desk in desks[:1] for contact in recipients(desk, step.given_up)]
        waits = [self.receivers.backlog(contact) for contact in first]
        busy = [wait for wait in waits if wait is not None]
        return min(busy) if busy and len(busy) == len(waits) else None

    async def _known(self, claimed: Claimed) -> dict[str, Delivery]:
        found = await self.ledger.of_step(claimed.alert.id, claimed.step.id)
        return {delivery.id: delivery for delivery in found}

    async def _tell_one(self, claimed: Claimed, desk: Desk, contact: Contact, known: Mapping[str, Delivery]) -> Told:
        alert, step = claimed.alert, claimed.step
        id = str(delivery_id(alert.id, step.id, contact.authority_id, contact.id, contact.channel))
        before = known.get(id)
        if before is not None and before.state == "delivered" and not step.only:
            return Told(Result(desk.tier, contact.key, "delivered"))
        out_until = self.receivers.out_until(contact)
        if out_until is not None and not _last_resort(desk, contact, step):
            return await self._note(claimed, desk, contact, before, Sent("failed", "taken out: it keeps failing"))
        if out_until is not None:
            return Told(Result(desk.tier, contact.key, "again", out_until - self.now()))
        async with self.receivers.turn(contact):
            if not self._in_time(step):
                return Told(Result(desk.tier, contact.key, "again", timedelta(0)))
            also = [other.alert for other in claimed.also]
            sent = await self._send(alert, step, contact, id, also)
        return await self._note(claimed, desk, contact, before, sent)

    def _in_time(self, step: Step) -> bool:
        # Whoever sends must be done before the lease ends: after that the step may be somebody else's.
        return step.lease_until is not None and self.now() + timedelta(seconds=SEND_SECONDS) < step.lease_until

    async def _send(self, alert: Alert, step: Step, contact: Contact, id: str, also: Sequence[Alert]) -> Sent:
        channel = self.channels.get(contact.channel)
        if channel is None:
            return Sent("failed", f"no channel {contact.channel}")
        message = self.compose(alert, step, contact, id, self.now(), also)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await channel.send(contact, message)
        except TimeoutError:
            return Sent("again", f"no answer in {SEND_SECONDS:g} s")

    async def _note(
        self, claimed: Claimed, desk: Desk, contact: Contact, before: Delivery | None, sent: Sent, digest: str = ""
    ) -> Told:
        """Records the attempt before anything else is done with it. `digest`: the id of the message that named it."""
        alert, step, now = claimed.alert, claimed.step, self.now()
        tried = len(before.attempts) + 1 if before else 1
        outcome = "failed" if sent.outcome == "again" and tried >= ATTEMPTS else sent.outcome
        attempt = Attempt(at=now, outcome=outcome, detail=sent.detail)
        delivery = delivery_of(alert, step, desk, contact, before, attempt, digest)
        await patiently(lambda: self.ledger.record(delivery))
        self.attempted(contact.channel, outcome)
        if not digest and self.receivers.note(contact, outcome == "delivered"):
            await self._warn_operators(contact, sent.detail, alert)
        result = Result(desk.tier, contact.key, outcome, sent.retry_after)
        return Told(result, event_of(delivery, tried, now), sent, contact, desk)

    async def _warn_operators(self, contact: Contact, detail: str, cause: Alert) -> None:
        if contact.authority_id == OPERATORS:
            return
        now = self.now()
        change = channel_failing(contact.key, contact.channel, detail, cause, now)
        events = enveloped(change.alert, change.events, now)
        await patiently(lambda: self.alerts.insert([Saving(change.alert, 0, events)]))
        self.published()


def _waiting(alert: Alert, step: Step, until: datetime) -> Alert:
    waiting = step.model_copy(update={"due": until, "claimed_by": None, "lease_until": None})
    return alert.model_copy(update={"steps": tuple(waiting if other.id == step.id else other for other in alert.steps)})


def _last_resort(desk: Desk, contact: Contact, step: Step) -> bool:
    """Nobody else at this desk could take the message."""
    return not any(other.key != contact.key and other.key not in step.given_up for other in desk.contacts)
