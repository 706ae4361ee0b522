"""Alive, ready, stalled: what the loop says of itself, under simulated time."""

import asyncio

from services.scoring.handlers import SOURCE
from shared.bus import Record
from tests.contract.scoring.simulated_time import run_simulated
from tests.contract.scoring.test_scoring_simulation import place, records
from tests.contract.scoring.worlds import MemoryWorker, MemoryWorld


async def settled_world() -> tuple[MemoryWorld, MemoryWorker]:
    world = MemoryWorld()
    worker = await world.worker("a")
    await world.produce(list(records(1)))
    await asyncio.sleep(60)
    return world, worker


def test_a_worker_with_nothing_to_do_is_ready_and_not_stalled_for_minutes() -> None:
    async def story() -> tuple[bool, float, int]:
        world, worker = await settled_world()
        await asyncio.sleep(600)
        found = worker.scorer.ready, worker.scorer.stalled_s(), world.lag()
        await world.close()
        return found

    ready, stalled, lag = run_simulated(story())
    assert ready
    assert stalled < 1
    assert lag == 0


def test_a_worker_whose_broker_is_away_is_stalled_and_moves_again_when_it_is_back() -> None:
    async def story() -> tuple[float, float]:
        world, worker = await settled_world()
        world.broker.away = True
        await asyncio.sleep(200)
        away = worker.scorer.stalled_s()
        world.broker.away = False
        await world.produce([place(Record(SOURCE, b"unit-0", b"no JSON", ()))])
        await asyncio.sleep(30)
        back = worker.scorer.stalled_s()
        await world.close()
        return away, back

    away, back = run_simulated(story())
    assert away > 150
    assert back < 1


def test_a_batch_that_hangs_ends_the_process_at_its_deadline() -> None:
    async def story() -> str | None:
        world, worker = await settled_world()
        worker.freeze(90)
        await asyncio.sleep(0.5)
        await world.produce(list(records(2)))
        await asyncio.sleep(120)
        ended = worker.ended
        await world.close()
        return ended

    assert run_simulated(story()) is None  # frozen between batches: it wakes up as a zombie, is fenced and goes on

    async def hanging() -> str | None:
        world, worker = await settled_world()
        worker.freeze_at = (worker.calls + 20, 90.0)
        await world.produce(list(records(2)))
        await asyncio.sleep(150)
        ended = worker.ended
        await world.close()
        return ended

    ended = run_simulated(hanging())
    assert ended is not None
    assert "deadline" in ended


def test_a_worker_told_to_stop_does_so_within_five_seconds_also_without_a_broker() -> None:
    async def story() -> float:
        world, worker = await settled_world()
        world.broker.away = True
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await worker.stop()
        took = asyncio.get_running_loop().time() - began
        await world.close()
        return took

    assert run_simulated(story()) < 5
