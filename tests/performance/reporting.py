"""`make bench-reporting`: projection against raw upserts, reads at two sizes, evaluations, PDF; a table, then JSON.

Everything compared is measured in the same run on the same store; the figures are those of the store it runs on.
"""

import argparse
import asyncio
import json
import statistics
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
from services.reporting.handlers import BATCH, REBUILD_BATCH, Batch, on_events
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

FILL = 5000


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
    """Events a second of the projection, of raw bulk upserts of the same documents, and of a rebuild under reads.

    Taken in turns, so that all three meet the same load of the machine.
    """
    models, raw, again = (MongoReadModels(database, number) for number in (1, 2, 3))
    for each in (models, raw, again):
        await each.prepare()
    own = plain = rebuilt = 0.0
    for chunk in batches(world, REBUILD_BATCH):
        parts = [chunk[start : start + BATCH] for start in range(0, len(chunk), BATCH)]
        own += await seconds(_project(models, parts))
        plain += await seconds(_upsert(raw, [_documents(part) for part in parts]))
        reading = asyncio.create_task(_read_on(Reads(models, Registry())))
        rebuilt += await seconds(_project(again, [chunk]))
        reading.cancel()
    count = len(world.deliveries)
    return count / own, count / plain, count / rebuilt


async def _project(models: MongoReadModels, parts: Iterable[Batch]) -> None:
    for batch in parts:
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
    """Read models of so many events, made by copying one unit's documents under other names straight into the store."""
    kept = [event for event in source.deliveries if event[1].key == "unit-00"]
    writes = newest(write for delivery, event in kept for write in project(event, delivery))
    writes = [write for write in writes if write.document.get("unit_id") == "unit-00"]
    waiting: dict[str, list[Document]] = {}
    for copy in range(max(1, events // len(kept))):
        for write in writes:
            one = _renamed(write, f"unit-{copy:05d}", f"{copy:05d}")
            rows = waiting.setdefault(one.collection, [])
            rows.append({**one.document, "_id": one.id, "order": one.order})
            if len(rows) == FILL:
                await models._collection(one.collection).insert_many(waiting.pop(one.collection), ordered=False)
    for name, rows in waiting.items():
        await models._collection(name).insert_many(rows, ordered=False)
    enterprise = next(write.document["enterprise_id"] for write in writes if write.collection == "enterprises")
    return "unit-00000", f"00000{enterprise}"


def _renamed(write: Write, unit_id: str, prefix: str) -> Write:
    document = {**write.document, "unit_id": unit_id}
    if document.get("enterprise_id"):
        document["enterprise_id"] = prefix + document["enterprise_id"]
    name = unit_id if write.collection == "units" else f"{prefix}{write.id}"
    return Write(write.collection, name, write.order, document)


def pages_of(models: Counting, unit: str, enterprise: str) -> dict[str, Callable[[], Awaitable[Any]]]:
    """What each page reads."""
    reads = Reads(models, Registry())
    return {
        "unit": lambda: asyncio.gather(reads.risk(unit), reads.enterprises_of(unit, limit=200), reads.trend(unit)),
        "enterprise": lambda: asyncio.gather(reads.enterprise(enterprise), reads.alerts({"enterprise_id": enterprise})),
        "overview": lambda: reads.units([f"unit-{number:05d}" for number in range(6)]),
    }


async def reads_compared(
    small: tuple[Counting, str, str], large: tuple[Counting, str, str], rounds: int
) -> dict[str, tuple[float, float]]:
    """For each page: p99 of the large read models over that of the small, the median of five runs in turns; and the
    documents read by one page, likewise.
    """
    found = {}
    for name, read in pages_of(*small).items():
        other = pages_of(*large)[name]
        documents = [await _documents_read(models, page) for models, page in ((small[0], read), (large[0], other))]
        ratios = []
        for _ in range(5):
            took: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for page, times in zip((read, other), took, strict=True):
                    times.append(await seconds(page()))
            ratios.append(p99(took[1]) / p99(took[0]))
        found[name] = (statistics.median(ratios), documents[1] / documents[0])
    return found


async def _documents_read(models: Counting, page: Callable[[], Awaitable[Any]]) -> int:
    await page()
    models.read = 0
    await page()
    return models.read


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


async def evaluations(database: mongo.Database, units: int, enterprises: int) -> dict[str, float]:
    """Documents read by an evaluation against its enterprises and findings; the nation against units one by one."""
    models = MongoReadModels(database, 5)
    await models.prepare()
    world = folded(units=units, enterprises=enterprises, rounds=1)
    await _project(models, batches(world, REBUILD_BATCH))
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


def told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measure(uri: str, options: argparse.Namespace) -> list[Bar]:
    settings = Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri=uri)
    database = mongo.connect(settings, "bench")
    world = folded(units=4, enterprises=options.enterprises, rounds=1)
    own, plain, rebuilt = await projection(database, world)
    told(f"{len(world.deliveries)} events: projection {own:.0f}/s, raw upserts {plain:.0f}/s, rebuild {rebuilt:.0f}/s")
    small, large = MongoReadModels(database, 10), MongoReadModels(database, 11)
    filled = []
    for models, events in ((small, options.small), (large, options.large)):
        await models.prepare()
        filled.append((Counting(models), *await fill(models, world, events)))
    figures = await reads_compared(filled[0], filled[1], options.rounds)
    told("read models filled and read")
    found = await evaluations(database, options.units, options.enterprises)
    bars = [
        Bar("projection, share of raw upserts", own / plain, 0.7, most=False),
        Bar("rebuild, share of the projection's rate", rebuilt / own, 1.0, most=False),
        *(Bar(f"{name}: p99 large / small", figures[name][0], 1.3) for name in figures),
        *(Bar(f"{name}: documents large / small", figures[name][1], 1.3) for name in figures),
        Bar("evaluation: documents read / stated", found["documents"] / found["stated"], 1.0),
        Bar("nation / units one by one", found["nation_s"] / found["singles_s"], 1.5),
        Bar("PDF seconds", await pdf(database), 0.5),
    ]
    database.close()
    return bars


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=5_000)
    parser.add_argument("--large", type=int, default=500_000)
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
