"""The loop around a consumer: decode, handle, publish, dead-letter, and the commit as the last step, which runs beside
the next batch. Every service reads its topics through `Consuming`; retry is inside, dead letters are outside.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from shared.bus import Consumer, Delivery, Publisher, Record, record_of
from shared.clock import Clock, real
from shared.errors import Rejected, Unavailable
from shared.events.envelope import Event
from shared.health import Health
from shared.telemetry import Metrics, bound, lag_gauge, log
from shared.topics import DEAD_LETTERS

Decoded = tuple[Delivery, Event]
BatchHandler = Callable[[Sequence[Decoded]], Awaitable[Sequence[Event]]]
T = TypeVar("T")

DETAIL_LIMIT = 2000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
TROUBLE_AFTER_S = 3.0


class TooManyRejected(Exception):
    """So many records in a row were rejected that the fault is ours: nothing of the batch was committed."""


class _Stopping(Exception):
    """`stop` was asked for while something was being retried."""


class Consuming:
    """Runs `handle` over what `consumer` reads. `handle` gets decoded events in order per partition, must be
    idempotent, and returns the events to publish.

    `Rejected` by decoding or `handle` becomes a dead letter; from a batch, its events are handled one by one to find
    which. `Unavailable` is retried in place, for `stop_after_s` at most. `failures_in_a_row` rejected records raise
    `TooManyRejected`. Anything raised ends `run` uncommitted. `now` must be the clock that stamps records, the
    machine's, whatever clock the service goes by.
    """

    def __init__(
        self,
        name: str,
        consumer: Consumer,
        publisher: Publisher,
        handle: BatchHandler,
        *,
        metrics: Metrics,
        health: Health,
        max_records: int = 500,
        failures_in_a_row: int = 100,
        stop_after_s: float = 900.0,
        poll_s: float = 0.2,
        now: Clock = real,
    ) -> None:
        self._name = name
        self._consumer = consumer
        self._publisher = publisher
        self._handle = handle
        self._max_records = max_records
        self._failures_allowed = failures_in_a_row
        self._stop_after_s = stop_after_s
        self._poll_s = poll_s
        self._now = now
        self._stopping = asyncio.Event()
        self._failures = 0
        self._timestamp_ms: int | None = None
        self._trouble: tuple[float, str] | None = None
        self._commit: asyncio.Task[None] | None = None
        self._log = log(f"consume.{name}")
        self.caught_up = False
        self.caught_up_once = False
        self.positions: dict[tuple[str, int], int] = {}
        self._declare(metrics)
        health.add(f"consumer {name}", self.check)

    async def run(self) -> None:
        """Until `stop`, `TooManyRejected`, or a bug."""
        await self._consumer.start()
        try:
            await self._steps()
        finally:
            await self._consumer.stop()

    async def stop(self) -> None:
        """`run` returns after the batch under way, or at once while it retries."""
        self._stopping.set()

    async def check(self) -> str | None:
        """For health: what has been retried for a while, or None."""
        if self._trouble is None or time.monotonic() - self._trouble[0] < TROUBLE_AFTER_S:
            return None
        return self._trouble[1]

    @property
    def lag_seconds(self) -> float:
        """0 when caught up, else the age of the first record read and not handled, or of the last one handled."""
        if self.caught_up or self._timestamp_ms is None:
            return 0.0
        return max(0.0, self._now().timestamp() - self._timestamp_ms / 1000)

    async def _steps(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._step()
        except _Stopping:
            pass
        except BaseException:
            self._stopping.set()
            raise
        finally:
            # What was done is committed, whatever became of what came behind it; now without patience.
            with contextlib.suppress(_Stopping):
                await self._committed()

    async def _step(self) -> None:
        deliveries = await self._patiently(lambda: self._consumer.poll(self._max_records, self._poll_s))
        if deliveries:
            await self._take(deliveries)
            return
        await self._committed()
        if not self.caught_up:
            self.caught_up = await self._patiently(self._at_the_end)
            self.caught_up_once |= self.caught_up

    async def _take(self, deliveries: Sequence[Delivery]) -> None:
        self.caught_up = False
        self._timestamp_ms = deliveries[0].timestamp_ms  # the last one handled may be hours old
        with self._seconds.time():
            rejected = await self._work(deliveries)
            dead = [dead_letter(delivery, why, self._name) for delivery, why in rejected]
            await self._patiently(lambda: self._publisher.publish(dead))
            self._note(deliveries, rejected)
            positions = _after(deliveries)
            self.positions.update(positions)
        await self._committed()
        commit = self._patiently(lambda: self._consumer.commit(positions))
        self._commit = asyncio.create_task(commit, name=f"commit {self._name}")

    async def _committed(self) -> None:
        """The commit of the last batch is made, or what it raised is raised here: one batch at most is done and not
        committed while the next is handled.
        """
        commit, self._commit = self._commit, None
        if commit is not None:
            await commit

    async def _work(self, deliveries: Sequence[Delivery]) -> list[tuple[Delivery, Rejected]]:
        decoded, unreadable = _decode(deliveries)
        rejected = unreadable + (await self._attempt(decoded) if decoded else [])
        self._count_in_a_row(deliveries, {_where(delivery) for delivery, _ in rejected})
        return rejected

    async def _attempt(self, batch: Sequence[Decoded]) -> list[tuple[Delivery, Rejected]]:
        try:
            await self._handle_and_publish(batch)
        except Rejected as why:
            if len(batch) == 1:
                return [(batch[0][0], why)]
            return [found for one in batch for found in await self._attempt([one])]
        return []

    async def _handle_and_publish(self, batch: Sequence[Decoded]) -> None:
        # A batch has one correlation id only when it has one cause; handlers bind each event themselves.
        if len({event.correlation_id for _, event in batch}) == 1:
            with bound(batch[0][1]):
                await self._handled(batch)
        else:
            await self._handled(batch)

    async def _handled(self, batch: Sequence[Decoded]) -> None:
        events = await self._patiently(lambda: self._handle(batch))
        records = [record_of(event) for event in events]
        await self._patiently(lambda: self._publisher.publish(records))

    def _count_in_a_row(self, deliveries: Sequence[Delivery], rejected: set[tuple[str, int, int]]) -> None:
        for delivery in deliveries:
            self._failures = self._failures + 1 if _where(delivery) in rejected else 0
            if self._failures >= self._failures_allowed:
                raise TooManyRejected(f"{self._name}: {self._failures} records in a row were rejected")

    def _note(self, deliveries: Sequence[Delivery], rejected: Sequence[tuple[Delivery, Rejected]]) -> None:
        for delivery, why in rejected:
            where = f"{delivery.topic}:{delivery.partition}:{delivery.offset}"
            self._log.warning("dead letter", source=where, reason=why.reason, detail=why.detail[:DETAIL_LIMIT])
            self._records.labels(self._name, "rejected").inc()
        self._records.labels(self._name, "handled").inc(len(deliveries) - len(rejected))
        self._timestamp_ms = deliveries[-1].timestamp_ms

    async def _at_the_end(self) -> bool:
        ends, position = await self._consumer.end_offsets(), await self._consumer.position()
        # A spare member owns nothing, and so is behind with nothing.
        return all(position.get(place, 0) >= end for place, end in ends.items())

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """`attempt`, again and again while it is `Unavailable`; raises that after `stop_after_s`."""
        pause, deadline = FIRST_PAUSE_S, time.monotonic() + self._stop_after_s
        while True:
            try:
                found = await attempt()
            except Unavailable as wrong:
                if time.monotonic() >= deadline:
                    raise
                await self._pause(wrong, pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self._trouble = None
                return found

    async def _pause(self, wrong: Unavailable, seconds: float) -> None:
        self._trouble = self._trouble or (time.monotonic(), str(wrong))
        self._retries.labels(self._name, wrong.part).inc()
        self._log.warning("retrying", part=wrong.part, detail=wrong.detail, pause_s=seconds)
        try:
            async with asyncio.timeout(min(seconds, max(wrong.retry_after_s, 0.01))):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise _Stopping

    def _declare(self, metrics: Metrics) -> None:
        self._records = metrics.counter(
            "keycounty_consumer_records_total", "Records taken from the bus, by outcome.", ("consumer", "outcome")
        )
        self._retries = metrics.counter(
            "keycounty_consumer_retries_total", "Repeats because something was away.", ("consumer", "part")
        )
        self._seconds = metrics.histogram(
            "keycounty_consumer_batch_seconds", "From a batch read to all of it done.", ("consumer",)
        ).labels(self._name)
        lag_gauge(metrics).labels(self._name).set_function(lambda: self.lag_seconds)


def dead_letter(delivery: Delivery, why: Rejected, service: str) -> Record:
    """The record for `dead-letters.v1`: original key, value and headers, and why, whence and by whom."""
    ours = {
        "kc_reason": why.reason,
        "kc_detail": why.detail[:DETAIL_LIMIT],
        "kc_source": f"{delivery.topic}:{delivery.partition}:{delivery.offset}",
        "kc_service": service,
    }
    kept = tuple((name, value) for name, value in delivery.headers if name not in ours)
    added = tuple((name, value.encode()) for name, value in ours.items())
    # Kafka takes no record without key and value.
    value = b"" if delivery.key is None and delivery.value is None else delivery.value
    return Record(DEAD_LETTERS, delivery.key, value, kept + added)


def _decode(deliveries: Sequence[Delivery]) -> tuple[list[Decoded], list[tuple[Delivery, Rejected]]]:
    decoded: list[Decoded] = []
    unreadable: list[tuple[Delivery, Rejected]] = []
    for delivery in deliveries:
        try:
            decoded.append((delivery, delivery.event()))
        except Rejected as why:
            unreadable.append((delivery, why))
    return decoded, unreadable


def _where(delivery: Delivery) -> tuple[str, int, int]:
    return delivery.topic, delivery.partition, delivery.offset


def _after(deliveries: Sequence[Delivery]) -> Mapping[tuple[str, int], int]:
    return {(delivery.topic, delivery.partition): delivery.offset + 1 for delivery in deliveries}
