"""Completeness at national size: the sum is right after every batch, and only what changed is read."""

from typing import Any

from services.reporting.documents import Document
from services.reporting.generations import Live
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryReadModels
from services.reporting.tally import Tally
from shared.events.base import Submitted
from tests.unit.reporting.folded import batches, folded


class CountingModels(MemoryReadModels):
    """Counts the subjects that are read."""

    read = 0

    async def find(self, collection: str, where: Any, **more: Any) -> list[Document]:
        found = await super().find(collection, where, **more)
        self.read += len(found) if collection == "subjects" else 0
        return found


async def test_the_sum_is_right_after_every_batch_repeated_or_not_and_reads_only_what_changed() -> None:
    world, models = folded(units=3, enterprises=6, rounds=1), CountingModels()
    tally, seen = Tally(models), set()
    before: list[Any] = []
    for batch in batches(world, 60):
        await on_events(models, before + batch)
        touched = {
            (where.partition, event.subject) for where, event in before + batch if isinstance(event.data, Submitted)
        }
        seen |= {(event.subject, event.data.seq) for _, event in batch if isinstance(event.data, Submitted)}
        models.read = 0
        assert await tally.seen() == len(seen)
        assert models.read <= len(touched)
        before = batch[-20:]
    models.read = 0
    assert await tally.seen() == len(seen)
    assert models.read == 0


async def test_another_generation_is_counted_anew() -> None:
    world, first, second = folded(units=1, enterprises=3, rounds=1), MemoryReadModels(), MemoryReadModels()
    for batch in batches(world):
        await on_events(first, batch)
    live = Live()
    live.switch(first)
    tally = Tally(live)
    whole = await tally.seen()
    live.switch(second)
    assert (whole > 0, await tally.seen()) == (True, 0)
