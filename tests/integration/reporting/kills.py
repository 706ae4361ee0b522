"""Rounds of kill -9 against a reporting process while it projects, rebuilds and freezes a seeded log; afterwards what
it keeps is compared with a batch recomputation of the same log in memory.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

import httpx

from services.reporting.documents import Document
from services.reporting.freezing import Freezer, genuine
from services.reporting.handlers import on_events
from services.reporting.settings import ReportingSettings
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared import mongo
from shared.bus import record_of
from shared.clock import real
from shared.events.base import Submitted
from shared.kafka_bus import KafkaPublisher
from shared.rulesets import load
from tests.unit.reporting.folded import Folded, batches
from tests.unit.reporting.registered import ADMIN, KEYS, as_event, puts, registry

ROUND = "2023-1"
# What says when or by whom it was frozen, not what was found.
ABOUT_FREEZING = ("frozen_at", "frozen_by", "supersedes", "evaluation_id", "sha256", "cut_off", "timezone")
Until = Callable[..., Awaitable[None]]


class Killable:
    """Reporting as a process of its own."""

    def __init__(self, settings: ReportingSettings) -> None:
        values = {name: value for name, value in settings.model_dump(exclude_unset=True).items() if value is not None}
        self._environment = os.environ | {f"KEYCOUNTY_{name.upper()}": str(value) for name, value in values.items()}
        self.address = f"http://127.0.0.1:{settings.port}"
        self._process: Process | None = None

    async def start(self) -> None:
        command = (sys.executable, "-m", "services.reporting")
        self._process = await asyncio.create_subprocess_exec(
            *command, env=self._environment, stdout=DEVNULL, stderr=DEVNULL
        )

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def again(self) -> None:
        await self.kill()
        await self.start()


class KillRound:
    """One seeded round over fresh topics and a fresh database."""

    def __init__(self, settings: ReportingSettings, world: Folded, seed: int, until: Until) -> None:
        self.world, self.dice, self.until = world, Random(seed), until
        self.reporting = Killable(settings)
        self.publisher = KafkaPublisher(settings)
        self.database = mongo.connect(settings, "reporting")
        self.kills = 0
        owned = {(row.enterprise_id, row.unit_id) for _, event in world.deliveries if (row := _about(event.data))}
        self.sent = sum(isinstance(event.data, Submitted) for _, event in world.deliveries)
        self.puts, self.registry = puts(owned, self.sent), registry(owned, self.sent)

    async def run(self) -> None:
        await self.publisher.start()
        await self.reporting.start()
        try:
            await self.publisher.publish([record_of(as_event(put)) for put in self.puts])
            await self._killed_while_projecting()
            await self._killed_while_rebuilding()
            await self._killed_while_freezing()
            await self._compare()
        finally:
            await self.reporting.kill()
            await self.publisher.stop()
            await self.database.close()

    async def _killed_while_projecting(self) -> None:
        half = len(self.world.deliveries) // 2
        for part in (self.world.deliveries[:half], self.world.deliveries[half:]):
            records = [replace(record_of(event), partition=where.partition) for where, event in part]
            before = await self._reached(1)
            await self.publisher.publish(records)
            await self._kill_beyond(1, before + self.dice.randrange(len(part)))
        await self._all_projected(1)

    async def _killed_while_rebuilding(self) -> None:
        await self.until(lambda: self._says("POST", "/v1/rebuilds", ADMIN, 202), "the rebuild to be asked for", 60)
        await self._kill_beyond(2, self.dice.randrange(len(self.world.deliveries)))
        await self.until(self._switched, "the switch", 120)

    async def _killed_while_freezing(self) -> None:
        """Asks for all evaluations at once and kills as soon as some have answered."""
        await self.until(lambda: self._says("GET", "/v1/units", KEYS["national"], 200), "the service", 60)
        answers = [asyncio.create_task(self._freeze(unit)) for unit in self._scopes()]
        survivors = self.dice.randrange(len(answers))
        for _, done in zip(range(survivors), asyncio.as_completed(answers), strict=False):
            await done
        await self.reporting.again()
        self.kills += 1
        await asyncio.gather(*answers)

    async def _kill_beyond(self, generation: int, events: int) -> None:
        async def beyond() -> bool:
            return await self._reached(generation) > events

        await self.until(beyond, f"more than {events} records in generation {generation}", 120)
        await self.reporting.again()
        self.kills += 1

    async def _all_projected(self, generation: int) -> None:
        async def whole() -> bool:
            return await self._reached(generation) == len(self.world.deliveries)

        await self.until(whole, "all records", 120)

    async def _reached(self, generation: int) -> int:
        rows = await self.database.collection(f"g{generation}_progress").find({}).to_list(None)
        return sum(row["next"] for row in rows)

    async def _switched(self) -> bool:
        found = await self.database.collection("generations").find_one({"_id": "read_models"})
        return bool(found and found["live"] == 2)

    async def _says(self, method: str, path: str, key: str, status: int) -> bool:
        try:
            async with httpx.AsyncClient(timeout=20) as http:
                headers = {"authorization": f"Bearer {key}"}
                return (
                    await http.request(method, self.reporting.address + path, headers=headers)
                ).status_code == status
        except httpx.HTTPError:
            return False

    def _scopes(self) -> list[str | None]:
        return [None, *sorted({event.key for where, event in self.world.deliveries if where.topic == "inspections.v1"})]

    async def _freeze(self, unit_id: str | None) -> Any:
        try:
            async with httpx.AsyncClient(timeout=30) as http:
                answer = await http.post(
                    f"{self.reporting.address}/v1/evaluations",
                    json={"round_id": ROUND, "unit_id": unit_id},
                    headers={"authorization": f"Bearer {KEYS['national']}"},
                )
                return answer.json() if answer.status_code == 201 else None
        except httpx.HTTPError:
            return None

    async def _compare(self) -> None:
        models = MemoryReadModels()
        for batch in batches(self.world):
            await on_events(models, batch)
        for name, rows in models.collections.items():
            kept = await self.database.collection(f"g2_{name}").find({}).to_list(None)
            assert {row["_id"]: _timeless(row) for row in kept} == {key: _timeless(row) for key, row in rows.items()}
        await self._compare_evaluations(models)

    async def _compare_evaluations(self, models: MemoryReadModels) -> None:
        freezer = Freezer(models, MemoryEvaluations(), self.registry, load(), load_suggestions(), real)
        for unit_id in self._scopes():
            wanted = await freezer.freeze(ROUND, unit_id, "test")
            found: list[Any] = []

            async def frozen(scope: str | None = unit_id, answers: list[Any] = found) -> bool:
                answers[:] = [await self._freeze(scope)]
                return answers[0] is not None

            await self.until(frozen, "a freeze after the kills", 60)
            assert wanted is not None
            assert _found(found[0]) == _found(json.loads(wanted.body))
            stored = await self.database.collection("evaluations").find({"unit_id": unit_id}).to_list(None)
            assert [row["_id"] for row in stored] == [found[0]["evaluation_id"]]
            assert genuine(json.loads(stored[0]["body"]))


def _about(data: Any) -> Any:
    return data if getattr(data, "enterprise_id", None) else None


def _timeless(row: Document) -> Document:
    """Without the time of writing, which the bus gives."""
    return {name: value for name, value in row.items() if name != "written_ms"}


def _found(content: Document) -> Document:
    return {name: value for name, value in content.items() if name not in ABOUT_FREEZING}
