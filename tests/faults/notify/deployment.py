"""Notify's replicas as processes over a real broker and store, fed with raw records and watched at a raw receiver."""

import asyncio
import base64
import json
import os
import signal
import socket
import sys
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CONTACT_KEY = b"k" * 32
TOPICS = ("inspections.v1", "registry.v1", "risk.v1", "hazards.v1", "alerts.v1", "dead-letters.v1")
PARTITIONS = 4


@dataclass
class Receiver:
    """Takes webhooks, slowly when told. `taken`: alert, contact, message id; `arrived`: the same with the moment (event
    loop's clock) at which the bytes were there.
    """

    slow_s: float = 0.0
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    arrived: list[tuple[str, str, float]] = field(default_factory=list)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{contact}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        alert, contact = body["data"]["id"], request.match_info["contact"]
        self.arrived.append((alert, contact, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.slow_s)
        self.taken.append((alert, contact, request.headers["webhook-id"]))
        return web.Response(status=204)


class Replica:
    """One process of notify; started again it is the same replica in its next life."""

    def __init__(self, name: str, environment: dict[str, str], log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {"KEYCOUNTY_INSTANCE": name, "KEYCOUNTY_PORT": str(self.port)}
        self._environment = os.environ | environment | own
        self._log = log
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.notify", env=self._environment, stdout=log, stderr=log
            )

    async def ready(self) -> None:
        await self._until("/health/ready", "")

    async def sees(self, replicas: int) -> None:
        """Until it knows of so many replicas, itself among them."""
        await self._until("/metrics", f"keycounty_replicas_alive {replicas:.1f}\n")

    async def _until(self, path: str, said: str) -> None:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(self._says, path, said):
                assert self.process.returncode is None, self._log.read_text()[-3000:]
                await asyncio.sleep(0.1)

    def _says(self, path: str, wanted: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status == 200 and wanted in answer.read().decode()
        except OSError:
            return False

    def memory_mb(self) -> float:
        import psutil

        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            async with asyncio.timeout(10):
                await self.process.wait()


class Deployment:
    """Topics with a prefix of their own, a registry of so many units with these contacts each (by tier), and replicas.

    The chain of a unit goes up through the tiers in their order.
    """

    def __init__(
        self,
        kafka: str,
        mongo: str,
        folder: Path,
        units: int,
        contacts: Mapping[str, Sequence[str]] = MappingProxyType({"county": ("hook",)}),
        **settings: str,
    ) -> None:
        self.receiver = Receiver()
        self.units = [f"unit-{number}" for number in range(units)]
        self.contacts = contacts
        self.recipients: dict[str, list[str]] = {}
        self.replicas: dict[str, Replica] = {}
        self.kafka = kafka
        self._folder = folder
        self._prefix = f"f{uuid.uuid4().hex[:8]}."
        (folder / "contact.key").write_bytes(base64.b64encode(CONTACT_KEY))
        (folder / "session.secret").write_bytes(b"secret")
        values = {
            "KAFKA_BOOTSTRAP": kafka,
            "MONGO_URI": mongo,
            "TOPIC_PREFIX": self._prefix,
            "MONGO_DATABASE_PREFIX": self._prefix.replace(".", "_"),
            "TOPIC_PARTITIONS": str(PARTITIONS),
            "TOPIC_REPLICATION": "1",
            "CONTACT_KEY_FILE": str(folder / "contact.key"),
            "SESSION_SECRET_FILE": str(folder / "session.secret"),
            "EGRESS_ALLOW": "127.0.0.0/8",
            "RECEIVER_RATE": "1000",
            **settings,
        }
        self._environment = {f"KEYCOUNTY_{name}": value for name, value in values.items()}

    async def start(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(self._prefix + name, PARTITIONS, 1) for name in TOPICS])
        await admin.close()
        await self.receiver.start()
        self._producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all")
        await self._producer.start()
        await self._register()

    async def stop(self) -> None:
        for replica in self.replicas.values():
            await replica.stop()
        await self._producer.stop()
        await self.receiver.stop()

    async def replica(self, name: str) -> Replica:
        found = Replica(name, self._environment, self._folder / f"{name}.log")
        self.replicas[name] = found
        await found.start()
        await found.ready()
        return found

    def topic(self, name: str) -> str:
        """Its full name."""
        return self._prefix + name

    async def hazards(self, count: int) -> list[str]:
        """That many more hazards, of each unit in turn; their alerts' ids."""
        ids, waiting = [], []
        for number in range(len(self.recipients), len(self.recipients) + count):
            id, unit, now = str(uuid.uuid4()), self.units[number % len(self.units)], datetime.now(UTC).isoformat()
            data = {
                "unit_id": unit,
                "hazard_id": id,
                "kind": "major_finding",
                "policy_key": "major_finding",
                "subject": id,
                "episode": 1,
                "facts": {"finding_id": id},
                "caused_at": now,
                "log_position": {"partition": 0, "offset": number},
            }
            waiting.append(await self._send("hazards.v1", "hazard.raised", id, unit, data))
            ids.append(id)
            self.recipients[id] = [f"{unit}.{name}" for names in self.contacts.values() for name in names]
        await asyncio.gather(*waiting)
        return ids

    async def all_told(self, ids: Sequence[str], seconds: float) -> None:
        """Until every contact has had its message about each of these alerts. TimeoutError when not by then."""
        wanted, seen = {(id, to) for id in ids for to in self.recipients[id]}, 0
        async with asyncio.timeout(seconds):
            while wanted:
                taken = self.receiver.taken
                wanted -= {(alert, to) for alert, to, _ in taken[seen:]}
                seen = len(taken)
                await asyncio.sleep(0.02)

    async def _register(self) -> None:
        for unit in self.units:
            parent = None
            for tier, names in reversed(self.contacts.items()):
                contacts = [self._contact(unit, name) for name in names]
                authority = {"name": {"zh": unit, "en": unit}, "tier": tier, "parent": parent, "units": None}
                parent = f"{tier}-{unit}"
                await self._put("authorities", parent, authority | {"contacts": contacts})
            await self._put("units", unit, {"name": {"zh": unit, "en": unit}, "authority": parent})

    def _contact(self, unit: str, name: str) -> dict[str, Any]:
        target = seal(f"{self.receiver.url}/{unit}.{name}")
        return {"id": name, "channel": "webhook", "target": target, "secret": None, "locale": "en", "hours": None}

    async def _put(self, kind: str, id: str, found: dict[str, Any]) -> None:
        data = {"kind": kind, "id": id, "revision": 1, "object": found, "updated_at": datetime.now(UTC).isoformat()}
        await (await self._send("registry.v1", "registry.put", id, f"{kind}/{id}", data))

    async def _send(self, topic: str, type: str, subject: str, key: str, data: dict[str, Any]) -> Any:
        attributes = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_source": "faults",
            "ce_type": f"keycounty.{type}.v1",
            "ce_time": datetime.now(UTC).isoformat(),
            "ce_subject": subject,
            "content-type": "application/json",
        }
        headers = [(name, value.encode()) for name, value in attributes.items()]
        return await self._producer.send(self._prefix + topic, json.dumps(data).encode(), key.encode(), headers=headers)


def seal(plain: str) -> str:
    nonce = os.urandom(12)
    return "v1:" + base64.urlsafe_b64encode(nonce + AESGCM(CONTACT_KEY).encrypt(nonce, plain.encode(), b"v1:")).decode()
