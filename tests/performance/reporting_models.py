"""Read models for the reporting benchmark: filled straight into the store, and what each page reads of them."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from services.reporting.documents import Document, ReadModels, Write, newest
from services.reporting.handlers import Batch, on_events
from services.reporting.projections import project
from services.reporting.queries import Reads
from services.reporting.stores.mongo import MongoReadModels
from shared import mongo
from shared.registry import Registry
from tests.unit.reporting.folded import Folded, folded

FILL = 5000
TODAY = datetime(2023, 6, 1, tzinfo=UTC)
SOURCE = "unit-00"
# What pages and what evaluations read. The histories that only a freeze under load looks into are left out.
FOR_PAGES = ("units", "risk_history", "enterprises", "findings", "submissions")
FOR_EVALUATIONS = ("units", "unit_rounds", "rounds", "round_history", "enterprise_rounds", "finding_rounds", "findings")


def a_log_of(events: int) -> Folded:
    """So many events of units of twelve enterprises, with what scoring makes of them among them."""
    of_one = len(folded(units=1, enterprises=12, rounds=1).deliveries)
    whole = folded(units=2 + events * 11 // (of_one * 10), enterprises=12, rounds=1)  # some units have fewer
    return replace(whole, deliveries=whole.deliveries[:events])


async def project_all(models: MongoReadModels, parts: Iterable[Batch]) -> None:
    """The projection as the service runs it."""
    for batch in parts:
        await on_events(models, batch)


def documents_of(batch: Batch) -> list[Write]:
    """The documents that a batch leaves behind."""
    return newest(write for delivery, event in batch for write in project(event, delivery))


async def upsert(models: MongoReadModels, batches_of_writes: list[list[Write]]) -> None:
    """The same documents by the client's own bulk upsert, nothing asked and nothing decided."""
    for writes in batches_of_writes:
        by_collection: dict[str, list[Any]] = {}
        for write in writes:
            document = {**write.document, "_id": write.id, "order": write.order}
            by_collection.setdefault(write.collection, []).append(
                mongo.ReplaceOne({"_id": write.id}, document, upsert=True)
            )
        for name, replacements in by_collection.items():
            await models._collection(name).bulk_write(replacements, ordered=False)


async def fill(models: MongoReadModels, world: Folded, copies: int, collections: Sequence[str]) -> list[Write]:
    """Copies the documents of one unit under other names into the store; answers what was copied."""
    writes = [write for write in documents_of(own_events(world)) if write.collection in collections]
    for copy in range(copies):
        waiting: dict[str, list[Document]] = {}
        for write in writes:
            one = _renamed(write, copy)
            waiting.setdefault(one.collection, []).append({**one.document, "_id": one.id, "order": one.order})
        for name, rows in waiting.items():
            for part in _parts(rows):
                await models._collection(name).insert_many(part, ordered=False)
    return writes


def first_enterprise(writes: Sequence[Write]) -> str:
    """An enterprise of the first copy."""
    return next(f"00000{write.document['enterprise_id']}" for write in writes if write.collection == "enterprises")


def own_events(world: Folded) -> Batch:
    """The events of the unit that is copied."""
    return [event for event in world.deliveries if event[1].key == SOURCE]


def unit_name(copy: int) -> str:
    return f"unit-{copy:05d}"


def _parts(rows: list[Document]) -> Iterator[list[Document]]:
    left = iter(rows)
    while part := list(islice(left, FILL)):
        yield part


def _renamed(write: Write, copy: int) -> Write:
    prefix, unit_id = f"{copy:05d}", unit_name(copy)
    document = {**write.document, "unit_id": unit_id}
    if document.get("enterprise_id"):
        document["enterprise_id"] = prefix + document["enterprise_id"]
    name = prefix + write.id
    if write.collection in ("units", "unit_rounds", "rounds"):
        name = write.id.replace(SOURCE, unit_id)
    if write.collection in ("unit_rounds", "rounds"):
        document["data"] = {**document["data"], "unit_id": unit_id}
    return Write(write.collection, name, write.order, document)


def pages_of(models: ReadModels, enterprise: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What each page reads of the first unit, one of its enterprises, and six units."""
    reads, unit = Reads(models, Registry()), unit_name(0)

    async def unit_page() -> None:
        await reads.risk(unit)
        await reads.enterprises_of(unit, limit=200)
        await reads.findings({"unit_id": unit, "standing": True}, None, 200)
        await reads.trend(unit)
        await reads.alerts({"unit_id": unit}, 10)
        await reads.recent(unit, 10)

    async def enterprise_page() -> None:
        await reads.enterprise(enterprise)
        await reads.findings({"enterprise_id": enterprise}, None, 201)
        await reads.alerts({"enterprise_id": enterprise}, 20)

    async def overview() -> None:
        await reads.units([unit_name(number) for number in range(6)])
        await reads.came_in(TODAY, None, 12)
        await reads.alerts_since(TODAY, None, 8)

    return {"unit": unit_page, "enterprise": enterprise_page, "overview": overview}
