"""When the consuming loop commits: what is done is committed once, what is not done never, whatever ends the loop."""

import asyncio
from collections.abc import Mapping

import pytest

from shared.errors import Unavailable
from shared.memory_bus import MemoryBus, MemoryConsumer
from tests.unit.shared.consuming import TOPIC, Crash, House, Recording, Until


class Slow(MemoryConsumer):
    """Its commits are answered only when they may be."""

    def __init__(self, bus: MemoryBus) -> None:
        super().__init__(bus, [TOPIC], "group")
        self.answered = asyncio.Semaphore(0)

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> None:
        await self.answered.acquire()
        await super().commit(positions)


async def test_one_batch_is_handled_beside_the_commit_of_the_one_before(house: House, until: Until) -> None:
    consumer, handler = Slow(house.bus), Recording()
    await house.put(0, 1, 2)
    made = house.run(handler, consumer=consumer, max_records=1)
    await until(lambda: handler.seen == [0, 1], "the second batch")
    for _ in range(100):
        await asyncio.sleep(0)
    assert handler.seen == [0, 1]
    assert house.committed == 0
    consumer.answered.release()
    await until(lambda: handler.seen == [0, 1, 2], "the third batch")
    assert house.committed == 1
    consumer.answered.release()
    consumer.answered.release()
    await until(lambda: made.caught_up, "the end")
    assert house.committed == 3
    await made.stop()


async def test_what_was_done_is_committed_whatever_becomes_of_what_comes_behind_it(house: House) -> None:
    await house.put(0, 1, 2)
    fails = Recording(lambda number: ZeroDivisionError() if number == 2 else None)
    with pytest.raises(ZeroDivisionError):
        await house.consuming(fails, max_records=1).run()
    assert house.committed == 2


async def test_a_bug_ends_the_consumer_at_once_even_while_nothing_can_be_committed(house: House) -> None:
    await house.put(0, 1)
    house.bus.inject("commit", Unavailable("broker", "away", 60.0), times=1000)
    fails = Recording(lambda number: ZeroDivisionError() if number == 1 else None)
    async with asyncio.timeout(5):
        with pytest.raises(ZeroDivisionError):
            await house.consuming(fails, max_records=1).run()
    assert house.committed == 0


async def test_a_bug_ends_the_consumer_uncommitted(house: House) -> None:
    await house.put(1, 2)
    with pytest.raises(ZeroDivisionError):
        await house.consuming(Recording(lambda number: ZeroDivisionError() if number == 2 else None)).run()
    assert house.committed == 0


@pytest.mark.parametrize(("operation", "later"), [("publish", False), ("publish", True), ("commit", False)])
async def test_after_a_crash_before_the_commit_everything_is_done_again(
    house: House, operation: str, later: bool
) -> None:
    await house.put(0, 1)
    await house.put_rubbish()
    house.bus.inject(operation, Crash(), after=later)
    first = Recording()
    with pytest.raises(Crash):
        await house.consuming(first).run()
    assert house.committed == 0
    second = Recording()
    await house.to_the_end(second)
    assert (first.seen, second.seen) == ([0, 1], [0, 1])
    assert len(house.dead()) >= 1
    assert house.committed == 3


async def test_after_a_crash_behind_the_commit_nothing_is_done_again(house: House) -> None:
    await house.put(0, 1)
    house.bus.inject("commit", Crash(), after=True)
    with pytest.raises(Crash):
        await house.consuming(Recording()).run()
    second = Recording()
    await house.to_the_end(second)
    assert second.seen == []
