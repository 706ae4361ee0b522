"""Notify in one process over any stores and bus, with a clock to turn and receivers that answer as told."""

import asyncio
import itertools
import uuid
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx

from services.notify.assembly import Adapters, Assembled, assemble
from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact
from services.notify.settings import NotifySettings
from services.notify.stores.memory import MemoryAlertStore, MemoryBeats, MemoryLedger, MemorySilences
from shared import rulesets
from shared.bus import record_of
from shared.events.base import LogPosition, hazard_id, name_id
from shared.events.envelope import Event, make
from shared.events.hazards import HazardCleared, HazardRaised, HazardUpdated
from shared.events.registry import RegistryDeleted, RegistryPut
from shared.http.auth import hash_key
from shared.http.permissions import Role
from shared.memory_bus import MemoryBus
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays

START = datetime(2023, 2, 20, 1, 0, tzinfo=UTC)
ADMIN_KEY = "kc_test-admin"
ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
UNIT = "linzi"
ENTERPRISE = "91370305MA3KEY0T16"
TIERS = ("county", "prefecture", "province", "national")


class Clock:
    """Stands still until it is turned."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def turn(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Receiver:
    """A channel that keeps what it took. `answers` come first, one a message; after them everything is taken."""

    taken: list[tuple[Contact, Message]] = field(default_factory=list)
    tried: list[tuple[Contact, Message]] = field(default_factory=list)
    answers: list[Sent] = field(default_factory=list)
    always: dict[str, Sent] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    slow_s: float = 0.0

    async def send(self, contact: Contact, message: Message) -> Sent:
        self.tried.append((contact, message))
        if self.gate is not None:
            await self.gate.wait()
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        sent = self.always.get(contact.key) or (self.answers.pop(0) if self.answers else Sent("delivered", "ok"))
        if sent.outcome == "delivered":
            self.taken.append((contact, message))
        return sent

    def to(self, authority: str) -> list[Message]:
        return [message for contact, message in self.taken if contact.authority_id == authority]

    def effective(self) -> list[str]:
        return [message.id for _, message in self.taken]


def contact(id: str, channel: str = "webhook", **more: Any) -> dict[str, Any]:
    found = {"id": id, "channel": channel, "target": f"http://127.0.0.1/{id}", "secret": None, "locale": "zh-CN"}
    return found | {"hours": None} | more


def authority(tier: str, parent: str | None, *contacts: dict[str, Any]) -> dict[str, Any]:
    name = {"zh": tier, "en": tier}
    return {"name": name, "tier": tier, "parent": parent, "units": None, "contacts": list(contacts)}


def settings(tmp: Path, **more: Any) -> NotifySettings:
    """Settings with secrets of their own."""
    key, secret = tmp / "contact.key", tmp / "session.secret"
    key.write_bytes(b64encode(b"k" * 32))
    secret.write_bytes(b"session secret of the tests")
    values = {
        "kafka_bootstrap": "127.0.0.1:1",
        "mongo_uri": "mongodb://127.0.0.1:1",
        "contact_key_file": key,
        "session_secret_file": secret,
        "admin_key_sha256": hash_key(ADMIN_KEY),
        "instance": "notify-a",
        "egress_allow": ["127.0.0.0/8"],
    }
    return NotifySettings(**(values | more))


@cache
def packaged() -> AlertPolicy:
    return rulesets.load().at("alert-policy", START.date()).of(AlertPolicy)


@cache
def calendar() -> WorkingDays:
    return rulesets.load().at("working-days", START.date()).of(WorkingDays)


def policy(**minutes: float) -> AlertPolicy:
    """The packaged policy, with other minutes to answer."""
    found = packaged()
    return found.model_copy(update={"ack_within_minutes": {**found.ack_within_minutes, **minutes}})


class Stores:
    """One deployment's store, shared by its replicas."""

    def __init__(self, alerts: Any = None, ledger: Any = None, silences: Any = None) -> None:
        self.alerts = alerts or MemoryAlertStore()
        self.ledger = ledger or MemoryLedger()
        self.silences = silences or MemorySilences()


