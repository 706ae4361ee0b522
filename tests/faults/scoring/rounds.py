"""Rounds against workers of scoring on a real broker: one kind of trouble each, then the question whether all is
exact."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.kafka import LocalKafka
from tests.faults.scoring import traffic
from tests.faults.scoring.checker import KEYCOUNTY, differences
from tests.faults.scoring.kafka import caught_up, lag, read
from tests.faults.scoring.workers import SESSION_S, Worker, Workers

PARTITIONS = 4
LAG_S = 60.0
BROKER_THREAD = ThreadPoolExecutor(1)
TAKEOVER, STOP = "takeover", "SIGTERM to exit"
# Seconds that a campaign allows; the short rounds of the test run measure no time.
BARS_S = {TAKEOVER: SESSION_S + 3.0, STOP: 5.0}


@dataclass
class Round:
    """One round's broker, workers and chance."""

    kafka: LocalKafka
    workers: Workers
    chance: random.Random
    prefix: str
    seconds: float
    told: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)

    def note(self, what: str) -> None:
        self.told.append(what)

    def victim(self) -> Worker:
        return self.chance.choice(self.workers.alive())

    async def pause(self, low: float = 0.5, high: float = 2.0) -> None:
        await asyncio.sleep(self.chance.uniform(low, high))


@dataclass(frozen=True)
class Result:
    """What came out of a round: `found` is empty when it was exact; `times` are in seconds."""

    kind: str
    seed: int
    events: int
    seconds: float
    found: list[str]
    told: list[str]
    times: dict[str, float]

    @property
    def late(self) -> list[str]:
        """The times that are over their bar."""
        return [
            f"{name} took {self.times.get(name, 0.0):.1f} s"
            for name, bar in BARS_S.items()
            if self.times.get(name, 0.0) > bar
        ]


async def killed(at: Round) -> None:
    """kill -9, twice, with a successor that is already there; then one that comes later."""
    for _ in range(2):
        await at.pause()
        at.workers.start()
        await at.pause()
        victim = at.victim()
        at.note(f"kill -9 {victim.name}")
        victim.kill()
        at.workers.revive()


async def taken_over(at: Round) -> None:
    """kill -9 of one of two: the other owns everything in time."""
    await at.pause()
    victim = at.victim()
    victim.kill()
    began = time.monotonic()
    while (left := await lag(at.kafka.bootstrap, at.prefix)) > 200 or time.monotonic() - began < SESSION_S:
        if time.monotonic() - began > LAG_S:
            at.found.append(f"no takeover within {LAG_S:.0f} s: lag {left}")
            return
        await asyncio.sleep(0.2)
    at.times[TAKEOVER] = time.monotonic() - began


async def terminated(at: Round) -> None:
    """SIGTERM under load, each time with a successor."""
    for _ in range(3):
        await at.pause()
        victim = at.victim()
        at.workers.start()
        at.note(f"SIGTERM {victim.name}")
        await at.workers.terminate(victim)


async def churned(at: Round) -> None:
    """Joins and leaves two seconds apart."""
    for _ in range(3):
        at.workers.start()
        await asyncio.sleep(2)
        victim = at.victim()
        at.note(f"join, and 2 s later SIGTERM {victim.name}")
        leaving = asyncio.ensure_future(at.workers.terminate(victim))
        await asyncio.sleep(2)
        await leaving
        at.workers.revive()


async def broker_killed(at: Round) -> None:
    """kill -9 of a broker while events flow; it comes back. With three brokers: any one of them."""
    for _ in range(2 if len(at.kafka.nodes) == 1 else 3):
        await at.pause(1, 3)
        node = at.chance.randrange(len(at.kafka.nodes))
        at.note(f"kill -9 broker {node}")
        await _in_broker_thread(at.kafka.kill, node)
        await at.pause(1, 5)
        await _in_broker_thread(at.kafka.start_node, node)


async def _in_broker_thread(work: Callable[[int], None], node: int) -> None:
    """A broker dies with the thread that started it: this one outlives every event loop."""
    await asyncio.get_running_loop().run_in_executor(BROKER_THREAD, work, node)


async def frozen(at: Round) -> None:
    """SIGSTOP of an owner for longer than its session: it wakes up as a zombie."""
    await at.pause()
    victim = at.victim()
    seconds = at.chance.uniform(8, 15)
    at.note(f"SIGSTOP {victim.name} for {seconds:.0f} s")
    victim.freeze()
    await asyncio.sleep(seconds)
    victim.wake()
    await at.pause()


async def restored(at: Round) -> None:
    """All workers are gone; another restores everything while events arrive."""
    await at.pause(2, 4)
    for worker in at.workers.alive():
        worker.kill()
    at.note("kill -9 of all")
    await at.pause()
    await at.workers.started()


