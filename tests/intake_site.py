"""Intake served on a local port over memory stores, in a thread: what the browser tests look at from outside."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
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
from shared.memory_bus import MemoryBus
from shared.receipts import SigningKeys
from tests.intake_world import Time, World, settings_in

READY_S = 20


@dataclass
class ServedIntake:
    """A running intake: its address, its clock, and the keys by name. `call` runs a call of the world in its loop."""

    url: str
    world: World
    loop: asyncio.AbstractEventLoop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(READY_S)

    def submit(self, path: str, who: str, body: Any, key: str | None = None) -> httpx.Response:
        return self.run(self.world.submit(path, who, body, key))

    def ok(self, method: str, path: str, who: str = "admin", body: Any = None) -> Any:
        return self.run(self.world.ok(method, path, who, body))

    def key(self, who: str) -> str:
        return self.world.keys[who]


@contextlib.contextmanager
def served(folder: Path, prepare: Callable[[World], Coroutine[Any, Any, Any]] | None = None) -> Iterator[ServedIntake]:
    """Intake with the registered world of the API tests, until the block ends."""
    ready, found = threading.Event(), {}

    def serve() -> None:
        asyncio.run(_serve(folder, prepare, found, ready))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    if not ready.wait(READY_S) or "intake" not in found:
        raise RuntimeError("intake did not start")
    yield found["intake"]
    found["server"].should_exit = True
    thread.join(READY_S)


async def _serve(folder: Path, prepare: Any, found: dict[str, Any], ready: threading.Event) -> None:
    loop, time, faults, bus = asyncio.get_running_loop(), Time(), Faults(), MemoryBus()
    adapters = Adapters(
        submissions=MemorySubmissionStore(faults),
        changes=MemoryRegistryStore(faults),
        leases=MemoryLeaseStore(time, faults),
        evidence=MemoryEvidenceStore(faults),
        publisher=bus.publisher(),
        now=time,
        keys=SigningKeys([Ed25519PrivateKey.generate()]),
        rules=rulesets.load(),
        contact_key=b"k" * 32,
        session_secret=b"s" * 32,
    )
    parts = assemble(_settings(folder), adapters)
    await parts.leases.step()
    running = [parts.leases, parts.announcer, parts.outbox, parts.book]
    tasks = [asyncio.create_task(part.run()) for part in running]
    server = uvicorn.Server(
        uvicorn.Config(parts.app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(parts.app), base_url="http://intake") as client:
        world = World(parts, adapters, bus, time, faults, client)
        await world.register()
        if prepare is not None:
            await prepare(world)
        found |= {"intake": ServedIntake(url, world, loop), "server": server}
        ready.set()
        await serving
    for part in running:
        await part.stop()
    await asyncio.wait(tasks, timeout=3)
    for task in tasks:
        task.cancel()


def _settings(folder: Path) -> IntakeSettings:
    changes = {"instance": "intake-pages", "public_url_reporting": "http://reporting.example"}
    return settings_in(folder).model_copy(update=changes)
