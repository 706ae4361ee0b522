"""The running service as one process on the real broker and store: hazard in, mail and signed webhook out, answered."""

import asyncio
import os
import signal
import socket
import sys
import uuid
from base64 import b64encode
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared import topics
from shared.bus import record_of
from shared.events.base import LogPosition, hazard_id
from shared.events.envelope import make
from shared.events.hazards import HazardRaised
from shared.events.registry import RegistryPut
from shared.http.auth import hash_key
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.secrets import seal
from shared.settings import Settings
from tests.integration.notify.sinks import Sinks

pytestmark = pytest.mark.integration
CONTACT_KEY = b"k" * 32
UNIT = "linzi"
PROFILE: list[str] = []


class Running:
    """One replica of notify as a child process."""

    def __init__(self, environment: dict[str, str], port: int, log: Path) -> None:
        self.environment = environment
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *PROFILE, "-m", "services.notify", env=self.environment, stdout=log, stderr=log
            )
        async with httpx.AsyncClient() as http, asyncio.timeout(30):
            while True:
                try:
                    if (await http.get(f"{self.url}/health/ready")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                assert self.process.returncode is None, self._log.read_text()[-3000:]
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(10):
            return await self.process.wait()


class Deployment:
    """Topics, a registry and receivers; replicas are started on it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.sinks = Sinks()
        self.publisher = KafkaPublisher(settings)
        self.replicas: list[Running] = []

    async def start(self) -> None:
        await topics.ensure(self.settings)
        await self.sinks.start()
        await self.publisher.start()
        (self.folder / "contact.key").write_bytes(b64encode(CONTACT_KEY))
        (self.folder / "session.secret").write_bytes(b"secret")

    async def stop(self) -> None:
        for replica in self.replicas:
            await replica.stop()
        await self.publisher.stop()
        await self.sinks.stop()

    async def replica(self, name: str = "notify-a", **more: str) -> Running:
        port = free_port()
        own = {
            "KAFKA_BOOTSTRAP": self.settings.kafka_bootstrap,
            "MONGO_URI": self.settings.mongo_uri,
            "TOPIC_PREFIX": self.settings.topic_prefix,
            "MONGO_DATABASE_PREFIX": self.settings.mongo_database_prefix,
            "TOPIC_PARTITIONS": str(self.settings.topic_partitions),
            "TOPIC_REPLICATION": "1",
            "CONTACT_KEY_FILE": str(self.folder / "contact.key"),
            "SESSION_SECRET_FILE": str(self.folder / "session.secret"),
            "EGRESS_ALLOW": "127.0.0.0/8",
            "SMTP_URL": self.sinks.smtp_url,
            "INSTANCE": name,
            "PORT": str(port),
            "PUBLIC_URL_NOTIFY": f"http://127.0.0.1:{port}",
            **more,
        }
        environment = os.environ | {f"KEYCOUNTY_{key}": value for key, value in own.items()}
        found = Running(environment, port, self.folder / f"{name}.log")
        await found.start()
        self.replicas.append(found)
        return found

    async def put(self, kind: str, id: str, found: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        data = RegistryPut(kind=kind, id=id, revision=1, object=found, updated_at=now)
        event = make(data, id=uuid.uuid4(), source="test", subject=id, time=now, key=f"{kind}/{id}")
        await self.publisher.publish([record_of(event)])

    async def register(self, units: int = 1) -> None:
        """Units with county and prefecture, each with a webhook and a mail address; a key of the national office."""
        for number in range(units):
            unit = UNIT if number == 0 else f"{UNIT}-{number}"
            for tier, parent in (("prefecture", None), ("county", f"prefecture-{unit}")):
                name = f"{tier}-{unit}"
                found = {"name": {"zh": name, "en": name}, "tier": tier, "parent": parent, "units": None}
                contacts = [
                    self.contact("hook", "webhook", f"{self.sinks.hook_url}/{name}", self.sinks.secret),
                    self.contact("mail", "email", f"{name}@keycounty.example", None),
                ]
                await self.put("authorities", name, found | {"contacts": contacts})
            await self.put("units", unit, {"name": {"zh": "临淄区", "en": "Linzi"}, "authority": f"county-{unit}"})
        await self.put("keys", "k1", {"sha256": hash_key("kc_n"), "role": "national", "label": "national office"})

    def contact(self, id: str, channel: str, target: str, secret: str | None) -> dict[str, Any]:
        sealed = seal(CONTACT_KEY, secret) if secret else None
        found = {"id": id, "channel": channel, "target": seal(CONTACT_KEY, target), "secret": sealed}
        return found | {"locale": "en", "hours": None}

    async def hazards(self, subjects: list[str], units: int = 1, kind: str = "major_finding") -> list[str]:
        now = datetime.now(UTC)
        ids, records = [], []
        for place, subject in enumerate(subjects):
            unit = UNIT if place % units == 0 else f"{UNIT}-{place % units}"
            data = HazardRaised(
                unit_id=unit,
                hazard_id=hazard_id(kind, subject, 1),
                kind=kind,
                policy_key=kind,
                subject=subject,
                episode=1,
                facts={"finding_id": subject},
                caused_at=now,
                log_position=LogPosition(partition=0, offset=place),
            )
            event = make(data, id=uuid.uuid4(), source="test", subject=str(data.hazard_id), time=now)
            records.append(record_of(event))
            ids.append(str(data.hazard_id))
        await self.publisher.publish(records)
        return ids


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def deployment(settings: Settings, tmp_path: Path) -> AsyncGenerator[Deployment]:
    found = Deployment(settings, tmp_path)
    await found.start()
    yield found
    await found.stop()


async def test_a_hazard_becomes_a_mail_and_a_signed_webhook_and_is_answered(deployment: Deployment, until: Any) -> None:
    await deployment.register()
    notify = await deployment.replica()
    (id,) = await deployment.hazards(["finding-1"])
    sinks = deployment.sinks
    await until(lambda: len(sinks.hooks) >= 1 and len(sinks.mails) >= 1, "mail and webhook")
    hook, mail = sinks.hooks[0], sinks.mails[0]
    assert (hook.path, hook.body["type"], hook.body["data"]["id"]) == ("county-linzi", "keycounty.alert.open", id)
    assert mail.to == "county-linzi@keycounty.example"
    link = next(word for word in mail.text.split() if "/ack/" in word)
    async with httpx.AsyncClient(headers={"authorization": "Bearer kc_n"}) as http:
        shown = await http.get(link)
        assert (shown.status_code, "<form" in shown.text) == (200, True)
        assert (await http.post(link, data={"note": "on it"})).status_code == 200
        whole = (await http.get(f"{notify.url}/v1/alerts/{id}")).json()
    assert whole["state"] == "acknowledged"
    names = [entry["event"] for entry in whole["history"]]
    assert names[0] == "alert.opened"
    assert sorted(names[1:]) == ["alert.acknowledged", "alert.delivered", "alert.delivered"]
    assert await notify.stop() == 0


async def test_an_unanswered_alert_escalates_and_every_change_is_on_the_bus(
    deployment: Deployment, until: Any, tmp_path: Path
) -> None:
    from importlib.resources import files

    text = files("shared.rulesets").joinpath("data/alerting.toml").read_text("utf-8")
    own = tmp_path / "short.toml"
    own.write_text(text.replace("severe = 60", "severe = 0.02", 1), "utf-8")
    await deployment.register()
    await deployment.replica(ALERT_POLICY_FILE=str(own))
    await deployment.hazards(["finding-1"])
    await until(lambda: any(hook.path == "prefecture-linzi" for hook in deployment.sinks.hooks), "the prefecture")
    reader = KafkaConsumer(deployment.settings, ["alerts.v1"], None)
    await reader.start()
    seen: list[str] = []

    async def escalated() -> bool:
        seen.extend(found.event().type for found in await reader.poll(100, 0.1))
        return "keycounty.alert.escalated.v1" in seen

    await until(escalated, "the escalation on the bus")
    await reader.stop()
    assert seen[0] == "keycounty.alert.opened.v1"


async def test_a_killed_replica_loses_nothing_and_repeats_carry_the_same_id(deployment: Deployment, until: Any) -> None:
    await deployment.register(units=3)
    notify = await deployment.replica()
    deployment.sinks.slow_s = 0.05
    ids = await deployment.hazards([f"finding-{number}" for number in range(60)], units=3)
    await until(lambda: len(deployment.sinks.hooks) >= 10, "some messages")
    await notify.kill()
    in_flight = deployment.sinks.under_way
    await notify.start()

    def all_told() -> bool:
        return {hook.body["data"]["id"] for hook in deployment.sinks.hooks} >= set(ids)

    await until(all_told, "a message for every alert", timeout_s=60)
    hooks = deployment.sinks.hooks
    assert len({hook.id for hook in hooks}) == 60
    assert len(hooks) - 60 <= max(in_flight, 1) + 16
