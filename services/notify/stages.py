"""From a due alert to a message recorded, in stages read top to bottom. Driven by the dispatcher."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import BaseModel

from services.notify.changing import Changing, patiently
from services.notify.claiming import Claimed, Claims
from services.notify.failing import FailingContacts
from services.notify.ports import (
    AlertStore,
    Channel,
    Composer,
    Directory,
    Ledger,
    Sent,
    SilenceStore,
)
from services.notify.receivers import Receivers
from services.notify.rules import digests, steps
from services.notify.rules.alert import Alert, Change, Step, StepKind, delivery_id
from services.notify.rules.deliveries import Attempt, Delivery, delivery_of, event_of, message_id
from services.notify.rules.routing import Contact, Desk, recipients
from services.notify.rules.silences import Silence
from services.notify.rules.steps import ATTEMPTS, Result
from services.notify.timely import SEND_SECONDS, send_in_time
from services.notify.together import Together

CLAIMS_IN_A_ROW = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One recipient's outcome, and the event that tells of the attempt (None: nothing was tried)."""

    result: Result
    event: BaseModel | None = None
    sent: Sent | None = None
    contact: Contact | None = None
    desk: Desk | None = None


class Stages:
    """Claim, tell, record: the whole way of one step. `owner` is `instance/life`. `behind` is held by whatever is
    written once a message has left, by the relay too: several such writes side by side would slow the insert or the
    claim that the next message waits for.
    """

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
        behind: asyncio.Lock,
        published: Callable[[], None] = lambda: None,
        attempted: Callable[[str, str], None] = lambda _channel, _outcome: None,
    ) -> None:
        self.alerts = alerts
        self._alerts = Changing(alerts, now, published, behind)
        self.claims = Claims(alerts, self._alerts, silences, directory, receivers, now, owner)
        self._failing = FailingContacts(self._alerts, receivers, now)
        self.ledger = ledger
        self.directory = directory
        self.channels = channels
        self.compose = compose
        self.receivers = receivers
        self.now = now
        self.owner = owner
        self.attempted = attempted
        self._record = Together(self._record_each, behind)

    async def work(self, alert: Alert, done: Callable[[], None]) -> None:
        """Takes the alert's due step as far as it goes now; `done`: its messages are away and recorded. Raises
        `Unavailable` when the store is away.
        """
        claimed = await self.claims.claim(alert)
        if claimed is not None:
            await self.send(claimed, done)

    async def send_first(self, claimed: Claimed, silences: Sequence[Silence], done: Callable[[], None]) -> None:
        """From an insert that was the claim; `silences` are those standing then. Raises `Unavailable`."""
        if not await self.claims.given_back(claimed, silences):
            await self.send(claimed, done)

    async def send(self, claimed: Claimed, done: Callable[[], None]) -> None:
        """From a claim on. Raises `Unavailable` when the store is away."""
        if claimed.step.kind is StepKind.DIGEST:
            claimed = replace(claimed, also=await self.gather(claimed))
        told = await self.tell(claimed)
        done()
        for other in claimed.also:
            await self.record(other, await self.note_in_digest(other, claimed, told))
        await self.record(claimed, told)

    async def gather(self, claimed: Claimed) -> tuple[Claimed, ...]:
        """The unit's other alerts that this digest names: all that are due, or those it named before."""
        found = []
        for alert in digests.members(claimed.alert, claimed.step, await self.claims.others(claimed.alert), self.now()):
            other = await self._claim_member(alert, claimed)
            if other is not None:
                found.append(other)
        return tuple(found)

    async def _claim_member(self, alert: Alert, leader: Claimed) -> Claimed | None:
        # One that somebody changes meanwhile is still named by this digest, or it would be told under another id.
        for _ in range(CLAIMS_IN_A_ROW):
            claimed = await self.claims.claim(alert, leader.step)
            found = (await self.alerts.get([alert.id])).get(alert.id) if claimed is None else None
            if found is None or found.version == alert.version:
                return claimed
            alert = found
        return None

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

    async def _record_each(self, deliveries: Sequence[Delivery]) -> Sequence[None]:
        await self.ledger.record_all(deliveries)
        return [None] * len(deliveries)

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

    async def _known(self, claimed: Claimed) -> dict[str, Delivery]:
        found = await self.ledger.of_step(claimed.alert.id, claimed.step.id)
        return {delivery.id: delivery for delivery in found}

    async def _tell_one(self, claimed: Claimed, desk: Desk, contact: Contact, known: Mapping[str, Delivery]) -> Told:
        alert, step = claimed.alert, claimed.step
        id = str(delivery_id(alert.id, step.id, contact.authority_id, contact.id, contact.channel))
        before = known.get(id)
        if before is not None and before.state == "delivered" and not step.only:
            # Its sender may have died before it told of it: the event has the same id again.
            event, last = event_of(before, len(before.attempts), self.now()), before.attempts[-1].detail
            return Told(Result(desk.tier, contact.key, "delivered"), event, Sent("delivered", last), contact, desk)
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
        told = await self._note(claimed, desk, contact, before, sent)
        self.attempted(contact.channel, told.result.outcome)
        await self._failing.note(contact, told.result.outcome == "delivered", sent.detail, alert)
        return told

    def _in_time(self, step: Step) -> bool:
        # Whoever sends must be done before the lease ends: after that the step may be somebody else's.
        return step.lease_until is not None and self.now() + timedelta(seconds=SEND_SECONDS) < step.lease_until

    async def _send(self, alert: Alert, step: Step, contact: Contact, id: str, also: Sequence[Alert]) -> Sent:
        message = self.compose(alert, step, contact, id, self.now(), also)
        return await send_in_time(self.channels.get(contact.channel), contact, message)

    async def _note(
        self, claimed: Claimed, desk: Desk, contact: Contact, before: Delivery | None, sent: Sent, digest: str = ""
    ) -> Told:
        """Records the attempt before anything else is done with it. `digest`: the id of the message that named it."""
        alert, step, now = claimed.alert, claimed.step, self.now()
        tried = len(before.attempts) + 1 if before else 1
        outcome = "failed" if sent.outcome == "again" and tried >= ATTEMPTS else sent.outcome
        attempt = Attempt(at=now, outcome=outcome, detail=sent.detail)
        delivery = delivery_of(alert, step, desk, contact, before, attempt, digest)
        await patiently(lambda: self._record(delivery))
        result = Result(desk.tier, contact.key, outcome, sent.retry_after)
        return Told(result, event_of(delivery, tried, now), sent, contact, desk)


def _last_resort(desk: Desk, contact: Contact, step: Step) -> bool:
    """Nobody else at this desk could take the message."""
    return not any(other.key != contact.key and other.key not in step.given_up for other in desk.contacts)
