"""What is written once a message has left: one write at a time, and the next message does not wait for it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from services.notify.ports import Saving
from services.notify.rules.deliveries import Delivery
from services.notify.stores.memory import MemoryAlertStore, MemoryLedger
from shared.events.envelope import Event
from tests.contract.notify.world import Stores, World, settings


class Writes:
    """How many run side by side, and the most there were; history waits at the gate."""

    def __init__(self) -> None:
        self.under_way = self.most = 0
        self.gate = asyncio.Event()

    async def __aenter__(self) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)

    async def __aexit__(self, *_: object) -> None:
        self.under_way -= 1


class Alerts(MemoryAlertStore):
    def __init__(self, writes: Writes) -> None:
        super().__init__()
        self.writes = writes

    async def save_all(self, savings: Sequence[Saving]) -> list[bool]:
        async with self.writes:
            return await super().save_all(savings)


class Ledger(MemoryLedger):
    def __init__(self, writes: Writes) -> None:
        super().__init__()
        self.writes = writes

    async def record_all(self, deliveries: Sequence[Delivery]) -> None:
        async with self.writes:
            await super().record_all(deliveries)

    async def append(self, events: Sequence[Event]) -> None:
        async with self.writes:
            await self.writes.gate.wait()
            await super().append(events)


async def test_one_at_a_time_and_the_next_message_waits_for_none(tmp_path: Path) -> None:
    writes = Writes()
    async with World(settings(tmp_path), stores=Stores(Alerts(writes), Ledger(writes))) as world:
        await world.register()
        ids = [await world.publish(world.hazard())]
        await world.until(lambda: writes.under_way, "a write of history, which hangs")
        ids.append(await world.publish(world.hazard(subject="another")))
        await world.told("county", 2)
        writes.gate.set()
        for id in ids:
            await world.settled(id)
        assert len(await world.published("alert.delivered")) == 2
    assert writes.most == 1
