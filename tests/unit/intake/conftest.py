"""Intake in one process on memory stores, with one registered county: what the API tests drive through HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.intake.settings import IntakeSettings
from services.intake.stores.memory import (
    Faults,
    MemoryEvidenceStore,
    MemoryLeaseStore,
    MemoryRegistryStore,
    MemorySubmissionStore,
)
from services.intake.wiring import Adapters, assemble
from shared import rulesets
from shared.http.auth import hash_key
from shared.memory_bus import MemoryBus
from shared.receipts import SigningKeys
from tests.intake_world import ADMIN, Time, World


@pytest.fixture(scope="session")
def rules() -> rulesets.RuleSets:
    return rulesets.load()


@pytest.fixture
def intake_settings(tmp_path: Path) -> IntakeSettings:
    return IntakeSettings(
        kafka_bootstrap="unused:1",
        mongo_uri="mongodb://unused/",
        signing_key_file=tmp_path / "signing.pem",
        contact_key_file=tmp_path / "contact",
        session_secret_file=tmp_path / "session",
        admin_key_sha256=hash_key(ADMIN),
        instance="intake-test",
    )


@pytest_asyncio.fixture
async def bare_world(intake_settings: IntakeSettings, rules: rulesets.RuleSets) -> AsyncIterator[World]:
    time, faults, bus = Time(), Faults(), MemoryBus()
    started = asyncio.get_running_loop().time()

    def lease_clock() -> datetime:
        return datetime(2023, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time() - started)

    adapters = Adapters(
        submissions=MemorySubmissionStore(faults),
        changes=MemoryRegistryStore(faults),
        leases=MemoryLeaseStore(lease_clock, faults),
        evidence=MemoryEvidenceStore(faults),
        publisher=bus.publisher(),
        now=time,
        keys=SigningKeys([Ed25519PrivateKey.generate()]),
        rules=rules,
        contact_key=b"k" * 32,
        session_secret=b"s" * 32,
    )
    parts = assemble(intake_settings, adapters)
    await parts.leases.step()
    running = [parts.leases, parts.announcer, parts.outbox, parts.book]
    tasks = [asyncio.create_task(part.run()) for part in running]
    transport = httpx.ASGITransport(parts.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield World(parts, adapters, bus, time, faults, client)
    faults.down = False
    bus.away = False
    for part in running:
        await part.stop()
    await asyncio.wait(tasks, timeout=3)
    for task in tasks:
        if task.done() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]
        task.cancel()


@pytest_asyncio.fixture
async def world(bare_world: World) -> World:
    await bare_world.register()
    return bare_world
