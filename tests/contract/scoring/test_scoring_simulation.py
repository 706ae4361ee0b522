"""The delivery layer over the broker in memory: random faults under simulated time, each round repeatable by its
seed."""

import asyncio
import random
from collections.abc import Iterator

import pytest

from services.scoring.handlers import SOURCE
from shared.bus import Record, record_of
from tests.contract.scoring.careless import (
    FencingLate,
    KeepingWhatFailed,
    Skipping,
    SkippingUnguarded,
    WithoutTransactions,
)
from tests.contract.scoring.exactness import differences
from tests.contract.scoring.simulated_time import run_simulated
from tests.contract.scoring.toy_fold import park_assessed
from tests.contract.scoring.worlds import MemoryWorker, MemoryWorld

EVENTS = 150


class Chaos:
    """Workers that are killed, frozen, stopped and joined, and a broker that goes away, as the seed has it."""

    def __init__(self, world: MemoryWorld, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.started = 0
        self.told: list[str] = []
        self.late: list[str] = []

    async def start(self) -> MemoryWorker:
        self.started += 1
        return await self.world.worker(f"w{self.started}")

    def alive(self) -> list[MemoryWorker]:
        return [worker for worker in self.world.workers if worker.alive and worker.ended is None]

    async def happen(self) -> None:
        """One thing goes wrong, at the victim's next few steps."""
        what = self.random.choice(("kill", "kill", "freeze", "freeze", "join", "stop", "outage"))
        victim = self.random.choice(self.alive() or [await self.start()])
        self.told.append(f"{asyncio.get_running_loop().time():.1f} {what} {victim.name}")
        at = victim.calls + self.random.randrange(1, 60)
        if what == "kill":
            victim.kill_at = at
        elif what == "freeze":
            victim.freeze_at = (at, self.random.uniform(8, 15))
        elif what == "stop":
            await self.terminate(victim)
        elif what == "outage":
            await self.outage()
        if what != "freeze" and len(self.alive()) < 3:
            await self.start()

    async def terminate(self, victim: MemoryWorker) -> None:
        """SIGTERM; the promise of five seconds holds unless the victim is killed or frozen meanwhile."""
        stopping = asyncio.ensure_future(victim.stop())
        await asyncio.wait([stopping], timeout=5)
        if not stopping.done() and victim.alive and victim.awake:
            self.late.append(f"{victim.name} did not stop within 5 s")
        stopping.cancel()
        await victim.kill()

    async def outage(self) -> None:
        self.world.broker.away = True
        await asyncio.sleep(self.random.uniform(0.1, 8))
        self.world.broker.away = False


def records(seed: int) -> Iterator[Record]:
    """Synthetic sequences of several subjects, with duplicates, a gap and bad records in between."""
    chance = random.Random(seed)
    seqs: dict[tuple[str, str], int] = {}
    for _ in range(EVENTS):
        unit = f"unit-{chance.randrange(6)}"
        subject = f"{unit}-s{chance.randrange(3)}"
        seq = seqs[unit, subject] = seqs.get((unit, subject), 0) + 1 + (chance.random() < 0.02)
        record = record_of(park_assessed(unit, subject, seq))
        yield place(record)
        if chance.random() < 0.05:
            yield place(record)
        if chance.random() < 0.05:
            yield place(Record(SOURCE, unit.encode(), b"no JSON", record.headers))


def place(record: Record) -> Record:
    return Record(record.topic, record.key, record.value, record.headers, int((record.key or b"0")[-1:]) % 3)


async def a_round(seed: int, kind: type[MemoryWorld] = MemoryWorld, faults: int = 12) -> tuple[list[str], list[str]]:
    """(what is not exact, what happened) of one round."""
    world = kind(seed)
    chaos = Chaos(world, seed)
    await chaos.start()
    await chaos.start()
    producing = asyncio.ensure_future(produced(world, seed, chaos.random))
    for _ in range(faults):
        await asyncio.sleep(chaos.random.uniform(0.2, 4))
        await chaos.happen()
    await producing
    if not chaos.alive():
        await chaos.start()
    late = await settled(world, chaos)
    await asyncio.sleep(20)  # whoever is frozen still wakes up and writes what it has
    found = (
        chaos.late + late + await differences(world) + [str(worker.ended) for worker in world.workers if worker.ended]
    )
    await world.close()
    return found, chaos.told


async def produced(world: MemoryWorld, seed: int, chance: random.Random) -> None:
    for record in records(seed):
        await world.produce([record])
        await asyncio.sleep(chance.uniform(0, 0.3))


async def settled(world: MemoryWorld, chaos: Chaos) -> list[str]:
    """Empty once lag is 0, within 60 simulated seconds."""
    for _ in range(600):
        if world.lag() == 0:
            return []
        if not chaos.alive():
            await chaos.start()
        await asyncio.sleep(0.1)
    return [f"lag {world.lag()} after 60 s"]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_the_outcome_is_that_of_one_uninterrupted_fold(seed: int) -> None:
    found, told = run_simulated(a_round(seed))
    assert found == [], told


@pytest.mark.parametrize("careless", [WithoutTransactions, FencingLate, KeepingWhatFailed])
def test_without_any_one_guard_the_same_rounds_are_not_exact(careless: type[MemoryWorld]) -> None:
    """The suite can fail: each guard is taken away in turn."""
    assert any(run_simulated(a_round(seed, careless))[0] for seed in range(40))


def test_records_that_the_client_skips_are_read_again() -> None:
    assert not any(run_simulated(a_round(seed, Skipping))[0] for seed in range(10))


def test_without_the_guard_of_contiguity_skipped_records_are_lost() -> None:
    assert any(run_simulated(a_round(seed, SkippingUnguarded))[0] for seed in range(10))
