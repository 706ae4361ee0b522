"""What the delivery layer promises, over the broker in memory and over the real one: the same stories, the same
assertions."""

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator

import pytest

from services.scoring.handlers import CHANGELOG, DEAD_LETTERS, SOURCE
from services.scoring.ports import Fenced
from shared.bus import Delivery, Record, record_of
from shared.events.envelope import headers
from tests.contract.scoring.exactness import HAZARDS, RISK, differences
from tests.contract.scoring.kafka_world import KafkaWorld
from tests.contract.scoring.simulated_time import forgive_the_dead
from tests.contract.scoring.toy_fold import park_assessed
from tests.contract.scoring.worlds import MemoryWorld, World

UNITS = ("unit-0", "unit-1", "unit-2", "unit-3")
DEADLINE_S = 30.0


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        made: World = MemoryWorld(session_s=2.0)
    else:
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        made = await KafkaWorld(bootstrap, f"t{uuid.uuid4().hex[:8]}.").start()
    forgive_the_dead(asyncio.get_running_loop())
    yield made
    await made.close()
    gc.collect()  # what killed workers leave behind goes now, not in the middle of another test


def placed(record: Record) -> Record:
    """On the partition that the unit's number names."""
    return Record(record.topic, record.key, record.value, record.headers, int((record.key or b"0")[-1:]) % 3)


def events(count: int, start: int = 1) -> list[Record]:
    """`count` events of each unit, sequences from `start` on."""
    return [
        placed(record_of(park_assessed(unit, f"{unit}-park", seq)))
        for seq in range(start, start + count)
        for unit in UNITS
    ]


async def seen(world: World, topic: str) -> list[Delivery]:
    return [record for records in (await world.visible(topic)).values() for record in records]


async def until_seen(world: World, topic: str, count: int) -> list[Delivery]:
    """What readers of committed records see of a topic, once it is `count` records or more: a commit is answered before
    the broker has marked it in every partition."""
    async with asyncio.timeout(DEADLINE_S):
        while len(records := await seen(world, topic)) < count:
            await asyncio.sleep(0.05)
    return records


async def until_exact(world: World) -> None:
    """Until readers of committed records see exactly what one uninterrupted fold gives."""
    async with asyncio.timeout(DEADLINE_S):
        while await differences(world):
            await asyncio.sleep(0.1)


async def until_ready(world: World, worker: object) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not worker.scorer.ready:  # type: ignore[attr-defined]
            await asyncio.sleep(0.02)


async def test_every_event_is_folded_once_and_published_with_its_row(world: World) -> None:
    await world.worker("a")
    await world.produce(events(5))
    await until_exact(world)
    assert len(await seen(world, HAZARDS)) == 5 * len(UNITS)
    assert len({record.key for record in await seen(world, CHANGELOG)}) == len(UNITS) + 1


async def test_outputs_are_on_the_partition_of_their_source(world: World) -> None:
    await world.worker("a")
    await world.produce(events(2))
    await until_exact(world)
    for number, records in (await world.visible(HAZARDS)).items():
        assert {int(record.key[-1:]) % 3 for record in records} <= {number}


async def test_a_successor_goes_on_from_rows_and_offset(world: World) -> None:
    first = await world.worker("a")
    await world.produce(events(5))
    await until_exact(world)
    await first.stop()
    await world.produce(events(5, start=6))
    await world.worker("b")
    await until_exact(world)


async def test_a_killed_worker_loses_and_doubles_nothing(world: World) -> None:
    first = await world.worker("a")
    await until_ready(world, first)
    await world.produce(events(30))
    await asyncio.sleep(0.05)
    await first.kill()
    await world.worker("b")
    await until_exact(world)


async def test_workers_that_join_share_the_partitions(world: World) -> None:
    workers = [await world.worker("a"), await world.worker("b")]

    def shares() -> list[set[int]]:
        return [set(worker.scorer.partitions) for worker in workers]

    async with asyncio.timeout(DEADLINE_S):
        while not (all(shares()) and sorted(number for share in shares() for number in share) == [0, 1, 2]):
            await asyncio.sleep(0.05)
    await world.produce(events(10))
    await until_exact(world)
    assert all(shares())


