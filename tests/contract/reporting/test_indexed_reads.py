"""No page, answer, evaluation or stream goes through a whole collection: each read has its index."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from services.reporting.as_known import as_corrected
from services.reporting.at_cut import AtCut
from services.reporting.changes import ChangeFeed
from services.reporting.facts import Facts
from services.reporting.handlers import on_events
from services.reporting.queries import Reads
from services.reporting.stores.mongo import MongoReadModels
from shared import mongo
from shared.events import alerts
from shared.registry import Registry
from shared.settings import Settings
from tests.contract.reporting.explained import Explained
from tests.unit.reporting.folded import batches, folded
from tests.unit.reporting.risk_events import alert, delivered, event

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
# A document a partition, read whole: it says how far each has come.
SMALL = {"folds", "progress", "trims"}
UNIT, ROUND = "unit-00", "2023-2"
THEN = datetime(2023, 4, 1, tzinfo=UTC)


@pytest.fixture
async def filled(store_settings: Settings) -> AsyncIterator[Explained]:
    """A world of two rounds in the store, with an alert."""
    database = mongo.connect(store_settings, "reporting")
    models = MongoReadModels(database, 1)
    await models.prepare()
    for batch in batches(folded(units=2, enterprises=3, rounds=2, partitions=1), 1000):
        await on_events(models, batch)
    raised = [
        alert(alerts.AlertOpened, 1, unit_id=UNIT),
        alert(alerts.AlertEscalated, 2, unit_id=UNIT, from_tier="county"),
    ]
    await on_events(models, [delivered(event(one), offset) for offset, one in enumerate(raised)])
    yield Explained(database, models)
    await database.close()


async def read_everything(models: Explained) -> None:
    """What every route and page reads, and an evaluation at a cut from which much has moved on."""
    reads = Reads(models, Registry())
    known = await reads.risk(UNIT, None, THEN)
    assert known is not None
    corrected = await as_corrected(models, known, THEN, UTC)
    assert corrected.corrections != []
    await reads.risk(UNIT, ROUND, THEN)
    await reads.colour_before(UNIT, THEN)
    await reads.trend(UNIT)
    await reads.recent(UNIT, 10)
    for where in ({"unit_id": UNIT}, {"unit_id": UNIT, "state": "open"}, {"unit_id": UNIT, "standing": True}):
        await reads.findings(where, None, 10)
        await reads.findings(where, "5", 10)
    (row, *_) = await reads.enterprises_of(UNIT, limit=10)
    await reads.enterprises_of(UNIT, row["_id"], 10)
    await reads.enterprise(row["enterprise_id"])
    await reads.findings({"enterprise_id": row["enterprise_id"]}, "5", 10)
    await reads.alerts({"unit_id": UNIT})
    await reads.alerts({"enterprise_id": row["enterprise_id"]})
    for units in (None, [UNIT]):
        await reads.came_in(THEN, units, 10)
        await reads.alerts_since(THEN, units, 10)
    await reads.round_units(ROUND)
    await reads.visits(ROUND)
    await reads.rates(ROUND, UNIT)
    await reads.completeness()
    await reads.completeness()
    feed = ChangeFeed(models)
    following = feed.follow("r0-3")
    for _ in range(3):
        await anext(following)
    await following.aclose()  # type: ignore[attr-defined]
    await feed.trim(kept_ms=0)
    for round_id in ("2023-1", ROUND):
        facts = Facts(AtCut(models, {"0": 150}, {"0": 1}), Registry(), {})
        await facts.units_of_round(round_id)
        await facts.of_unit(round_id, UNIT)


async def test_no_read_goes_through_a_whole_collection(filled: Explained) -> None:
    await read_everything(filled)
    scans = [(read.collection, dict(read.where)) for read in filled.reads if read.scanned]
    assert [scan for scan in scans if scan[0] not in SMALL] == []


async def test_a_read_without_an_index_would_be_noticed(filled: Explained) -> None:
    await filled.find("findings", {"location": "somewhere", "unit_id": UNIT})
    assert filled.reads[-1].scanned
