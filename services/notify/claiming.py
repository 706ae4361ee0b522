"""From a due alert to a step leased to this replica, put off, or ended. Used by the stages, and by opening for new
alerts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notify.changing import Changing
from services.notify.ports import AlertFilter, AlertStore, Directory, SilenceStore
from services.notify.receivers import Receivers
from services.notify.rules import digests, steps
from services.notify.rules.alert import Alert, Change, Step, StepKind
from services.notify.rules.routing import Route, recipients
from services.notify.rules.sending import Decision, should_send
from services.notify.rules.silences import Silence
from services.notify.together import Together

DIGEST_LENGTH = 200
UNROUTED_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step leased to this replica, with the alert and the route as they were then."""

    alert: Alert
    step: Step
    route: Route
    also: tuple["Claimed", ...] = ()


@dataclass(frozen=True, slots=True)
class Next:
    """What a due step makes of its alert: leased (`leased` is its id), put off, or ended without a message."""

    change: Change
    route: Route = ()
    leased: str | None = None

    def claimed(self, stored: Alert) -> Claimed | None:
        """To be sent, now that the alert is stored; None when the step waits or has ended."""
        step = stored.step(self.leased) if self.leased else None
        return Claimed(stored, step, self.route) if step else None


class Claims:
    """What the due step of an alert makes of it, and its storing. `owner` is `instance/life`."""

    def __init__(
        self,
        alerts: AlertStore,
        changing: Changing,
        silences: SilenceStore,
        directory: Directory,
        receivers: Receivers,
        now: Callable[[], datetime],
        owner: str,
    ) -> None:
        self._alerts = alerts
        self._changing = changing
        self._silences = silences
        self._directory = directory
        self._receivers = receivers
        self._now = now
        self._owner = owner
        self._instance, _, self._life = owner.rpartition("/")
        self._standing = Together(self._silences_for_each)

    def due_step(self, alert: Alert, now: datetime) -> Step | None:
        """The step that this replica, in this life, may claim now."""
        return steps.due_step(alert, now, self._instance, self._life)

    async def claim(self, alert: Alert, digest: Step | None = None) -> Claimed | None:
        """The due step under a lease; None when nothing is due, somebody else was faster, or it has to wait or end.

        `digest`: the leading step of the digest that is to name this alert; both leases end together.
        """
        found = await self._next(alert, digest)
        stored = await self._changing.claim(alert, found.change) if found else None
        return found.claimed(stored) if found and stored else None

    def first(self, alert: Alert) -> Next | None:
        """What the due step makes of a new alert; None when it has none. Not stored yet, and silences not asked."""
        now = self._now()
        step = self.due_step(alert, now)
        return self._leased(alert, step, now) if step else None

    def just_opened(self, alert: Alert) -> bool:
        """Whether this replica, in this life, has stored it already claimed, and nothing has happened to it since."""
        return alert.version == 1 and any(step.claimed_by == self._owner for step in alert.steps)

    async def given_back(self, claimed: Claimed, silences: Sequence[Silence]) -> bool:
        """Whether a first step, claimed before silences were asked, is silenced: then it waits as if never claimed."""

        def silenced(alert: Alert) -> Change | None:
            step = alert.step(claimed.step.id)
            if step is None or step.claimed_by != self._owner:
                return None
            decision = should_send(alert, step, silences, None, self._now())
            return None if decision.send else self._put_by(alert, steps.unclaimed(step), decision)

        if silenced(claimed.alert) is None:
            return False
        await self._changing.change(claimed.alert, silenced)
        return True

    async def others(self, alert: Alert) -> list[Alert]:
        """Alerts of the same unit that nobody has answered."""
        waiting = AlertFilter(unit_id=alert.unit_id, states=frozenset({"open", "escalated"}))
        return [found for found in await self._alerts.find(waiting, DIGEST_LENGTH) if found.id != alert.id]

    async def _next(self, alert: Alert, digest: Step | None) -> Next | None:
        now = self._now()
        step = self.due_step(alert, now)
        if step is None or (digest is not None and step.kind is not StepKind.DIGEST):
            return None
        if step.kind is StepKind.DIGEST:
            if digest is None and not digests.leads(alert, step, await self.others(alert), now):
                return None
            step = digests.named(alert, step, digest)
        found = self._leased(alert, step, now, digest)
        decision = await self._decide(alert, step) if found.leased else None
        return Next(self._put_by(alert, step, decision)) if decision and not decision.send else found

    def _leased(self, alert: Alert, step: Step, now: datetime, digest: Step | None = None) -> Next:
        """Leased, or put off when it cannot be sent now."""
        route = self._directory.route(alert, now)
        later = self._later(step, route, now) if digest is None else None
        if later is not None:
            return Next(steps.postponed(alert, step, later))
        until = digest.lease_until if digest else None
        change = steps.claim(alert, step, route, self._directory.terms(), now, self._owner, until)
        return Next(change, route, step.id)

    def _later(self, step: Step, route: Route, now: datetime) -> datetime | None:
        """When to come back: nobody to tell is known yet, or every receiver has its share for now."""
        if not route:
            return now + UNROUTED_PAUSE
        desks = [desk for desk in route if not step.tiers or desk.tier in step.tiers]
        first = [contact for desk in desks[:1] for contact in recipients(desk, step.given_up)]
        waits = [self._receivers.backlog(contact) for contact in first]
        busy = [wait for wait in waits if wait is not None]
        return min(busy) if busy and len(busy) == len(waits) else None

    async def _decide(self, alert: Alert, step: Step) -> Decision:
        """Should we send? Looks up what the one pure decision needs, and no more than that."""
        now = self._now()
        standing = await self._standing(now)
        repeats = step.kind in (StepKind.REMINDER, StepKind.DIGEST)
        unit_alert = await self._alerts.unit_alert(alert.unit_id, alert.drill) if repeats else None
        return should_send(alert, step, standing, unit_alert, now)

    def _put_by(self, alert: Alert, step: Step, decision: Decision) -> Change:
        """The step held back until the decision's moment, or ended."""
        if decision.until is not None:
            return steps.held(alert, step, decision.until)
        return steps.dropped(alert, step, self._directory.terms(), self._now())

    async def _silences_for_each(self, asked: Sequence[datetime]) -> list[list[Silence]]:
        standing = await self._silences.silences(min(asked))
        return [standing] * len(asked)
