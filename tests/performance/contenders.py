"""One contender of the scoring benchmark as a process of its own: `python -m tests.performance.contenders NAME …`.

Prints `{"events", "cpu_s"}` of its steady state: the first tenth of the events is left out.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from services.scoring.handlers import CHANGELOG, fold_batch
from services.scoring.kafka_broker import KafkaBroker
from services.scoring.kafka_options import KafkaOptions
from services.scoring.partition import Partition
from services.scoring.ports import Arrived
from services.scoring.rules.fold import PartitionFold
from services.scoring.stream import Pace, Scorer
from shared import garbage
from shared.bus import Record
from shared.rulesets import load
from tests.performance.meter import Meter
from tests.performance.reduced_fold import ReducedFold

SOURCE = "bench.inspections.v1"
OUT = "risk.v1"


@dataclass(frozen=True, slots=True)
class BenchOptions(KafkaOptions):
    """Every run reads the same source and writes to topics of its own."""

    @property
    def source(self) -> str:
        return SOURCE


class ReducedPartition(Partition):
    """The delivery layer as it is, around the reduced fold."""

    def fold_all(self, arrived: Sequence[Arrived], now: float) -> list[Record]:
        fold: ReducedFold = self.fold  # type: ignore[assignment]
        rows: dict[bytes, bytes] = {}
        outputs = []
        for record in arrived:
            key, row, output = fold.fold(record.value or b"")
            rows[key] = row
            outputs.append(Record(OUT, record.key, output, (), self.number))
        self.next, self.moved_at = arrived[-1].offset + 1, now
        return [*(Record(CHANGELOG, key, row, (), self.number) for key, row in rows.items()), *outputs]

    def restore(self) -> None:
        """Nothing: every run starts anew."""


class ReducedScorer(Scorer):
    def _new(self, number: int) -> Partition:
        return ReducedPartition(number, ReducedFold(), self.broker.transactions(number))  # type: ignore[arg-type]


async def worker(options: BenchOptions, meter: Meter, reduced: bool) -> None:
    """This worker's loop over its own transactions."""

    def end(why: str, error: BaseException | None) -> None:
        raise SystemExit(f"{why}: {error!r}")

    new = ReducedScorer if reduced else Scorer
    scorer = new(KafkaBroker(options), partial(PartitionFold, load()), end, Pace())
    running = asyncio.ensure_future(scorer.run())
    seen = 0
    while not meter.add(scorer.folded - seen) and not running.done():
        seen = scorer.folded
        await asyncio.sleep(0.02)
    await scorer.stop()


async def plain(options: BenchOptions, meter: Meter, reduced: bool) -> None:
    """A plain aiokafka loop that does the same: getmany, fold, send each record, await them, commit the offsets."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    consumer = AIOKafkaConsumer(
        SOURCE, **options.connection, group_id=options.group_id, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(**options.connection, enable_idempotence=True, max_batch_size=262_144, linger_ms=5)
    await consumer.start()
    await producer.start()
    folds: dict[int, Callable[[Sequence[Arrived]], list[Record]]] = {}
    while True:
        batches = await consumer.getmany(timeout_ms=250, max_records=Pace().max_records)
        sent = []
        for place, records in batches.items():
            fold = folds.setdefault(place.partition, _folding(place.partition, reduced))
            for r in fold(records):
                topic, headers = options.prefix + r.topic, list(r.headers)
                sent.append(await producer.send(topic, r.value, key=r.key, headers=headers, partition=place.partition))
        await asyncio.gather(*sent)
        if batches:
            await consumer.commit()
        if meter.add(sum(map(len, batches.values()))):
            break
    await consumer.stop()
    await producer.stop()


def _folding(number: int, reduced: bool) -> Callable[[Sequence[Arrived]], list[Record]]:
    if not reduced:
        return partial(fold_batch, PartitionFold(load(), number), number)
    partition = ReducedPartition(number, ReducedFold(), None)  # type: ignore[arg-type]
    return lambda records: partition.fold_all(records, 0.0)


def stock_faust(options: BenchOptions, meter: Meter) -> None:
    """Stock faust: an agent over a stream, a table, sends awaited."""
    import os

    import faust

    home = Path(mkdtemp()) / "faust"
    home.mkdir()
    bootstrap = str(options.connection["bootstrap_servers"])
    app = faust.App(
        options.group_id,
        broker=f"kafka://{bootstrap}",
        datadir=str(home),
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.conf.topic_disable_leader = True
    source = app.topic(SOURCE, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    out = app.topic(options.prefix + OUT, key_type=bytes, value_type=bytes, value_serializer="raw")
    table = app.Table("rows", partitions=4, key_type=bytes, value_type=bytes)
    fold = ReducedFold()

    @app.agent(source)
    async def run(stream: object) -> None:
        async for key, value in stream.items():  # type: ignore[attr-defined]
            row_key, row, output = fold.fold(value)
            table[row_key] = row
            await out.send(key=key, value=output)
            if meter.add(1):
                print(json.dumps(meter.report()), flush=True)
                os._exit(0)

    faust.Worker(app, quiet=True, loglevel="ERROR").execute_from_commandline()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["worker", "plain", "faust"])
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--reduced", action="store_true")
    given = parser.parse_args()
    options = BenchOptions({"bootstrap_servers": given.bootstrap}, prefix=given.prefix)
    meter = Meter(given.count)
    if given.name == "faust":
        stock_faust(options, meter)
    else:
        garbage.seldom()  # the plain loop has what the worker has; frameworks run as they come
        run = worker if given.name == "worker" else plain
        asyncio.run(run(options, meter, given.reduced))
    print(json.dumps(meter.report()))


if __name__ == "__main__":
    main()