class World:
    """A running notify. Use as an async context manager; further replicas share bus, stores, clock and receiver."""

    def __init__(
        self,
        config: NotifySettings,
        *,
        stores: Stores | None = None,
        bus: MemoryBus | None = None,
        clock: Any = None,
        receiver: Receiver | None = None,
        operators: tuple[Contact, ...] = (Contact("operators", "ops", "webhook", "http://127.0.0.1/ops"),),
        rules: AlertPolicy | None = None,
    ) -> None:
        self.settings = config
        self.stores = stores or Stores()
        self.bus = bus or MemoryBus(partitions=3)
        self.clock = clock or Clock()
        self.receiver = receiver or Receiver()
        self._offsets = itertools.count(1)
        self._revisions = itertools.count(1)
        publisher = self.bus.publisher()
        self.adapters = Adapters(
            alerts=self.stores.alerts,
            ledger=self.stores.ledger,
            silences=self.stores.silences,
            beats=MemoryBeats(),
            hazards=self.bus.consumer(["hazards.v1"], "notify"),
            registry=self.bus.consumer(["registry.v1"], None),
            publisher=publisher,
            channels=dict.fromkeys(("webhook", "email", "wecom"), self.receiver),
            policy=lambda: rules or policy(),
            calendar=calendar(),
            now=self.clock,
            session_secret=b"session secret of the tests",
            operators=operators,
            life=uuid.uuid4().hex[:12],
            new_id=uuid.uuid4,
        )
        self.notify: Assembled = assemble(config, self.adapters)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(part.run()) for part in self.notify.parts]
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.notify.app), base_url="http://notify.test")
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in reversed(self.notify.parts):
            await part.stop()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 10)
        await self.http.aclose()

    async def kill(self) -> None:
        """As kill -9 does: nothing it does from here on is seen, and the bus gives its partitions to others."""
        tasks = [*self._tasks, *self.notify.dispatcher.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks = []
        await self.adapters.hazards.stop()

    async def put(self, kind: str, id: str, found: dict[str, Any]) -> None:
        """A registry object, as intake publishes it."""
        revision = next(self._revisions)
        data = RegistryPut(kind=kind, id=id, revision=revision, object=found, updated_at=self.clock())
        event = make(data, id=uuid.uuid4(), source="test", subject=id, time=self.clock(), key=f"{kind}/{id}")
        await self.bus.write([record_of(event)])

    async def register(self, *tiers: str, channel: str = "webhook") -> None:
        """A unit with an authority and one contact for each tier named; the chain skips the others."""
        wanted = [tier for tier in TIERS if tier in (tiers or TIERS)]
        for tier, parent in itertools.zip_longest(wanted, wanted[1:]):
            await self.put("authorities", tier, authority(tier, parent, contact(f"{tier}-1", channel)))
        await self.put("units", UNIT, {"name": {"zh": "临淄区", "en": "Linzi"}, "authority": wanted[0]})
        await self.caught_up(units=UNIT)

    async def sign_in(self, role: Role, **scope: Any) -> dict[str, str]:
        """Headers with a fresh key of a role."""
        key = f"kc_{role}-{next(self._revisions)}"
        await self.put("keys", key, {"sha256": hash_key(key), "role": str(role), "label": f"{role} on duty", **scope})
        await self.caught_up(keys=key)
        return {"authorization": f"Bearer {key}"}

    async def revoke(self, headers: dict[str, str]) -> None:
        """The key in these headers counts no more."""
        key = headers["authorization"].removeprefix("Bearer ")
        data = RegistryDeleted(kind="keys", id=key, revision=next(self._revisions), updated_at=self.clock())
        event = make(data, id=uuid.uuid4(), source="test", subject=key, time=self.clock(), key=f"keys/{key}")
        await self.bus.write([record_of(event)])
        await self.until(lambda: not self.notify.registry.get("keys", key), "the key to be revoked")

    async def caught_up(self, **known: str) -> None:
        async with asyncio.timeout(5):
            while not all(self.notify.registry.get(kind, id) for kind, id in known.items()):
                await asyncio.sleep(0.005)

    def hazard(self, kind: str = "major_finding", policy_key: str | None = None, **more: Any) -> HazardRaised:
        """A hazard of the unit; `subject` and `episode` make its id."""
        subject, episode = more.pop("subject", "finding-1"), more.pop("episode", 1)
        model = more.pop("model", HazardRaised)
        return model(
            unit_id=more.pop("unit_id", UNIT),
            hazard_id=hazard_id(kind, subject, episode),
            kind=kind,
            policy_key=policy_key or kind,
            subject=subject,
            episode=episode,
            enterprise_id=more.pop("enterprise_id", ENTERPRISE),
            facts=more.pop("facts", {"finding_id": subject, "checklist": "mhd-2017-121", "item": "5"}),
            caused_at=more.pop("caused_at", self.clock()),
            log_position=LogPosition(partition=0, offset=next(self._offsets)),
            **more,
        )

    def worse(self, policy_key: str, **more: Any) -> HazardUpdated:
        found = self.hazard(policy_key=policy_key, model=HazardUpdated, **more)
        assert isinstance(found, HazardUpdated)
        return found

    def clearing(self, kind: str = "major_finding", subject: str = "finding-1", episode: int = 1) -> HazardCleared:
        return HazardCleared(
            unit_id=UNIT,
            hazard_id=hazard_id(kind, subject, episode),
            kind=kind,
            subject=subject,
            episode=episode,
            reason="verified",
            caused_at=self.clock(),
            log_position=LogPosition(partition=0, offset=next(self._offsets)),
        )

    async def publish(self, *hazards: HazardRaised | HazardCleared) -> str:
        """Publishes hazards; the last one's alert id."""
        await self.bus.write([record_of(event_of(found, self.clock())) for found in hazards])
        return str(hazards[-1].hazard_id)

    async def alert(self, id: str) -> Any:
        return (await self.stores.alerts.get([id])).get(id)

    async def until(self, condition: Any, what: str, seconds: float = 5.0) -> Any:
        """Polls a plain or async condition; its first true answer."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            found = condition()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            assert asyncio.get_running_loop().time() < deadline, f"still waiting for {what}"
            await asyncio.sleep(0.01)

    async def told(self, authority: str, count: int = 1) -> list[Message]:
        await self.until(lambda: len(self.receiver.to(authority)) >= count, f"{count} messages to {authority}")
        return self.receiver.to(authority)

    async def settled(self, id: str) -> Any:
        """The alert once nothing of it is claimed or due any more."""

        async def calm() -> Any:
            found = await self.alert(id)
            return (
                found
                if found
                and (found.next_due is None or found.next_due > self.clock())
                and not any(step.claimed for step in found.steps)
                else None
            )

        return await self.until(calm, "the alert to come to rest")

    async def history(self, id: str) -> list[str]:
        """The names of the events on the bus about an alert, once all are there."""
        await self.until(self._nothing_waits, "the outbox to be empty")
        return [event.type.split(".", 1)[1].removesuffix(".v1") for event in await self.stores.ledger.history(id)]

    async def _nothing_waits(self) -> bool:
        return not await self.stores.alerts.unpublished(1)

    async def published(self, name: str) -> Sequence[Event]:
        """Events of a type on `alerts.v1`, once all are there."""
        await self.until(self._nothing_waits, "the outbox to be empty")
        found = [delivery.event() for delivery in self.bus.records("alerts.v1")]
        return [event for event in found if event.type == f"keycounty.{name}.v1"]


def event_of(data: HazardRaised | HazardCleared, at: datetime) -> Event:
    id = name_id("hazard-event", str(data.hazard_id), type(data).__name__, str(data.log_position.offset))
    return make(data, id=id, source="test", subject=str(data.hazard_id), time=at, correlation_id=f"c-{id}")
