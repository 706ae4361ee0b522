"""The real broker and store as child processes: start, kill, start again on the same data, three nodes, wrong jars."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pymongo
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.child import ChildFailed
from deploy.local.jars import LOCK_FILE, JarError, package_cache, read_lock
from deploy.local.kafka import LocalKafka
from deploy.local.store import OTHER_SERVER, LocalStore

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with LocalStore(tmp_path / "mongo") as running:
        yield running


async def make_topic(kafka: LocalKafka, name: str, copies: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, copies)])
    finally:
        await admin.close()


async def send(kafka: LocalKafka, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(kafka: LocalKafka, topic: str, count: int) -> list[bytes | None]:
    """The first `count` values of the topic's only partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        return [(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)]


async def test_acknowledged_records_survive_kill_9_and_a_clean_restart(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka") as kafka:
        await make_topic(kafka, "log", copies=1)
        await send(kafka, "log", [b"1", b"2"])
        kafka.kill()
        assert kafka.pids == []
        kafka.start_node()
        await send(kafka, "log", [b"3"])
        assert await read(kafka, "log", 3) == [b"1", b"2", b"3"]
        kafka.stop()
        kafka.start()
        assert await read(kafka, "log", 3) == [b"1", b"2", b"3"]


async def test_three_nodes_go_on_when_one_is_lost(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "kafka", nodes=3) as kafka:
        assert len(kafka.pids) == 3
        await make_topic(kafka, "log", copies=3)
        await send(kafka, "log", [b"1"])
        kafka.kill(0)
        await send(kafka, "log", [b"2"])
        assert await read(kafka, "log", 2) == [b"1", b"2"]
        kafka.start_node(0)
        assert len(kafka.pids) == 3
    assert kafka.pids == []


def test_kafka_with_another_jar_than_the_pinned_one_does_not_start(tmp_path: Path) -> None:
    folder = f"kafka-{read_lock().version}"
    with LocalKafka(tmp_path / "first"):
        pass  # the jars are in the package cache now
    shutil.copytree(package_cache() / folder, tmp_path / "cache" / folder)
    broker = next((tmp_path / "cache" / folder).glob("kafka_2.13-*.jar"))
    broker.write_bytes(broker.read_bytes() + b"\0")
    kafka = LocalKafka(tmp_path / "kafka", cache=tmp_path / "cache", lock_file=LOCK_FILE)
    with pytest.raises(JarError, match=broker.name):
        kafka.start()
    assert kafka.pids == []


def test_acknowledged_writes_survive_kill_9(store: LocalStore) -> None:
    with pymongo.MongoClient(store.uri, serverSelectionTimeoutMS=5000) as client:
        client.test.things.insert_many([{"_id": number} for number in range(50)])
        store.kill()
        store.start()
        assert client.test.things.count_documents({}) == 50


def test_a_frozen_store_answers_again_when_resumed(store: LocalStore) -> None:
    with pymongo.MongoClient(store.uri, serverSelectionTimeoutMS=5000, timeoutMS=500) as client:
        client.test.things.insert_one({"_id": 1})
        store.freeze()
        with pytest.raises(pymongo.errors.PyMongoError):
            client.test.things.find_one()
        store.resume()
        assert client.test.things.find_one() == {"_id": 1}


def test_the_store_fsyncs_at_each_commit(store: LocalStore) -> None:
    assert store.pid is not None
    assert "--sync-on-commit" in psutil.Process(store.pid).cmdline()


def test_another_server_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = tmp_path / "another-server"
    monkeypatch.setenv(OTHER_SERVER, str(missing))
    with pytest.raises(ChildFailed, match="another-server"):
        LocalStore(tmp_path / "mongo").start()


def test_a_second_store_on_the_same_data_does_not_start_and_says_why(store: LocalStore) -> None:
    with pytest.raises(ChildFailed, match=r"(?s)mongo ended with code [1-9].*\n.*"):
        LocalStore(store.data_dir).start()
