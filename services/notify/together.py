"""Gathers concurrent calls of one kind into one call of the store. Used by the stages, whose steps run side by side.

While a call is under way the next ones gather, so the call before sets the pace and no timer is needed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
MOST = 200


class Together(Generic[Item, Answer]):
    """`call` answers each item in order. It begins after every item it takes was given, so what it reads is no older
    than the question. What it raises reaches each of its callers. `turn` is held during a call: those that share it
    go one at a time, and more gather meanwhile.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        turn: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        self._call = call
        self._turn = turn or nullcontext()
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._calling: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call_all())
        return await answer

    async def _call_all(self) -> None:
        while self._waiting:
            async with self._turn:
                batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                await self._answer(batch)

    async def _answer(self, batch: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._call([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller hears of it; a bug surfaces there
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for (_, waiting), answer in zip(batch, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
