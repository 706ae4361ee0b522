"""The real broker and store for tests that ask for them, started once per session: by testcontainers when a Docker
daemon answers, else by the local runtime. Same tests either way.
"""

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shared.settings import Settings

REPLICA_SET_WAIT_S = 30
Until = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
def docker_answers() -> bool:
    """Whether a Docker daemon can be reached; asked by a connection, since the client alone proves nothing."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        if host.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(host.removeprefix("unix://"))
        else:
            name, _, port = host.partition("://")[2].partition(":")
            socket.create_connection((name, int(port or 2375)), timeout=1).close()
    except (OSError, ValueError):
        return False
    return True


@pytest.fixture(scope="session")
def kafka_bootstrap(docker_answers: bool, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Address of a real Kafka."""
    if docker_answers:
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer("apache/kafka:4.1.0").with_kraft() as container:
            yield container.get_bootstrap_server()
        return
    from deploy.local.kafka import LocalKafka

    with LocalKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka.bootstrap


@pytest.fixture(scope="session")
def mongo_uri(docker_answers: bool, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Address of a store that speaks MongoDB's protocol, with transactions."""
    if docker_answers:
        from testcontainers.mongodb import MongoDbContainer

        with MongoDbContainer("mongo:8").with_command("--replSet rs0") as container:
            yield _one_member_replica_set(container.get_container_host_ip(), int(container.get_exposed_port(27017)))
        return
    from deploy.local.store import LocalStore

    with LocalStore(tmp_path_factory.mktemp("store")) as store:
        yield store.uri


def _one_member_replica_set(host: str, port: int) -> str:
    from pymongo import MongoClient

    uri = f"mongodb://{host}:{port}/?directConnection=true"
    client: MongoClient[dict[str, object]] = MongoClient(uri, serverSelectionTimeoutMS=REPLICA_SET_WAIT_S * 1000)
    with client:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27017"}]})
    return uri


@pytest.fixture
def settings(kafka_bootstrap: str, mongo_uri: str) -> "Settings":
    """Settings of a deployment of this test's own: no topic or database is shared with another test."""
    return _deployment(kafka_bootstrap, mongo_uri)


@pytest.fixture
def store_settings(mongo_uri: str) -> "Settings":
    """As `settings`, for tests that need no broker."""
    return _deployment("127.0.0.1:1", mongo_uri)


@pytest.fixture
def bus_settings(kafka_bootstrap: str) -> "Settings":
    """As `settings`, for tests that need no store."""
    return _deployment(kafka_bootstrap, "mongodb://127.0.0.1:1")


def _deployment(kafka: str, mongo: str) -> "Settings":
    from shared.settings import Settings

    own = uuid.uuid4().hex[:8]
    return Settings(
        kafka_bootstrap=kafka,
        mongo_uri=mongo,
        topic_prefix=f"t{own}.",
        mongo_database_prefix=f"t{own}_",
        topic_partitions=3,
        topic_replication=1,
    )


@pytest.fixture
async def topics_exist(settings: "Settings") -> "Settings":
    """`settings`, with all topics made."""
    from shared import topics

    await topics.ensure(settings)
    return settings


@pytest.fixture
def until() -> Until:
    """`await until(condition, "what is waited for")` polls a plain or async condition until it is true."""

    async def wait(condition: Callable[[], object], what: str = "the condition", timeout_s: float = 20.0) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            if asyncio.get_running_loop().time() > deadline:
                pytest.fail(f"still waiting for {what} after {timeout_s:g} s")
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A developer's KEYCOUNTY_ variables reach no test in this process."""
    for name in [name for name in os.environ if name.startswith("KEYCOUNTY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def secret_file(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file as a deployment would mount it."""

    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write
