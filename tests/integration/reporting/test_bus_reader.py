"""What the operations page says of the bus, on the real broker."""

from datetime import timedelta

import pytest

from services.reporting.bus_reader import KafkaBusView
from shared.bus import Record
from shared.clock import real
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.settings import Settings
from shared.topics import DEAD_LETTERS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(90)]
TOPIC = "hazards.v1"


async def test_a_group_waits_from_its_oldest_uncommitted_record_until_it_is_committed(topics_exist: Settings) -> None:
    publisher, view = KafkaPublisher(topics_exist), KafkaBusView(topics_exist, lambda: real() + timedelta(seconds=100))
    consumer = KafkaConsumer(topics_exist, [TOPIC], "notify")
    await publisher.start()
    await publisher.publish([Record(TOPIC, b"a", b"1", (), 0), Record(TOPIC, b"a", b"2", (), 0)])
    seen = 0
    while seen < 2:
        seen += len(await consumer.poll(10, 1.0))
    await consumer.commit({(TOPIC, 0): 1})
    (behind,) = await view.lags(("notify",))
    assert behind.waiting
    assert behind.seconds >= 100
    await consumer.commit({(TOPIC, 0): 2})
    (reached,) = await view.lags(("notify",))
    assert (reached.waiting, reached.seconds) == (False, 0.0)
    await consumer.stop()
    await publisher.stop()


async def test_the_last_dead_letters_come_newest_first_with_their_cause(topics_exist: Settings) -> None:
    publisher, view = KafkaPublisher(topics_exist), KafkaBusView(topics_exist)
    assert await view.dead_letters(5) == []
    await publisher.start()
    for number in range(4):
        ours = {"kc_reason": "invalid", "kc_service": "notify", "kc_source": f"{TOPIC}:0:{number}", "kc_detail": "x"}
        headers = tuple((name, value.encode()) for name, value in ours.items())
        await publisher.publish([Record(DEAD_LETTERS, b"k%d" % number, b"{", headers)])
    found = await view.dead_letters(3)
    assert [letter.source for letter in found] == [f"{TOPIC}:0:{number}" for number in (3, 2, 1)]
    assert {(letter.service, letter.reason) for letter in found} == {("notify", "invalid")}
    await publisher.stop()
