"""Rebuilds an empty store from `alerts.v1`, with sending off, then looks through `hazards.v1` for what is not there.
Run by the service before anything else, once per store.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from services.notify.handlers import Handlers
from services.notify.ports import AlertStore, Directory, Ledger, Saving, SilenceStore
from services.notify.rules.rebuilt import delivery_after, rebuilt, silence_after
from shared.bus import Consumer, Delivery
from shared.errors import Rejected
from shared.events.alerts import AlertAcknowledged, AlertDelivered, AlertSnapshot, DeliveryData, SilencePut
from shared.events.envelope import Event

BATCH = 500
Decoded = tuple[Delivery, Event]
Place = tuple[str, int]
S = TypeVar("S", bound=AlertSnapshot)


class Rebuilding:
    """`alerts_log` and `hazards_log` make consumers that read everything from the beginning and commit nothing."""

    def __init__(
        self,
        alerts: AlertStore,
        ledger: Ledger,
        silences: SilenceStore,
        handlers: Handlers,
        directory: Directory,
        now: Callable[[], datetime],
    ) -> None:
        self._alerts = alerts
        self._ledger = ledger
        self._silences = silences
        self._handlers = handlers
        self._directory = directory
        self._now = now

    async def run(self, alerts_log: Consumer, hazards_log: Consumer) -> int:
        """How many alerts the log had. Raises `Unavailable`; safe to repeat."""
        latest: dict[str, AlertSnapshot] = {}
        answers: dict[str, AlertAcknowledged] = {}
        told: dict[str, set[str]] = defaultdict(set)
        async for batch in whole(alerts_log):
            events = [event for _, event in batch]
            for event in events:
                if isinstance(event.data, AlertSnapshot):
                    _keep_newer(latest, event.subject, event.data)
                if isinstance(event.data, AlertAcknowledged):
                    _keep_newer(answers, event.subject, event.data)
                elif isinstance(event.data, AlertDelivered):
                    told[event.subject].add(event.data.tier)
            await self._ledger.append([event for event in events if not isinstance(event.data, SilencePut)])
            await self._keep(events)
        await self._store(list(latest.values()), answers, told)
        async for batch in whole(hazards_log):
            await self._handlers.on_hazards(batch)
        return len(latest)

    async def _store(
        self, snapshots: Sequence[AlertSnapshot], answers: Mapping[str, AlertAcknowledged], told: Mapping[str, set[str]]
    ) -> None:
        now, terms = self._now(), self._directory.terms()
        for start in range(0, len(snapshots), BATCH):
            found: list[Saving] = []
            for snapshot in snapshots[start : start + BATCH]:
                id = str(snapshot.alert_id)
                alert = rebuilt(snapshot, answers.get(id), frozenset(told.get(id, ())), terms, now)
                found.append(Saving(alert, 0))
            await self._alerts.insert(found)

    async def _keep(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event.data, DeliveryData):
                id = str(event.data.delivery_id)
                await self._ledger.record(delivery_after(await self._ledger.delivery(id), event.data))
            elif isinstance(event.data, SilencePut):
                known = await self._silences.silence(event.data.silence_id)
                await self._silences.put(silence_after(known, event.data), ())


async def whole(log: Consumer) -> AsyncGenerator[Sequence[Decoded]]:
    """Everything a topic holds now, in batches; what is no event has been put away by whoever read it first."""
    await log.start()
    try:
        ends = await log.end_offsets()
        while _short_of(await log.position(), ends):
            yield [found for delivery in await log.poll(BATCH, 0.5) if (found := _decoded(delivery)) is not None]
    finally:
        await log.stop()


def _keep_newer(known: dict[str, S], subject: str, found: S) -> None:
    if subject not in known or known[subject].version <= found.version:
        known[subject] = found


def _short_of(position: Mapping[Place, int], ends: Mapping[Place, int]) -> bool:
    return any(position.get(place, 0) < end for place, end in ends.items())


def _decoded(delivery: Delivery) -> Decoded | None:
    try:
        return delivery, delivery.event()
    except Rejected:
        return None
