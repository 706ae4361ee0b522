"""Intake in one process on memory stores, with one registered county: what the API tests drive through HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared import rulesets
from tests.intake_world import World, settings_in, world_of


@pytest.fixture(scope="session")
def rules() -> rulesets.RuleSets:
    return rulesets.load()


@pytest_asyncio.fixture
async def bare_world(tmp_path: Path, rules: rulesets.RuleSets) -> AsyncIterator[World]:
    found = await world_of(settings_in(tmp_path), rules)
    parts = [found.parts.leases, found.parts.announcer, found.parts.outbox, found.parts.book]
    tasks = [asyncio.create_task(part.run()) for part in parts]
    async with found.http:
        yield found
    found.store_faults.down = found.bus.away = False
    for part in parts:
        await part.stop()
    await asyncio.wait(tasks, timeout=3)
    for task in tasks:
        if task.done() and (error := task.exception()) is not None:
            raise error
        task.cancel()


@pytest_asyncio.fixture
async def world(bare_world: World) -> World:
    await bare_world.register()
    return bare_world