async def undisturbed(at: Round) -> None:
    """Nothing but bad records, duplicates and gaps, more of them than usual."""
    await at.pause()


Story = Callable[[Round], Awaitable[None]]
STORIES: dict[str, Story] = {
    "killed": killed,
    "taken over": taken_over,
    "terminated": terminated,
    "joins and leaves": churned,
    "broker killed": broker_killed,
    "frozen": frozen,
    "restored": restored,
    "bad records": undisturbed,
}


def settings_of(kafka: LocalKafka, prefix: str) -> dict[str, str]:
    """The environment of workers and of the command line tool."""
    return {
        "KEYCOUNTY_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "KEYCOUNTY_MONGO_URI": "mongodb://127.0.0.1:1",
        "KEYCOUNTY_TOPIC_PREFIX": prefix,
        "KEYCOUNTY_TOPIC_PARTITIONS": str(PARTITIONS),
        "KEYCOUNTY_TOPIC_REPLICATION": str(min(3, len(kafka.nodes))),
        "KEYCOUNTY_LOG_LEVEL": "INFO",
    }


def prepared(kafka: LocalKafka, folder: Path, kind: str, seed: int, seconds: float) -> Round:
    """Topics of the round's own."""
    prefix = f"r{seed}-{kind.replace(' ', '-')}."
    settings = settings_of(kafka, prefix)
    subprocess.run([str(KEYCOUNTY), "topics", "ensure"], env={**os.environ, **settings}, check=True, stdout=sys.stderr)
    home = folder / prefix.strip(".")
    home.mkdir()
    return Round(kafka, Workers(settings, home), random.Random(seed), prefix, seconds)


async def a_round(
    kafka: LocalKafka, folder: Path, kind: str, seed: int, *, seconds: float = 12.0, units: int = 6
) -> Result:
    """Events of `units` flow for `seconds` while the story happens; then everything must be exact, lag 0 in time."""
    began = time.monotonic()
    at = prepared(kafka, folder, kind, seed, seconds)
    try:
        await asyncio.gather(at.workers.started(), at.workers.started())
        events = list(traffic.spoiled(traffic.log(seed, units), seed, 0.05 if kind == "bad records" else 0.01))
        pace = len(events) / seconds
        flowing = asyncio.ensure_future(traffic.send(kafka.bootstrap, at.prefix + "inspections.v1", iter(events), pace))
        await STORIES[kind](at)
        count = await flowing
        at.workers.revive()
        sent = time.monotonic()
        at.found += await caught_up(kafka.bootstrap, at.prefix, LAG_S)
        at.times["lag 0 after the last event"] = time.monotonic() - sent
        for worker in at.workers.alive():
            await at.workers.terminate(worker)
        at.times[STOP] = max(at.workers.stops, default=0.0)
        at.found += await differences(kafka.bootstrap, at.prefix, at.workers.settings)
    finally:
        at.workers.end()
    found = at.found + at.workers.complaints
    return Result(kind, seed, count, time.monotonic() - began, found, at.told, at.times)


async def a_mismatch(kafka: LocalKafka, folder: Path, seed: int) -> Result:
    """A rule set in the log whose hash is not that of the file at hand: exit 70, and nothing of the batch is
    committed."""
    began = time.monotonic()
    at = prepared(kafka, folder, "rule set mismatch", seed, 0)
    opened = next(event for event in traffic.log(seed) if b'"sha256":"' in event.value)
    start = opened.value.index(b'"sha256":"') + len(b'"sha256":"')
    other = traffic.Sent(opened.key, opened.value[:start] + b"0" * 64 + opened.value[start + 64 :], opened.headers)
    try:
        for _ in range(2):  # delivered again to whoever comes next
            worker = await at.workers.started() if not at.told else at.workers.start()
            if not at.told:
                await traffic.send(kafka.bootstrap, at.prefix + "inspections.v1", iter([other]), 1000)
            code = await asyncio.to_thread(worker.process.wait, 40)
            at.note(f"{worker.name} ended with {code}")
            if code != 70:
                at.found.append(f"exit {code}, 70 wanted")
        if await lag(kafka.bootstrap, at.prefix) != 1:
            at.found.append("the offset was committed")
        for topic in ("risk.v1", "hazards.v1", "scoring-state.v1", "dead-letters.v1"):
            at.found += [f"{topic} holds records" for _ in (await read(kafka.bootstrap, at.prefix + topic))[:1]]
    finally:
        at.workers.end()
    return Result("rule set mismatch", seed, 1, time.monotonic() - began, at.found, at.told, at.times)
