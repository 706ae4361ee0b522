"""Notify's store full of closed alerts, and what a due step costs there. Used by `notify.py`."""

import statistics
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notify.stores.mongo import MongoAlertStore
from shared import mongo


async def filled(collection: mongo.Collection, stored: int, wanted: int, seconds: float) -> int:
    """Closed alerts added up to `wanted`, or for so many seconds; how many there are then."""
    now, until = datetime.now(UTC), time.monotonic() + seconds
    while stored < wanted and time.monotonic() < until:
        size = min(1000, wanted - stored)
        await collection.insert_many([closed(stored + place, now) for place in range(size)], ordered=False)
        stored += size
    return stored


async def asked(store: MongoAlertStore) -> float:
    """Seconds (median) of a look for due steps and of what the decision about a reminder reads."""
    times = []
    for _ in range(200):
        began = time.perf_counter()
        await store.due(datetime.now(UTC), 100)
        await store.unit_alert("unit-1", False)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def closed(number: int, now: datetime) -> dict[str, Any]:
    return {
        "_id": str(uuid.UUID(int=number)),
        "unit_id": f"unit-{number % 3000}",
        "state": "closed",
        "opened_at": now - timedelta(seconds=number),
        "facts": {"finding_id": str(number), "text": "x" * 200},
        "outbox": [],
    }