async def test_bad_records_become_dead_letters_with_cause_and_place(world: World) -> None:
    await world.worker("a")
    good = record_of(park_assessed("unit-0", "unit-0-park", 1))
    unknown = [(name, b"keycounty.unheard.of.v1" if name == "ce_type" else value) for name, value in good.headers]
    large = b'{"unit_id": "unit-0", "text": "' + b"x" * 700_000 + b'"}'
    bad = [
        Record(SOURCE, b"unit-0", b"no JSON", good.headers, 0),
        Record(SOURCE, b"unit-0", good.value, tuple(unknown), 0),
        Record(SOURCE, b"unit-0", b"{}", good.headers, 0),
        Record(SOURCE, b"unit-3", good.value, good.headers, 0),
        Record(SOURCE, b"unit-0", large, good.headers, 0),
        Record(SOURCE, b"unit-0", b"\xff\x00", (), 0),
    ]
    await world.produce([bad[0], placed(good), *bad[1:], *events(1, start=2)])
    await until_exact(world)
    letters = await seen(world, DEAD_LETTERS)
    reasons = [dict(letter.headers)["kc_reason"] for letter in letters]
    assert reasons == [b"schema", b"unknown_type", b"schema", b"key_mismatch", b"schema", b"not_an_event"]
    assert [letter.value for letter in letters] == [record.value for record in bad]
    assert dict(letters[0].headers)["kc_source"] == b"inspections.v1:0:0"
    assert dict(letters[0].headers)["kc_service"] == b"scoring"


async def test_duplicates_change_nothing_and_gaps_are_counted(world: World) -> None:
    await world.worker("a")
    await world.produce([*events(2), *events(2), *events(1, start=5)])
    await until_exact(world)
    assert len(await seen(world, HAZARDS)) == 3 * len(UNITS)


async def test_a_bug_ends_the_process_with_nothing_committed(world: World) -> None:
    worker = await world.worker("a")
    await until_ready(world, worker)
    await world.produce([placed(record_of(park_assessed("unit-0", "s", 1, park="breaks-the-rules")))])
    async with asyncio.timeout(DEADLINE_S):
        while worker.ended is None:
            await asyncio.sleep(0.05)
    assert "rule set" in worker.ended
    assert not any([await seen(world, topic) for topic in (HAZARDS, CHANGELOG, DEAD_LETTERS)])


async def test_progress_is_told_once_it_has_changed(world: World) -> None:
    await world.worker("a")
    await world.produce(events(3))
    wanted = {0: 6, 1: 3, 2: 3}
    async with asyncio.timeout(DEADLINE_S):
        while {record.partition: progress_of(record)["applied"] for record in await seen(world, RISK)} != wanted:
            await asyncio.sleep(0.1)


async def test_a_late_transaction_of_a_former_owner_is_refused(world: World) -> None:
    former, successor = world.transactions(0), world.transactions(0)
    await former.start()
    await former.commit([Record(CHANGELOG, b"row", b"old", (), 0)], 1)
    await successor.start()
    with pytest.raises(Fenced):
        await former.commit([Record(CHANGELOG, b"row", b"older", (), 0)], 2)
    await successor.commit([Record(CHANGELOG, b"row", b"new", (), 0)], 2)
    records = await until_seen(world, CHANGELOG, 2)
    assert [record.value for record in records] == [b"old", b"new"]


async def test_what_is_committed_keeps_its_headers_key_and_order(world: World) -> None:
    event = park_assessed("unit-0", "s", 1)
    owner = world.transactions(0)
    await owner.start()
    await owner.commit([Record(HAZARDS, b"a", b"1", tuple(headers(event)), 0), Record(HAZARDS, b"a", b"2", (), 0)], 1)
    records = await until_seen(world, HAZARDS, 2)
    assert [(record.key, record.value) for record in records] == [(b"a", b"1"), (b"a", b"2")]
    assert records[0].headers == tuple(headers(event))


async def test_what_a_killed_owner_left_open_is_never_seen(world: World) -> None:
    """Nor does it keep what its successor commits from being seen."""
    await world.leave_open(0, [Record(HAZARDS, b"a", b"left open", (), 0)])
    successor = world.transactions(0)
    await successor.start()
    await successor.commit([Record(HAZARDS, b"a", b"committed", (), 0)], 1)
    records = await until_seen(world, HAZARDS, 1)
    assert [record.value for record in records] == [b"committed"]


def progress_of(record: Delivery) -> dict[str, int]:
    import json

    found: dict[str, int] = json.loads(record.value or b"{}")
    return found
