"""The whole of intake's log once more, from its store alone: for a broker that has lost it. Called through wiring.

Submissions carry the bytes and ids they had; what follows from the registry and the passing of days is computed anew
and has the ids it had. The order is that of acceptance, which is the order of the first time but for records within
the same quarter of a second.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from services.intake.envelopes import SOURCE
from services.intake.envelopes import record_of as submission_record
from services.intake.ports import RegistryStore, SubmissionStore
from services.intake.rules.announcing import Announcement, Change, announced, day_started, days_due, registry_event
from services.intake.stores.accepted import Accepted, MongoAccepted
from shared.bus import Publisher, Record, record_of
from shared.events.envelope import make
from shared.registry import Registry

PAGE = 500


class Days:
    """Starts days as time passes over the log, for the units that had them, up to the last day each one had."""

    def __init__(self, last: Mapping[str, date], zone: ZoneInfo) -> None:
        self._last = last
        self._zone = zone
        self._started: dict[str, date] = {}
        self._today: date | None = None

    def until(self, moment: datetime, registry: Registry, changed: bool) -> Iterator[Announcement]:
        """The days that begin by then. `changed`: the registry has, so units may have come."""
        today = moment.astimezone(self._zone).date()
        if changed or self._today is None or today > self._today:
            self._today = max(today, self._today or today)
            yield from self._start(self._today, registry)

    def rest(self, registry: Registry) -> Iterator[Announcement]:
        """The days after the last record."""
        if self._last:
            yield from self._start(max(self._last.values()), registry)

    def _start(self, today: date, registry: Registry) -> Iterator[Announcement]:
        enrolled = {enrolment["unit_id"] for enrolment in registry.all("enrolments").values()}
        for unit in sorted((enrolled | self._started.keys()) & registry.all("units").keys() & self._last.keys()):
            for day in days_due(self._started.get(unit), min(today, self._last[unit])):
                self._started[unit] = day
                yield day_started(unit, day, self._zone)


class Log:
    """Merges changes, submissions and days. `fetch` gives the submissions' records by id."""

    def __init__(self, changes: Sequence[Change], last_days: Mapping[str, date], zone: ZoneInfo) -> None:
        self._changes = list(changes)
        self._next = 0
        self._zone = zone
        self._registry = Registry()
        self._days = Days(last_days, zone)

    def before(self, each: Accepted) -> Iterator[Record]:
        """What stands on the log before a submission: the changes it rests on, those made by then, and the days."""
        yield from self._announce(lambda change: change.revision <= each.after_revision or change.at <= each.at)
        yield from _records(self._days.until(each.at, self._registry, changed=False))

    def rest(self) -> Iterator[Record]:
        """What stands after the last submission."""
        yield from self._announce(lambda _: True)
        yield from _records(self._days.rest(self._registry))

    def _announce(self, due: Callable[[Change], bool]) -> Iterator[Record]:
        while self._next < len(self._changes) and due(self._changes[self._next]):
            change = self._changes[self._next]
            self._next += 1
            yield from _records(self._days.until(change.at, self._registry, changed=False))
            yield from _records(announced(change, self._registry, self._zone))
            self._registry.apply(registry_event(change))
            changed = change.kind in ("enrolments", "units")
            yield from _records(self._days.until(change.at, self._registry, changed=changed))


class Republishing:
    """Puts the whole log on an empty broker; safe to repeat, as consumers know each record by its id."""

    def __init__(
        self,
        accepted: MongoAccepted,
        submissions: SubmissionStore,
        changes: RegistryStore,
        publisher: Publisher,
        zone: ZoneInfo,
    ) -> None:
        self._accepted = accepted
        self._submissions = submissions
        self._changes = changes
        self._publisher = publisher
        self._zone = zone

    async def run(self) -> int:
        """Publishes, then notes that nothing waits; answers how many records there are. Raises `Unavailable`."""
        await self._publisher.start()
        try:
            count, page = 0, list[Record]()
            async for record in self._log():
                page.append(record)
                if len(page) == PAGE:
                    await self._publisher.publish(page)
                    count, page = count + PAGE, []
            await self._publisher.publish(page)
        finally:
            await self._publisher.stop()
        if changes := await self._all_changes():
            await self._changes.announced(changes[-1].revision)
        await self._accepted.all_published()
        return count + len(page)

    async def _log(self) -> AsyncIterator[Record]:
        log = Log(await self._all_changes(), await self._changes.days(), self._zone)
        order = await self._accepted.in_order()
        for start in range(0, len(order), PAGE):
            page = order[start : start + PAGE]
            found = await self._submissions.existing([each.id for each in page])
            for each in page:
                for record in log.before(each):
                    yield record
                yield submission_record(found[each.id])
        for record in log.rest():
            yield record

    async def _all_changes(self) -> list[Change]:
        found: list[Change] = []
        while more := await self._changes.after(len(found), PAGE):
            found += more
        return found


def _records(found: Iterable[Announcement]) -> Iterator[Record]:
    return map(_record, found)


def _record(found: Announcement) -> Record:
    named = {"id": found.id, "source": SOURCE, "subject": found.subject, "time": found.time, "key": found.key}
    return record_of(make(found.data, **named, correlation_id=found.correlation_id))  # type: ignore[arg-type]
