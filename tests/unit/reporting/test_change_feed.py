"""The live feed: whoever breaks off and comes back gets every change once, in order; old changes are let go of."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.changes import Change, ChangeFeed, encode, parse
from services.reporting.documents import Document, Write
from services.reporting.stores.memory import MemoryReadModels

STREAMS = ("risk.v1:0", "risk.v1:1", "alerts.v1:0")


class Log:
    """Publishes changes as the projection does: documents first, progress last. Some records leave no change."""

    def __init__(self, dice: Random) -> None:
        self.models = MemoryReadModels()
        self.dice = dice
        self.next = dict.fromkeys(STREAMS, 0)
        self.changes: dict[str, list[int]] = {stream: [] for stream in STREAMS}

    async def publish(self, records: int) -> None:
        for _ in range(records):
            stream = self.dice.choice(STREAMS)
            offset = self.next[stream]
            if self.dice.random() < 0.8:
                await self.models.replace_newer([_change(stream, offset)])
                self.changes[stream].append(offset)
            self.next[stream] = offset + 1
        await self.models.replace_newer([_place(stream, end) for stream, end in self.next.items() if end])


def _change(stream: str, offset: int) -> Write:
    return Write("changes", f"{stream}:{offset}", offset, {"stream": stream, "written_ms": offset * 1000})


def _place(stream: str, end: int) -> Write:
    return Write("progress", stream, end, {"next": end, "written_ms": (end - 1) * 1000})


async def _take(following: AsyncIterator[Change], feed: ChangeFeed, most: int) -> tuple[str, list[Document]]:
    """The last id got and the documents, reading until nothing more is on its way or `most` have come."""
    found: list[Document] = []
    last = (await anext(following)).id
    await feed.step()
    while len(found) < most:
        try:
            async with asyncio.timeout(0.01):
                change = await anext(following)
        except TimeoutError:
            break
        last = change.id
        if change.document is not None:
            found.append(change.document)
    return last, found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
async def test_a_reader_that_breaks_off_again_and_again_gets_exactly_what_was_published(seed: int) -> None:
    dice = Random(seed)
    log = Log(dice)
    await log.publish(dice.randint(0, 20))
    before = {stream: len(offsets) for stream, offsets in log.changes.items()}
    feeds = [ChangeFeed(log.models), ChangeFeed(log.models)]  # two replicas behind a balancer
    last, got = await _take(feeds[0].follow(None), feeds[0], 0)
    for _ in range(6):
        await log.publish(dice.randint(0, 12))
        feed = dice.choice(feeds)
        if dice.random() < 0.5:
            await feed.step()
        last, more = await _take(feed.follow(last), feed, dice.randint(0, 10))
        got += more
    got += (await _take(feeds[0].follow(last), feeds[0], 10_000))[1]
    for stream in STREAMS:
        assert [row["order"] for row in got if row["stream"] == stream] == log.changes[stream][before[stream] :]


async def test_a_reader_that_breaks_off_before_the_first_change_misses_none() -> None:
    log = Log(Random(1))
    await log.publish(5)
    feed = ChangeFeed(log.models)
    following = feed.follow(None)
    hello = await anext(following)
    await following.aclose()  # type: ignore[attr-defined]
    known = sum(map(len, log.changes.values()))
    await log.publish(30)
    _, got = await _take(feed.follow(hello.id), feed, 10_000)
    assert len(got) == sum(map(len, log.changes.values())) - known


async def test_old_changes_are_let_go_of_and_who_missed_them_is_told() -> None:
    log = Log(Random(2))
    await log.publish(300)
    feed = ChangeFeed(log.models)
    await feed.trim(kept_ms=20_000)
    for stream in STREAMS:
        kept = [row["order"] for row in await log.models.find("changes", {"stream": stream}, sort=("order",))]
        assert kept == [offset for offset in log.changes[stream] if offset >= log.next[stream] - 1 - 20]
    assert (await anext(feed.follow(encode(dict.fromkeys(STREAMS, 1))))).hole
    assert (await anext(feed.follow("unreadable"))).hole
    assert not (await anext(feed.follow(encode(log.next)))).hole
    assert not (await anext(feed.follow(None))).hole


def test_an_id_gives_back_the_positions_it_was_made_of() -> None:
    vector = {"risk.v1:3": 1042, "alerts.v1:0": 7}
    assert parse(encode(vector)) == vector
    assert encode({}) != ""
    assert parse(encode({})) == {}
