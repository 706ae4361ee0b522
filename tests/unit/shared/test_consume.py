"""The consuming loop over the bus in memory: what is handled, retried and dead-lettered, in which order."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus import Delivery
from shared.consume import Decoded, TooManyRejected, dead_letter
from shared.errors import Rejected, Unavailable
from shared.events.envelope import Event
from shared.memory_bus import MemoryBus
from shared.telemetry import correlation_id
from tests.unit.shared.consuming import DEAD, TOPIC, House, Recording, Until, answer


async def test_events_are_handled_in_order_and_committed(house: House) -> None:
    await house.put(*range(25))
    handler = Recording()
    await house.to_the_end(handler, max_records=10)
    assert handler.seen == list(range(25))
    assert max(map(len, handler.batches)) == 10
    assert house.committed == 25


async def test_what_a_handler_returns_is_published(house: House) -> None:
    await house.put(1, 2)
    await house.to_the_end(answer)
    assert [found.key for found in house.bus.records(TOPIC)][2:] == [b"answer", b"answer"]


async def test_bytes_that_are_no_event_become_a_dead_letter_and_the_rest_goes_on(house: House) -> None:
    await house.put(1)
    await house.put_rubbish()
    await house.put(2)
    handler = Recording()
    await house.to_the_end(handler)
    assert handler.seen == [1, 2]
    (letter,) = house.dead()
    assert letter["kc_reason"] == "not_an_event"
    assert "ce_id" in letter["kc_detail"]
    assert (letter["kc_source"], letter["kc_service"], letter["x"]) == (f"{TOPIC}:0:1", "test", "1")
    (record,) = house.bus.records(DEAD)
    assert (record.key, record.value) == (b"key", b"not an event")
    assert house.committed == 3


async def test_a_rejected_event_is_found_inside_its_batch_and_the_others_are_handled(house: House) -> None:
    await house.put(*range(7))
    handler = Recording(lambda number: Rejected("no_such_unit", "nowhere") if number == 3 else None)
    await house.to_the_end(handler)
    assert handler.seen == [0, 1, 2, 4, 5, 6]
    assert [(letter["kc_reason"], letter["kc_source"]) for letter in house.dead()] == [("no_such_unit", f"{TOPIC}:0:3")]
    assert house.committed == 7


async def test_what_is_away_is_waited_for_and_nothing_is_committed_meanwhile(house: House, until: Until) -> None:
    away = True
    handler = Recording(lambda _: Unavailable("store", "away", 0.01) if away else None)
    await house.put(1, 2)
    made = house.run(handler)
    await until(lambda: len(handler.batches) >= 3, "three attempts")
    assert house.committed == 0
    away = False
    await until(lambda: house.committed == 2, "the commit")
    assert handler.seen == [1, 2]
    assert not house.dead()
    retries = house.metrics["keycounty_consumer_retries_total"].labels("test", "store")._value.get()
    assert retries >= 2
    await made.stop()


async def test_what_stays_away_too_long_ends_the_consumer_uncommitted(house: House) -> None:
    await house.put(1)
    made = house.consuming(Recording(lambda _: Unavailable("store", "away", 0.01)), stop_after_s=0.1)
    with pytest.raises(Unavailable):
        await made.run()
    assert house.committed == 0


async def test_stop_does_not_wait_for_what_is_away(house: House, until: Until) -> None:
    await house.put(1)
    handler = Recording(lambda _: Unavailable("store", "away", 60.0))
    made = house.run(handler)
    await until(lambda: len(handler.batches) >= 2, "a retry")
    await made.stop()
    async with asyncio.timeout(1):
        await house.tasks.pop()
    assert house.committed == 0


async def test_a_broker_that_is_away_is_waited_for(house: House, until: Until) -> None:
    handler = Recording()
    house.bus.away = True
    made = house.run(handler)
    await until(lambda: made._trouble is not None, "the consumer to notice")
    house.bus.away = False
    await house.put(1)
    await until(lambda: handler.seen == [1], "the event")
    await until(lambda: house.committed == 1, "the commit")
    await made.stop()


async def test_a_publisher_that_fails_is_tried_again_without_handling_again(house: House) -> None:
    handled: list[int] = []

    async def counted(batch: Sequence[Decoded]) -> Sequence[Event]:
        handled.append(len(batch))
        return await answer(batch)

    await house.put(1)
    await house.put_rubbish()
    house.bus.fail_publishes(2)
    await house.to_the_end(counted)
    assert handled == [1, 1]  # the event, and then its answer
    assert len(house.dead()) == 1


async def test_too_many_rejected_in_a_row_stop_the_consumer_before_the_topic_is_drained(house: House) -> None:
    await house.put(1)
    await house.put_rubbish(100)
    with pytest.raises(TooManyRejected, match="100"):
        await house.consuming(Recording()).run()
    assert house.committed == 0
    assert not house.dead()


async def test_the_limit_counts_over_batches(house: House) -> None:
    await house.put_rubbish(30)
    with pytest.raises(TooManyRejected):
        await house.consuming(Recording(), max_records=4, failures_in_a_row=10).run()
    assert house.committed == 8
    assert len(house.dead()) == 8


async def test_a_good_event_ends_the_row_of_failures(house: House) -> None:
    for number in range(5):
        await house.put_rubbish(9)
        await house.put(number)
    await house.to_the_end(Recording(), failures_in_a_row=10)
    assert len(house.dead()) == 45
    assert house.committed == 50


async def test_an_answer_too_large_to_publish_makes_its_cause_a_dead_letter(house: House) -> None:
    await house.put(0)
    house.bus.inject("publish", Rejected("too_large", "2 MiB"))
    await house.to_the_end(answer)
    assert [letter["kc_reason"] for letter in house.dead()] == ["too_large"]
    assert house.committed == 1


async def test_the_correlation_id_is_bound_while_an_event_is_handled(house: House) -> None:
    async def handler(batch: Sequence[Decoded]) -> Sequence[Event]:
        found.append((correlation_id.get(), batch[0][1].correlation_id or str(batch[0][1].id)))
        return []

    found: list[tuple[str | None, str]] = []
    await house.put(1)
    await house.to_the_end(handler)
    assert found
    assert found[0][0] == found[0][1]


async def test_lag_is_the_age_of_the_last_record_and_nothing_when_caught_up(house: House, until: Until) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    house.bus = MemoryBus(1, clock=lambda: now - timedelta(seconds=90))
    away = True
    handler = Recording(lambda _: Unavailable("store", "away", 0.01) if away else None)
    await house.put(1)
    made = house.run(handler, now=lambda: now)
    await until(lambda: len(handler.batches) > 0, "an attempt")
    assert made.lag_seconds == 90
    assert b'keycounty_consumer_lag_seconds{consumer="test"} 90.0' in house.metrics.render()
    away = False
    await until(lambda: made.caught_up, "the end")
    assert made.lag_seconds == 0
    assert made.positions == {(TOPIC, 0): 1}
    await made.stop()


async def test_after_an_idle_hour_lag_counts_from_the_record_that_came(house: House, until: Until) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    house.bus = MemoryBus(1, clock=lambda: now)
    handler = Recording(lambda number: Unavailable("store", "away", 0.01) if number == 2 else None)
    await house.put(1)
    made = house.run(handler, now=lambda: now)
    await until(lambda: made.caught_up, "the end")
    now += timedelta(hours=1)
    await house.put(2)
    await until(lambda: len(handler.batches) > 1, "an attempt at the second")
    assert made.lag_seconds == 0
    now += timedelta(seconds=30)
    assert made.lag_seconds == 30
    await made.stop()


async def test_health_names_what_has_been_away_for_a_while(
    house: House, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.consume.TROUBLE_AFTER_S", 0.05)
    away = True
    await house.put(1)
    made = house.run(Recording(lambda _: Unavailable("store", "gone fishing", 0.01) if away else None))

    async def ill() -> bool:
        return "gone fishing" in ((await house.health.report())["consumer test"] or "")

    async def well() -> bool:
        return (await house.health.report())["consumer test"] is None

    await until(ill, "the health check to tell")
    away = False
    await until(well, "the health check to recover")
    await made.stop()


@given(st.lists(st.sampled_from(["good", "rubbish", "refused"]), max_size=30), st.integers(1, 7))
def test_every_record_is_either_handled_once_or_in_the_dead_letters(kinds: list[str], max_records: int) -> None:
    async def scenario() -> None:
        house = House()
        for number, kind in enumerate(kinds):
            await (house.put_rubbish() if kind == "rubbish" else house.put(number))
        refused = {number for number, kind in enumerate(kinds) if kind == "refused"}
        handler = Recording(lambda number: Rejected("refused", "") if number in refused else None)
        await house.to_the_end(handler, max_records=max_records, failures_in_a_row=1000)
        dead = [int(letter["kc_source"].rpartition(":")[2]) for letter in house.dead()]
        assert sorted(set(handler.seen)) == [number for number, kind in enumerate(kinds) if kind == "good"]
        assert sorted(dead) == [number for number, kind in enumerate(kinds) if kind != "good"]
        assert house.committed == len(kinds)

    asyncio.run(scenario())


def test_a_dead_letter_sent_again_names_only_its_last_cause() -> None:
    first = dead_letter(Delivery(TOPIC, 0, 7, b"k", None, (), 0), Rejected("one", "x" * 9000), "scoring")
    again = dead_letter(Delivery(DEAD, 0, 1, b"k", None, first.headers, 0), Rejected("two", "y"), "replay")
    assert [value for name, value in again.headers if name == "kc_reason"] == [b"two"]
    assert len(dict(first.headers)["kc_detail"]) == 2000
