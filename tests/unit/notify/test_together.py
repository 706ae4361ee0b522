"""Concurrent calls become one; each hears its own answer, or what went wrong."""

import asyncio
from collections.abc import Sequence

import pytest

from services.notify.together import MOST, Together
from shared.errors import Unavailable


class Store:
    """Doubles what it is given, when the gate is open."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if -1 in items:
            raise Unavailable("store", "away")
        return [2 * item for item in items]


async def test_what_comes_during_a_call_goes_with_the_next_one() -> None:
    store = Store()
    double = Together(store)
    first = asyncio.create_task(double(1))
    while not store.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(double(number)) for number in range(2, 2 + MOST + 1)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(first, *others) == [2 * number for number in range(1, 2 + MOST + 1)]
    assert [len(batch) for batch in store.batches] == [1, MOST, 1]


async def test_calls_that_share_a_turn_go_one_at_a_time_and_more_gather_meanwhile() -> None:
    store, turn = Store(), asyncio.Lock()
    double, again = Together(store, turn), Together(store, turn)
    first = asyncio.create_task(double(1))
    while not store.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(again(2))]
    await asyncio.sleep(0)
    others.append(asyncio.create_task(again(3)))
    await asyncio.sleep(0)
    assert store.batches == [[1]]
    store.gate.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]
    assert store.batches == [[1], [2, 3]]


async def test_an_error_reaches_every_caller_of_its_batch_and_nobody_else() -> None:
    store = Store()
    store.gate.set()
    double = Together(store)
    found = await asyncio.gather(double(12), double(-1), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in found)
    assert await double(14) == 28


async def test_a_caller_that_gave_up_holds_nobody_back() -> None:
    store = Store()
    double = Together(store)
    gone = asyncio.create_task(double(1))
    stays = asyncio.create_task(double(2))
    await asyncio.sleep(0)
    gone.cancel()
    store.gate.set()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
