"""The real broker as a world of the delivery layer's contract: topics of its own, workers inside the test's process."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.scoring.kafka_broker import KafkaBroker
from services.scoring.kafka_options import KafkaOptions
from services.scoring.kafka_transactions import KafkaTransactions
from services.scoring.ports import PartitionFold
from services.scoring.stream import Pace, Scorer
from shared.bus import Delivery, Record
from tests.contract.scoring.toy_fold import ToyFold
from tests.contract.scoring.worlds import Ended

TOPICS = ("inspections.v1", "scoring-state.v1", "dead-letters.v1", "hazards.v1", "risk.v1")


class KafkaWorker:
    """A worker in this process: `kill` takes its connections away without a word, as the end of a process does."""

    def __init__(self, world: "KafkaWorld") -> None:
        self.ended: str | None = None
        self.broker = KafkaBroker(world.options)
        self.scorer = Scorer(self.broker, world.new_fold, self._end, world.pace)
        self.running = asyncio.ensure_future(self.scorer.run())

    def _end(self, why: str, error: BaseException | None) -> None:
        self.ended = f"{why}: {error!r}"
        raise Ended(self.ended)

    async def kill(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.broker.source.stop()
        await asyncio.gather(*(owned.transactions.close() for owned in self.scorer.partitions.values()))

    async def stop(self) -> None:
        await self.scorer.stop()
        await asyncio.gather(self.running, return_exceptions=True)


class KafkaWorld:
    """Topics under a prefix of their own."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int = 3) -> None:
        self.partitions = partitions
        self.options = KafkaOptions({"bootstrap_servers": bootstrap}, prefix=prefix, session_s=6.0)
        self.pace = Pace(session=6.0)
        self.new_fold: Callable[[int], PartitionFold] = ToyFold
        self._bootstrap = bootstrap
        self._workers: list[KafkaWorker] = []
        self._owners: list[KafkaTransactions] = []

    async def start(self) -> "KafkaWorld":
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self.options.prefix + topic, self.partitions, 1) for topic in TOPICS])
        await admin.close()
        return self

    async def produce(self, records: Sequence[Record]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True)
        await producer.start()
        for record in records:
            headers = list(record.headers)
            topic = self.options.prefix + record.topic
            await producer.send(topic, record.value, key=record.key, headers=headers, partition=record.partition)
        await producer.stop()

    async def visible(self, topic: str) -> dict[int, list[Delivery]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        places = [TopicPartition(self.options.prefix + topic, number) for number in range(self.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[Delivery]] = {number: [] for number in range(self.partitions)}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=50)).items():
                found[place.partition] += [
                    Delivery(topic, place.partition, r.offset, r.key, r.value, tuple(r.headers), r.timestamp)
                    for r in records
                ]
        await consumer.stop()
        return found

    async def worker(self, name: str) -> KafkaWorker:
        self._workers.append(KafkaWorker(self))
        return self._workers[-1]

    def transactions(self, partition: int) -> KafkaTransactions:
        self._owners.append(KafkaTransactions(self.options, partition))
        return self._owners[-1]

    async def leave_open(self, partition: int, records: Sequence[Record]) -> None:
        id = self.options.transactional_id(partition)
        owner = AIOKafkaProducer(bootstrap_servers=self._bootstrap, transactional_id=id)
        await owner.start()
        await owner.begin_transaction()
        for record in records:
            topic = self.options.prefix + record.topic
            await owner.send_and_wait(topic, record.value, key=record.key, partition=record.partition)
        await owner.stop()  # takes the connections away and aborts nothing

    async def close(self) -> None:
        for worker in self._workers:
            await worker.kill()
        await asyncio.gather(*(owner.close() for owner in self._owners))
