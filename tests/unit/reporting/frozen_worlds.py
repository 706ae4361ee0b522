"""Frozen evaluations of a seeded world of two rounds, of a unit and of the nation; for tests of renderings."""

from datetime import UTC, datetime
from typing import Any

from services.reporting.freezing import Freezer, Frozen
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.rulesets import load
from tests.unit.reporting.folded import Folded, batches, folded
from tests.unit.reporting.registered import registry

LAST_ROUND = "2023-2"


async def freezer_of(world: Folded) -> Freezer:
    """A freezer over read models that hold the whole world."""
    models = MemoryReadModels()
    for batch in batches(world):
        await on_events(models, batch)
    owned = {(event.data.enterprise_id, event.key) for _, event in world.deliveries if _enterprise(event.data)}
    now = datetime(2023, 12, 1, tzinfo=UTC)
    return Freezer(models, MemoryEvaluations(), registry(owned), load(), load_suggestions(), lambda: now)


def _enterprise(data: Any) -> bool:
    return bool(getattr(data, "enterprise_id", None))


async def frozen(freezer: Freezer, unit_id: str | None, round_id: str = LAST_ROUND) -> Frozen:
    found = await freezer.freeze(round_id, unit_id, "test")
    assert found is not None
    return found


async def frozen_pair() -> tuple[dict[str, Any], dict[str, Any]]:
    """The contents of a unit's and the nation's evaluation."""
    freezer = await freezer_of(folded(units=4, enterprises=5, rounds=2))
    return (await frozen(freezer, "unit-01")).content(), (await frozen(freezer, None)).content()
