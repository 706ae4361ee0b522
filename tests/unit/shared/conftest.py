import asyncio
from collections.abc import AsyncGenerator

import pytest

from tests.unit.shared.consuming import House


@pytest.fixture
async def house() -> AsyncGenerator[House]:
    made = House()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
