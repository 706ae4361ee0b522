"""A broker that wants TLS and a password: the settings suffice, and a wrong password or authority is refused."""

from collections.abc import Generator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local.child import free_port
from deploy.local.kafka import LocalKafka
from shared import topics
from shared.bus import Record
from shared.errors import Unavailable
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.settings import Settings
from tests.certificates import certificate

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HERE = x509.IPAddress(IPv4Address("127.0.0.1"))
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_keycounty="geheim";'


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Generator[Settings]:
    """Settings for a broker with a SASL_SSL listener beside its own."""
    folder: Path = tmp_path_factory.mktemp("secured-kafka")
    key, chain = certificate(HERE)
    (folder / "ca.pem").write_text(chain)
    plain, controller, port = free_port(), free_port(), free_port()
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{port}"
    extra = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": LOGIN,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": key.strip().replace("\n", "\\n"),
        "ssl.keystore.certificate.chain": chain.strip().replace("\n", "\\n"),
    }
    with LocalKafka(folder, plain, controller, settings=extra):
        yield Settings(
            kafka_bootstrap=f"127.0.0.1:{port}",
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_mechanism="PLAIN",
            kafka_sasl_username="keycounty",
            kafka_sasl_password="geheim",
            kafka_ssl_cafile=folder / "ca.pem",
            mongo_uri="mongodb://x",
            topic_partitions=1,
            topic_replication=1,
        )


async def test_topics_publisher_and_consumer_work_over_tls_with_a_password(secured: Settings) -> None:
    await topics.ensure(secured)
    publisher, consumer = KafkaPublisher(secured), KafkaConsumer(secured, ["inspections.v1"], "group")
    await publisher.publish([Record("inspections.v1", b"k", b"v")])
    found = [*await consumer.poll(1, 10.0)]
    assert [delivery.value for delivery in found] == [b"v"]
    await consumer.commit({("inspections.v1", 0): 1})
    await consumer.stop()
    await publisher.stop()


async def test_a_wrong_password_is_refused_and_not_repeated_in_the_error(secured: Settings) -> None:
    wrong = secured.model_copy(update={"kafka_sasl_password": type(secured.kafka_sasl_password)("falsch-2")})
    publisher = KafkaPublisher(wrong, timeout_s=5.0)
    with pytest.raises(Unavailable) as refused:
        await publisher.publish([Record("inspections.v1", b"k", b"v")])
    assert "falsch-2" not in str(refused.value)
    await publisher.stop()


async def test_a_broker_of_an_unknown_authority_is_refused(secured: Settings, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_text(certificate(HERE)[1])
    publisher = KafkaPublisher(secured.model_copy(update={"kafka_ssl_cafile": tmp_path / "other.pem"}), timeout_s=5.0)
    with pytest.raises(Unavailable):
        await publisher.publish([Record("inspections.v1", b"k", b"v")])
    await publisher.stop()


def test_a_password_protocol_without_a_password_is_named(secured: Settings) -> None:
    from shared.kafka_options import connection

    with pytest.raises(ValueError, match="KEYCOUNTY_KAFKA_SASL_PASSWORD"):
        connection(secured.model_copy(update={"kafka_sasl_password": None}))
