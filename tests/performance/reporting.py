"""`make bench-reporting`: projection against raw upserts, reads at two sizes, evaluations, PDF; a table, then JSON.

Everything compared is measured in the same run on the same store; the figures are those of the store it runs on.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.store import LocalStore
from services.reporting.documents import Document, Where, Write, newest
from services.reporting.freezing import Freezer, Frozen
from services.reporting.handlers import on_events
from services.reporting.projections import project
from services.reporting.queries import Reads
from services.reporting.render.pdf_file import PdfRenderer
from services.reporting.render.texts import texts
from services.reporting.stores.memory import MemoryEvaluations
from services.reporting.stores.mongo import MongoReadModels
from services.reporting.suggestions import load_suggestions
from shared import mongo
from shared.registry import Registry
from shared.rulesets import load
from shared.settings import Settings
from tests.unit.reporting.folded import Folded, batches, folded

BATCH = 500


@dataclass(frozen=True)
class Bar:
    """A figure with its bar; `most` False: at least."""

    name: str
    value: float
    bar: float
    most: bool = True

    @property
    def met(self) -> bool:
        return self.value <= self.bar if self.most else self.value >= self.bar


class Counting:
    """Read models that count the documents read through them."""

    def __init__(self, models: MongoReadModels) -> None:
        self._models = models
        self.read = 0

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        await self._models.replace_newer(writes)

    async def get(self, collection: str, id: str) -> Document | None:
        self.read += 1
        return await self._models.get(collection, id)

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        found = await self._models.get_many(collection, ids)
        self.read += len(found)
        return found

    async def find(self, collection: str, where: Where, **more: Any) -> list[Document]:
        found = await self._models.find(collection, where, **more)
        self.read += len(found)
        return found

    async def remove(self, collection: str, where: Where) -> None:
        await self._models.remove(collection, where)


async def seconds(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def projection(database: mongo.Database, world: Folded) -> tuple[float, float, float]:
    """Events a second of the projection, of raw bulk upserts of the same documents, and of a rebuild under reads."""
    models, raw, again = (MongoReadModels(database, number) for number in (1, 2, 3))
    for each in (models, raw, again):
        await each.prepare()
    own = await seconds(_project(models, world))
    documents = [_documents(batch) for batch in batches(world, BATCH)]
    plain = await seconds(_upsert(raw, documents))
    reading = asyncio.create_task(_read_on(Reads(models, Registry())))
    rebuilt = await seconds(_project(again, world))
    reading.cancel()
    count = len(world.deliveries)
    return count / own, count / plain, count / rebuilt


async def _project(models: MongoReadModels, world: Folded) -> None:
    for batch in batches(world, BATCH):
        await on_events(models, batch)


def _documents(batch: Sequence[Any]) -> list[Write]:
    return newest(write for delivery, event in batch for write in project(event, delivery))


async def _upsert(models: MongoReadModels, batches_of_writes: list[list[Write]]) -> None:
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


async def _read_on(reads: Reads) -> None:
    while True:
        await reads.risk("unit-00")
        await asyncio.sleep(0.02)


async def fill(models: MongoReadModels, source: Folded, events: int) -> tuple[str, str]:
    """Read models of so many events, made by copying one unit's documents under other names."""
    writes = newest(write for delivery, event in source.deliveries for write in project(event, delivery))
    kept = [write for write in writes if write.document.get("unit_id") == "unit-00"]
    for copy in range(max(1, events // len(source.deliveries))):
        await models.replace_newer([_renamed(write, f"unit-{copy:05d}", f"{copy:05d}") for write in kept])
    enterprise = next(write.document["enterprise_id"] for write in kept if write.collection == "enterprises")
    return "unit-00000", f"00000{enterprise}"


def _renamed(write: Write, unit_id: str, prefix: str) -> Write:
    document = {**write.document, "unit_id": unit_id}
    if document.get("enterprise_id"):
        document["enterprise_id"] = prefix + document["enterprise_id"]
    name = unit_id if write.collection == "units" else f"{prefix}{write.id}"
    return Write(write.collection, name, write.order, document)


async def reads_p99(models: MongoReadModels, unit: str, enterprise: str, rounds: int) -> dict[str, tuple[float, int]]:
    """For each page's read: p99 in milliseconds, and documents read by one."""
    counting = Counting(models)
    reads = Reads(counting, Registry())
    pages: dict[str, Callable[[], Awaitable[Any]]] = {
        "unit": lambda: asyncio.gather(reads.risk(unit), reads.enterprises_of(unit, limit=200), reads.trend(unit)),
        "enterprise": lambda: asyncio.gather(reads.enterprise(enterprise), reads.alerts({"enterprise_id": enterprise})),
        "overview": lambda: reads.units([f"unit-{number:05d}" for number in range(6)]),
    }
    found = {}
    for name, read in pages.items():
        await read()
        counting.read = 0
        await read()
        documents = counting.read
        took = sorted([await seconds(read()) for _ in range(rounds)])
        found[name] = (took[int(len(took) * 0.99) - 1] * 1000, documents)
    return found


async def evaluations(database: mongo.Database, units: int, enterprises: int) -> dict[str, float]:
    """Documents read by an evaluation against its enterprises and findings; the nation against units one by one."""
    models = MongoReadModels(database, 5)
    await models.prepare()
    world = folded(units=units, enterprises=enterprises, rounds=1)
    await _project(models, world)
    counting, kept = Counting(models), MemoryEvaluations()
    freezer = Freezer(counting, kept, Registry(), load(), load_suggestions(), lambda: datetime(2023, 6, 1, tzinfo=UTC))
    names = [f"unit-{number:02d}" for number in range(units)]
    counting.read = 0
    await _frozen(freezer, names[0])
    documents = counting.read
    stated = len(await models.find("enterprise_rounds", {"unit_id": names[0]})) + len(
        await models.find("finding_rounds", {"unit_id": names[0]})
    )
    singles = 0.0
    for name in names:
        singles += await seconds(_frozen(freezer, name))
    nation = await seconds(_frozen(freezer, None))
    return {"documents": documents, "stated": stated + units + 20, "nation_s": nation, "singles_s": singles}


async def _frozen(freezer: Freezer, unit_id: str | None) -> Frozen:
    found = await freezer.freeze("2023-1", unit_id, "bench")
    assert found is not None
    return found


async def pdf(database: mongo.Database) -> float:
    """Seconds of one PDF in the child process, once that is up."""
    models = MongoReadModels(database, 5)
    kept = MemoryEvaluations()
    freezer = Freezer(models, kept, Registry(), load(), load_suggestions(), lambda: datetime(2023, 6, 1, tzinfo=UTC))
    content, renderer = (await _frozen(freezer, "unit-00")).content(), PdfRenderer()
    await renderer.render(content, texts("zh-CN"))
    took = min([await seconds(renderer.render(content, texts("zh-CN"))) for _ in range(5)])
    renderer.stop()
    return took


async def measure(uri: str, options: argparse.Namespace) -> list[Bar]:
    settings = Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri=uri)
    database = mongo.connect(settings, "bench")
    world = folded(units=4, enterprises=options.enterprises)
    own, plain, rebuilt = await projection(database, world)
    small, large = MongoReadModels(database, 10), MongoReadModels(database, 11)
    figures = []
    for models, events in ((small, options.small), (large, options.large)):
        await models.prepare()
        names = await fill(models, world, events)
        figures.append(await reads_p99(models, *names, rounds=options.rounds))
    found = await evaluations(database, options.units, options.enterprises)
    bars = [
        Bar("projection, share of raw upserts", own / plain, 0.7, most=False),
        Bar("rebuild, share of the projection's rate", rebuilt / own, 0.9, most=False),
        *(Bar(f"{name}: p99 large / small", figures[1][name][0] / figures[0][name][0], 1.3) for name in figures[0]),
        *(
            Bar(f"{name}: documents large / small", figures[1][name][1] / figures[0][name][1], 1.3)
            for name in figures[0]
        ),
        Bar("evaluation: documents read / stated", found["documents"] / found["stated"], 1.0),
        Bar("nation / units one by one", found["nation_s"] / found["singles_s"], 1.5),
        Bar("PDF seconds", await pdf(database), 0.5),
    ]
    print(f"projection {own:.0f} events/s, raw upserts {plain:.0f}, rebuild under reads {rebuilt:.0f}")
    database.close()
    return bars


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument(
        "--units", type=int, default=12, help="units of the national evaluation (135 for the full size)"
    )
    parser.add_argument("--enterprises", type=int, default=12, help="enterprises of a unit (130 for the full size)")
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStore(Path(folder)) as store:
        bars = asyncio.run(measure(store.uri, options))
    table = Table("figure", "measured", "bar", "met")
    for bar in bars:
        table.add_row(
            bar.name, f"{bar.value:.3f}", f"{'<=' if bar.most else '>='} {bar.bar:g}", "yes" if bar.met else "NO"
        )
    Console().print(table)
    passed = all(bar.met for bar in bars)
    sizes = {"small": options.small, "large": options.large, "units": options.units, "enterprises": options.enterprises}
    print(
        json.dumps(
            {"name": "bench-reporting", **sizes, **{bar.name: round(bar.value, 4) for bar in bars}, "passed": passed}
        )
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
