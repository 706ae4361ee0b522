"""A crash at each single step of a worker in turn, under simulated time: the outcome is that of one uninterrupted
fold, be it the small fold of these tests or the real one.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache, partial

import pytest

from services.scoring.ports import PartitionFold
from services.scoring.rules import fold
from shared.bus import Record, record_of
from shared.rulesets import load
from tests.contract.scoring.careless import WithoutTransactions
from tests.contract.scoring.exactness import differences
from tests.contract.scoring.simulated_time import run_simulated
from tests.contract.scoring.test_scoring_simulation import place, records
from tests.contract.scoring.toy_fold import ToyFold
from tests.contract.scoring.worlds import MemoryWorker, MemoryWorld
from tests.event_log import event_log

BATCHES = 3
DEADLINE_S = 120


@cache
def toy_log() -> list[Record]:
    return list(records(3))[:60]


@cache
def real_log() -> list[Record]:
    """All kinds of events about two units, with copies of some."""
    events = event_log(2, units=2, enterprises=2, rounds=1)
    return [place(record_of(event)) for at, event in enumerate(events) for _ in range(1 + (at % 9 == 0))]


REAL = partial(fold.PartitionFold, load())
FOLDS: dict[str, tuple[Callable[[int], PartitionFold], Callable[[], Sequence[Record]], int]] = {
    "small fold": (ToyFold, toy_log, 1),
    "real fold": (REAL, real_log, 7),
}


async def crashed_at(
    step: int,
    new_fold: Callable[[int], PartitionFold],
    log: Sequence[Record],
    kind: type[MemoryWorld] = MemoryWorld,
) -> tuple[bool, list[str]]:
    """Whether the worker came as far as the step before all was done, and what is not exact in the end."""
    world = kind(seed=step)
    world.new_fold = new_fold
    first = await world.worker("first")
    first.kill_at = step
    size = -(-len(log) // BATCHES)
    for start in range(0, len(log), size):
        await world.produce(log[start : start + size])
        await done(world, first)
    crashed = not first.alive
    if crashed:
        await done(world, await world.worker("second"))
    found = await differences(world) + [str(each.ended) for each in world.workers if each.ended]
    await world.close()
    return crashed, found


async def done(world: MemoryWorld, worker: MemoryWorker) -> None:
    """Until everything is committed, or the worker is dead."""
    async with asyncio.timeout(DEADLINE_S):
        while worker.alive and world.lag():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", FOLDS)
def test_a_crash_at_any_step_gives_the_same_end(name: str) -> None:
    new_fold, log, stride = FOLDS[name]
    step, crashed = 1, True
    while crashed:
        crashed, found = run_simulated(crashed_at(step, new_fold, log()))
        assert found == [], f"crashed at step {step}"
        step += stride
    assert step > 20


def test_without_transactions_a_crash_at_some_step_is_seen() -> None:
    assert any(run_simulated(crashed_at(step, ToyFold, toy_log(), WithoutTransactions))[1] for step in range(1, 60))
