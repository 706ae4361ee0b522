"""`make bench-notify`: from a hazard on the topic to bytes at a receiver, against a bare consumer that posts each
message; a table, then one line of JSON. The broker is real; the store is SecantusDB, and figures say no more than that.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.kafka import LocalKafka
from deploy.local.store import LocalStore
from services.notify.stores.mongo import MongoAlertStore
from shared import mongo
from shared.settings import Settings
from tests.contract.notify.world import Stores, World
from tests.contract.notify.world import settings as world_settings
from tests.faults.notify.deployment import Deployment, Replica
from tests.performance.bars import Bar
from tests.performance.notify_closed import asked, filled

UNITS = 8
TURNS = 5
WINDOW_SECONDS = 10.0
SLOW = 900
"""Hazards at a slow receiver: so many that beginning and end, when not all sends are under way, hardly count."""
KEPT_UP_S = 0.1
"""So late may the last fifth of a steady stream be, in the median: a backlog that grows is later."""
RATE_SHARE = 0.7
"""Of the measured capacity, over all receivers: what they may be sent in a burst, so that their rates are the limit."""


@dataclass
class Counting:
    """A store in front of another that notes the names of the calls made."""

    inner: Any
    calls: list[str]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            return await found(*args, **kwargs)

        return counted


@dataclass
class Bench:
    """One run; `deployments` have topics and databases of their own on one broker and store."""

    kafka: str
    mongo: str
    folder: Path
    bars: list[Bar] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def measured(self, *bars: Bar) -> None:
        """Keeps bars, and says so while the next are measured."""
        self.bars += bars
        for bar in bars:
            print(f"{bar.name}: {bar.measured} ({bar.text})", file=sys.stderr, flush=True)

    @asynccontextmanager
    async def deployment(self, name: str, **settings: str) -> AsyncGenerator[Deployment]:
        folder = self.folder / name
        folder.mkdir()
        found = Deployment(self.kafka, self.mongo, folder, UNITS, **settings)
        await found.start()
        try:
            yield found
        finally:
            await found.stop()

    async def calls(self) -> None:
        """Store calls of one alert from its arrival to its first message."""
        made: list[str] = []
        plain = Stores()
        stores = Stores(Counting(plain.alerts, made), Counting(plain.ledger, made), Counting(plain.silences, made))
        async with World(world_settings(self.folder), stores=stores) as world:
            await world.register()
            await asyncio.sleep(1)
            at = len(made)
            world.receiver.gate = asyncio.Event()
            await world.publish(world.hazard())
            await world.until(lambda: world.receiver.tried, "the first message")
            # Polls of the dispatcher, the outbox and the notices go on without any alert.
            until_sent = [name for name in made[at:] if name not in ("due", "unpublished", "published", "append")]
            world.receiver.gate.set()
        self.measured(Bar("store calls up to the first message", len(until_sent), 5))

    async def capacity(self, name: str, replicas: int, count: int, slow_s: float) -> float:
        """Messages a second of so many hazards at once, receivers' rates aside."""
        async with self.deployment(name) as deployment:
            deployment.receiver.slow_s = slow_s
            started = [await deployment.replica(f"notify-{number}") for number in range(replicas)]
            for replica in started:
                await replica.sees(replicas)
            began = time.monotonic()
            await deployment.all_told(await deployment.hazards(count), 900)
            return count / (time.monotonic() - began)

    async def burst(self, count: int, rate: float) -> None:
        """So many hazards at once, faster than the receivers may be sent them: what was sent, how fast, the memory."""
        async with self.deployment("burst", RECEIVER_RATE=str(rate)) as deployment:
            replica = await deployment.replica("notify-0")
            sampling = asyncio.create_task(sampled(replica))
            ids = await deployment.hazards(count)
            await deployment.all_told(ids, 900)
            sampling.cancel()
            memory = await sampling
            sent = len({alert for alert, _, _ in deployment.receiver.taken})
            most = most_within(deployment.receiver.arrived, WINDOW_SECONDS) / WINDOW_SECONDS
            in_one_second = most_within(deployment.receiver.arrived, 1.0)
        fifth = max(1, len(memory) // 5)
        self.figures |= {"burst_memory_mb": max(memory), "burst_receiver_rate": rate}
        self.measured(
            Bar(f"burst of {count:,} hazards: share sent", sent / count, 1.0, most=False),
            Bar("burst: memory at its end against its beginning", max(memory[-fifth:]) / max(memory[:fifth]), 1.2),
            Bar("burst: most messages a second at one receiver, over ten seconds, times its rate", most / rate, 1.0),
            # One whole message: two that were sent in time may come closer together than they left.
            Bar("burst: messages beyond its rate in any one second", in_one_second - rate, 1.0),
        )

    async def latencies(self, name: str, rate: float, seconds: float, *, bare: bool) -> list[float]:
        """Seconds from the send of a hazard to its bytes at the receiver, at a steady rate."""
        reader = bare_consumer if bare else replica_of
        async with self.deployment(name) as deployment, reader(deployment):
            await deployment.all_told(await deployment.hazards(20), 60)
            clock, sent = asyncio.get_running_loop().time, {}
            begin = clock()
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begin + number / rate - clock()))
                began = clock()
                (id,) = await deployment.hazards(1)
                sent[id] = began
            await deployment.all_told(list(sent), 60)
            arrived: dict[str, float] = {}
            for alert, _, moment in deployment.receiver.arrived:
                arrived.setdefault(alert, moment)
            return [arrived[id] - began for id, began in sent.items()]

    async def sustained(self, burst: float, seconds: float) -> float:
        """The highest rate, in tenths of what a burst reaches, at which hazards can come one by one with no backlog.

        A burst is written many alerts at a time; a stream that is steady is not.
        """
        for tenths in range(10, 1, -1):
            rate = burst * tenths / 10
            found = await self.latencies(f"steady_{tenths}", rate, seconds, bare=False)
            if statistics.median(found[-len(found) // 5 :]) <= KEPT_UP_S:
                return rate
        raise RuntimeError("a fifth of what a burst reaches cannot be kept up with: look at the replica's log")

    async def against_bare(self, rate: float, seconds: float) -> None:
        """The latencies of this and of a bare consumer in turn, so that what slows the machine slows both; the first
        turn only warms the broker up.
        """
        both: list[tuple[list[float], list[float]]] = []
        for number in range(TURNS + 1):
            bare = await self.latencies(f"bare_{number}", rate, seconds, bare=True)
            ours = await self.latencies(f"ours_{number}", rate, seconds, bare=False)
            both.append((bare, ours))
        counted = both[1:]
        ratios = [p99(ours) / p99(bare) for bare, ours in counted]
        self.figures |= {f"p99_ratio_{number + 1}": ratio for number, ratio in enumerate(ratios)}
        for place, name in enumerate(("bare_", "")):
            halves = [statistics.median(turn[place]) for turn in counted]
            tails = [p99(turn[place]) for turn in counted]
            self.figures |= {
                f"{name}p50_ms": 1000 * statistics.median(halves),
                f"{name}p99_ms": 1000 * statistics.median(tails),
            }
        self.measured(Bar(f"p99 against a bare consumer, median of {TURNS}", statistics.median(ratios), 3.0))

    async def due(self, few: int, many: int, fill_s: float) -> None:
        """Cost of what a due step asks of the store, over so many closed alerts, or what `fill_s` seconds store."""
        config = Settings(
            kafka_bootstrap=self.kafka, mongo_uri=self.mongo, mongo_database_prefix=f"d{uuid.uuid4().hex[:6]}_"
        )
        database = mongo.connect(config, "notify")
        store, collection = MongoAlertStore(database), database.collection("alerts")
        await store.prepare()
        stored = await filled(collection, 0, few, fill_s)
        cost_of_few = await asked(store)
        stored = await filled(collection, stored, many, fill_s)
        cost_of_many = await asked(store)
        self.figures |= {
            "closed_alerts": stored,
            "due_ms_few_closed": 1000 * cost_of_few,
            "due_ms_many_closed": 1000 * cost_of_many,
        }
        self.measured(Bar(f"due steps, {stored:,} against {few:,} closed", cost_of_many / cost_of_few, 1.3))
        await database.close()


@asynccontextmanager
async def replica_of(deployment: Deployment) -> AsyncGenerator[None]:
    """One of notify; it ends with its deployment."""
    await deployment.replica("notify-0")
    yield


@asynccontextmanager
async def bare_consumer(deployment: Deployment) -> AsyncGenerator[None]:
    """A process of its own, as a replica is."""
    asked = (deployment.kafka, deployment.topic("hazards.v1"), deployment.receiver.url)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.performance.notify_baseline", *asked)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def sampled(replica: Replica) -> list[float]:
    """Resident memory (MB) twice a second, until cancelled."""
    found: list[float] = []
    try:
        while True:
            found.append(replica.memory_mb())
            await asyncio.sleep(0.5)
    except asyncio.CancelledError:
        return found


def most_within(arrived: Sequence[tuple[str, str, float]], seconds: float) -> int:
    """The most messages that one contact got in so many seconds that begin with one of them, not counting it."""
    moments: dict[str, list[float]] = defaultdict(list)
    for _, contact, moment in arrived:
        moments[contact].append(moment)
    return max(
        bisect_right(found, moment + seconds) - place - 1
        for found in moments.values()
        for place, moment in enumerate(found)
    )


def p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


async def measure(bench: Bench, burst: int, many: int, fill_s: float, seconds: float) -> None:
    """Every figure, from the quickest to the longest."""
    await bench.calls()
    one = await bench.capacity("capacity", 1, 800, 0.0)
    steady = await bench.sustained(one, seconds)
    bench.figures |= {"burst_a_second": one, "steady_a_second": steady}
    await bench.against_bare(steady / 2, seconds)
    await bench.burst(burst, one * RATE_SHARE / UNITS)
    single = await bench.capacity("slow_one", 1, SLOW, 0.2)
    double = await bench.capacity("slow_two", 2, SLOW, 0.2)
    bench.figures |= {"slow_receiver_one_per_s": single, "slow_receiver_two_per_s": double}
    bench.measured(Bar("two replicas against one, receiver of 200 ms", double / single, 1.7, most=False))
    await bench.due(1000, many, fill_s)


def show(bench: Bench) -> None:
    table = Table("figure", "value", "bar", "met")
    for bar in bench.bars:
        table.add_row(bar.name, bar.measured, bar.text, "yes" if bar.met else "NO")
    for name, value in bench.figures.items():
        table.add_row(name, f"{value:.2f}", "", "")
    Console().print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--burst", type=int, default=10_000, help="hazards of the burst [10000]")
    parser.add_argument("--closed", type=int, default=1_000_000, help="closed alerts in the store [1000000]")
    parser.add_argument("--fill-seconds", type=float, default=90.0, help="the most spent on storing those [90]")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of steady load, each turn [10]")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with LocalKafka(place / "kafka") as kafka, LocalStore(place / "store") as store:
            bench, server = Bench(kafka.bootstrap, store.uri, place), store.server.name
            asyncio.run(measure(bench, wanted.burst, wanted.closed, wanted.fill_seconds, wanted.seconds))
    show(bench)
    passed = all(bar.met for bar in bench.bars)
    bars = {bar.name: bar.as_json() for bar in bench.bars}
    figures = {name: round(value, 3) for name, value in bench.figures.items()}
    print(json.dumps({"name": "bench-notify", "store": server, "passed": passed, "bars": bars, **figures}))
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
