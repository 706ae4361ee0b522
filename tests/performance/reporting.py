"""`make bench-reporting`: projection against raw upserts, reads at two sizes, evaluations, PDF; a table, then JSON.

Everything compared is measured in the same run on the same store; the figures are those of the store it runs on.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.store import LocalStore
from services.reporting.documents import ReadModels, Write
from services.reporting.freezing import Freezer, Frozen
from services.reporting.handlers import BATCH, REBUILD_BATCH, on_events
from services.reporting.render.pdf_file import PdfRenderer
from services.reporting.render.texts import texts
from services.reporting.stores.memory import MemoryEvaluations, MemoryReadModels
from services.reporting.stores.mongo import MongoReadModels
from services.reporting.suggestions import load_suggestions
from shared import mongo
from shared.events.risk import FoldProgressed
from shared.registry import Registry
from shared.rulesets import load
from shared.settings import Settings
from tests.contract.reporting.explained import Explained
from tests.performance.bars import Bar
from tests.performance.reporting_models import (
    FOR_EVALUATIONS,
    FOR_PAGES,
    a_log_of,
    documents_of,
    fill,
    first_enterprise,
    own_events,
    pages_of,
    project_all,
    unit_name,
    upsert,
)
from tests.unit.reporting.folded import Folded, batches, folded
from tests.unit.reporting.registered import registry
from tests.unit.reporting.site_in_memory import app_of, signed

ROUND = "2023-1"
SINGLES = 15
# Peers, for the medians, and how far each partition has come: no documents of the unit.
OTHERS = ("unit_rounds", "folds", "progress")
# Of a page: what a reader may wait longer while the read models are built anew beside it.
UNDISTURBED = 1.3


async def seconds(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def projection(database: mongo.Database, world: Folded, page: Callable[[], Awaitable[Any]]) -> list[Bar]:
    """The projection against raw bulk upserts of the same documents, a rebuild against it, and a page beside both.

    Taken in turns, so that all meet the same load of the machine.
    """
    models, raw, again = (MongoReadModels(database, number) for number in (1, 2, 3))
    for each in (models, raw, again):
        await each.prepare()
    own = plain = rebuilt = 0.0
    usual: list[float] = []
    beside: list[float] = []
    for chunk in batches(world, REBUILD_BATCH):
        parts = [chunk[start : start + BATCH] for start in range(0, len(chunk), BATCH)]
        own += await seconds(_while_read(project_all(models, parts), page, usual))
        plain += await seconds(_while_read(upsert(raw, [documents_of(part) for part in parts]), page, []))
        rebuilt += await seconds(_while_read(project_all(again, [chunk]), page, beside))
    count = len(world.deliveries)
    told(f"{count} events: projection {count / own:.0f}/s, raw {count / plain:.0f}/s, rebuild {count / rebuilt:.0f}/s")
    waits = statistics.median(beside) / statistics.median(usual)
    return [
        Bar("projection, share of raw upserts", plain / own, 0.7, most=False),
        Bar("rebuild, share of the projection's rate", own / rebuilt, 1.0, most=False),
        Bar("live page during a rebuild / during the projection", waits, UNDISTURBED),
    ]


async def _while_read(work: Awaitable[Any], page: Callable[[], Awaitable[Any]], times: list[float]) -> None:
    """`work` with somebody reading a page over and over; `times` takes the seconds of each reading."""

    async def read() -> None:
        while True:
            times.append(await seconds(page()))
            await asyncio.sleep(0.02)

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)  # the first reading begins before the work does
    await work
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader


Filled = tuple[mongo.Database, MongoReadModels, str]


async def reads_compared(small: Filled, large: Filled, rounds: int) -> list[Bar]:
    """For each page: p99 of the large read models over that of the small, the median of five runs in turns; and the
    documents that the store examines for one page, likewise.
    """
    found = []
    for name, read in pages_of(*small[1:]).items():
        other = pages_of(*large[1:])[name]
        documents = [await _examined(each, name) for each in (small, large)]
        ratios = []
        for _ in range(5):
            took: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for page, times in zip((read, other), took, strict=True):
                    times.append(await seconds(page()))
            ratios.append(p99(took[1]) / p99(took[0]))
        found.append(Bar(f"{name}: p99 large / small", statistics.median(ratios), 1.3))
        found.append(Bar(f"{name}: documents examined large / small", documents[1] / documents[0], 1.3))
        told(f"{name}: {documents[1]} documents examined")
    return found


async def _examined(filled: Filled, page: str) -> int:
    database, models, enterprise = filled
    explained = Explained(database, models)
    await pages_of(explained, enterprise)[page]()
    return sum(read.examined for read in explained.reads)


def p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99) - 1]


async def evaluations(database: mongo.Database, units: int, enterprises: int) -> list[Bar]:
    """Documents of its unit that an evaluation reads against its enterprises and findings, the nation against units
    one by one, and the PDF of each of those.
    """
    models = MongoReadModels(database, 5)
    await models.prepare()
    world = folded(units=1, enterprises=enterprises, rounds=1, partitions=1)
    await fill(models, world, units, FOR_EVALUATIONS)
    await _told_the_end(models, world)
    told(f"{units} units of {enterprises} enterprises filled")
    explained = Explained(database, models)
    await _frozen(freezer_of(explained), unit_name(0))
    own = sum(read.examined for read in explained.reads if read.collection not in OTHERS)
    freezer = freezer_of(models)
    where = {"unit_id": unit_name(0)}
    stated = len(await models.find("enterprise_rounds", where)) + len(await models.find("finding_rounds", where))
    singles = [await _timed(freezer, unit_name(number)) for number in range(min(SINGLES, units))]
    nation = await seconds(_frozen(freezer, None))
    one_by_one = statistics.mean(took for took, _ in singles) * units
    told(f"nation {nation:.1f} s, its units one by one {one_by_one:.1f} s (from {len(singles)} of them)")
    return [
        Bar("evaluation: documents of the unit examined / enterprises + findings", own / stated, 1.0),
        Bar("nation / units one by one", nation / one_by_one, 1.5),
        Bar("PDF seconds", await pdf([frozen for _, frozen in singles]), 0.5),
    ]


async def _told_the_end(models: MongoReadModels, world: Folded) -> None:
    """How far the log and scoring have come, as the projection of their last records would have it."""
    ends = [next(one for one in world.deliveries[::-1] if one[0].topic == "inspections.v1")]
    ends += [next(one for one in world.deliveries[::-1] if isinstance(one[1].data, FoldProgressed))]
    await on_events(models, ends)


def freezer_of(models: ReadModels) -> Freezer:
    frozen_at = datetime(2023, 6, 1, tzinfo=UTC)
    return Freezer(models, MemoryEvaluations(), Registry(), load(), load_suggestions(), lambda: frozen_at)


async def _timed(freezer: Freezer, unit_id: str) -> tuple[float, Frozen]:
    started = time.perf_counter()
    frozen = await _frozen(freezer, unit_id)
    return time.perf_counter() - started, frozen


async def _frozen(freezer: Freezer, unit_id: str | None) -> Frozen:
    found = await freezer.freeze(ROUND, unit_id, "bench")
    assert found is not None
    return found


async def pdf(frozen: Sequence[Frozen]) -> float:
    """Seconds of a PDF in the child process, once that is up: the median over evaluations, none rendered twice."""
    renderer, words = PdfRenderer(), texts("zh-CN")
    await renderer.render(frozen[0].content(), words)
    took = [await seconds(renderer.render(one.content(), words)) for one in frozen[1:]]
    renderer.stop()
    return statistics.median(took)


async def first_page(units: int) -> float:
    """Kilobytes of the overview with so many units, its styles and script included."""
    world = folded(units=1, enterprises=4, rounds=1, partitions=1)
    models = MemoryReadModels()
    await project_all(models, batches(world))
    (row,) = await models.find("units", {})
    names = [unit_name(number) for number in range(units)]
    await models.replace_newer([Write("units", name, row["order"], row) for name in names])
    transport = httpx.ASGITransport(app_of(models, registry([], units=names)))
    async with httpx.AsyncClient(transport=transport, base_url="http://bench", headers=signed("national")) as http:
        page = (await http.get("/")).text
        linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
        return sum([len((await http.get(path)).content) for path in linked], len(page.encode())) / 1000


def told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def reads(database: mongo.Database, world: Folded, options: argparse.Namespace) -> list[Bar]:
    filled = []
    for generation, events in ((10, options.small), (11, options.large)):
        models = MongoReadModels(database, generation)
        await models.prepare()
        copied = await fill(models, world, max(1, events // len(own_events(world))), FOR_PAGES)
        filled.append((database, models, first_enterprise(copied)))
    told("read models filled")
    return await reads_compared(filled[0], filled[1], options.rounds)


async def measure(uri: str, options: argparse.Namespace) -> list[Bar]:
    database = mongo.connect(Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri=uri), "bench")
    bars = await reads(database, folded(units=1, enterprises=12, rounds=1), options)
    page = pages_of(MongoReadModels(database, 10), "")["unit"]
    told(f"folding a log of {options.events} events")
    bars += await projection(database, a_log_of(options.events), page)
    bars += await evaluations(database, options.units, options.enterprises)
    bars.append(Bar("first page, kB", await first_page(options.units), 100))
    await database.close()
    return bars


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10_000, help="events behind the small read models [10000]")
    parser.add_argument("--large", type=int, default=1_000_000, help="events behind the large ones [1000000]")
    parser.add_argument("--units", type=int, default=135, help="units of the national evaluation [135]")
    parser.add_argument("--enterprises", type=int, default=130, help="enterprises of each [130]")
    parser.add_argument("--rounds", type=int, default=100, help="readings of a page in each of five runs [100]")
    parser.add_argument(
        "--events", type=int, default=6000, help="events projected, and rebuilt from; 100000 takes half an hour [6000]"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStore(Path(folder)) as store:
        bars = asyncio.run(measure(store.uri, options))
    table = Table("figure", "measured", "bar", "")
    for bar in bars:
        table.add_row(bar.name, bar.measured, bar.text, "met" if bar.met else "MISSED")
    Console(width=110).print(table)
    passed = all(bar.met for bar in bars)
    found = {
        "name": "bench-reporting",
        "passed": passed,
        "sizes": vars(options),
        "bars": {b.name: b.as_json() for b in bars},
    }
    print(json.dumps(found))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
