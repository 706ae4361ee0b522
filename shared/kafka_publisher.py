"""The writing side of the bus on a real Kafka. Reached through `shared.kafka_bus`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.bus import Record
from shared.errors import Unavailable
from shared.kafka_options import RECORD_LIMIT, connection, translated
from shared.settings import Settings
from shared.telemetry import log

ABANDON_SECONDS = 2.0


class KafkaPublisher:
    """One idempotent producer (acks=all). Connects when first needed, and again after an error or a time-out: what was
    under way then may or may not have been written.
    """

    def __init__(self, settings: Settings, *, timeout_s: float = 10.0) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._log = log("publisher")

    async def start(self) -> None:
        """Connects if the broker answers; otherwise the first `publish` does."""
        with contextlib.suppress(Unavailable):
            async with self._bounded():
                await self._connected()

    async def stop(self) -> None:
        """Writes what is under way if that is possible soon, and disconnects."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(ABANDON_SECONDS):
                await producer.flush()
        except (TimeoutError, KafkaError):
            pass  # nobody waits for it any more
        await _abandon(producer)

    async def publish(self, records: Sequence[Record]) -> None:
        """Returns when all are with the broker. Raises `Unavailable("broker")` after at most `timeout_s` seconds,
        `Rejected("too_large")` when one is over the limit.
        """
        if not records:
            return
        producer: AIOKafkaProducer | None = None
        try:
            async with self._bounded():
                producer = await self._connected()
                await self._send(producer, records)
        except Unavailable as wrong:
            await self._replace(producer, wrong)
            raise

    async def check(self) -> str | None:
        """For health: None when the broker answers."""
        try:
            async with self._bounded():
                producer = await self._connected()
                await producer.client.fetch_all_metadata()
        except Unavailable as wrong:
            return str(wrong)
        return None

    @contextlib.asynccontextmanager
    async def _bounded(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._timeout_s), translated():
                yield
        except TimeoutError as late:
            raise Unavailable("broker", f"no answer within {self._timeout_s:g} s") from late

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
        prefix = self._settings.topic_prefix
        sent: list[asyncio.Future[Any]] = []
        try:
            for record in records:
                sent.append(  # noqa: PERF401  the ones before a failure must still be awaited
                    await producer.send(
                        prefix + record.topic,
                        record.value,
                        record.key,
                        record.partition,
                        headers=list(record.headers),
                    )
                )
        finally:
            outcomes = await asyncio.gather(*sent, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **connection(self._settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=2,
            max_batch_size=128 * 1024,
            max_request_size=2 * RECORD_LIMIT,
            request_timeout_ms=10_000,
        )
        try:
            await producer.start()
        except BaseException:
            await _abandon(producer)
            raise
        return producer

    async def _replace(self, producer: AIOKafkaProducer | None, wrong: Unavailable) -> None:
        # After an error an idempotent producer may not write again (its sequence has a gap), and after a time-out it
        # would go on for ever with records that the caller is going to send again.
        if producer is not None and producer is self._producer:
            self._producer = None
            self._log.warning("producer replaced", reason=wrong.detail)
            await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Ends a producer without waiting for what it has not sent: `stop` would wait for the broker to come back."""
    producer._closed = True  # noqa: SLF001  aiokafka has no public way to give up
    await producer.client.close()
    sender = producer._sender  # noqa: SLF001
    task = sender.sender_task if sender is not None else None
    if task is not None:
        task.cancel()
        await asyncio.wait([task], timeout=ABANDON_SECONDS)
