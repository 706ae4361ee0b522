"""One suite over the read models and evaluations in memory and in MongoDB."""

from collections.abc import AsyncIterator

import pytest

from services.reporting.documents import WRITTEN_ONCE, ReadModels, Write
from services.reporting.freezing import Evaluations, seal
from services.reporting.stores.memory import MemoryEvaluations
from services.reporting.stores.mongo import MongoEvaluations, MongoReadModels
from shared import mongo
from shared.errors import Unavailable
from shared.settings import Settings

KINDS = ["memory", pytest.param("mongo", marks=pytest.mark.integration)]


@pytest.fixture(params=KINDS)
async def evaluations(request: pytest.FixtureRequest) -> AsyncIterator[Evaluations]:
    if request.param == "memory":
        yield MemoryEvaluations()
        return
    database = mongo.connect(request.getfixturevalue("store_settings"), "reporting")
    found = MongoEvaluations(database)
    await found.prepare()
    yield found
    await database.drop()
    await database.close()


def write(name: str, order: int, **document: object) -> Write:
    return Write("things", name, order, document)


async def test_the_highest_order_stands_whichever_came_first(models: ReadModels) -> None:
    await models.replace_newer([write("a", 5, colour="red")])
    await models.replace_newer([write("a", 3, colour="blue"), write("b", 1, colour="blue")])
    await models.replace_newer([write("b", 2, colour="orange")])
    assert await models.get("things", "a") == {"_id": "a", "order": 5, "colour": "red"}
    assert await models.get("things", "b") == {"_id": "b", "order": 2, "colour": "orange"}


async def test_the_same_order_again_replaces(models: ReadModels) -> None:
    await models.replace_newer([write("a", 5, colour="red")])
    await models.replace_newer([write("a", 5, colour="blue")])
    assert (await models.get_many("things", ["a", "missing"])) == {"a": {"_id": "a", "order": 5, "colour": "blue"}}


async def test_a_bulk_of_mixed_ages_keeps_every_newest(models: ReadModels) -> None:
    await models.replace_newer([write(f"d{n:04d}", 10 if n % 3 else 1) for n in range(1200)])
    await models.replace_newer([write(f"d{n:04d}", 5) for n in range(1200)])
    rows = await models.find("things", {})
    assert [row["order"] for row in rows] == [10 if n % 3 else 5 for n in range(1200)]


@pytest.mark.parametrize("collection", ["things", *sorted(WRITTEN_ONCE)])
async def test_what_is_told_again_is_there_once_and_the_highest_order_stands(
    models: ReadModels, collection: str
) -> None:
    def told(name: str, order: int) -> Write:
        return Write(collection, name, order, {"said": order})

    await models.replace_newer([told("a", -5), told("b", 3)])
    await models.replace_newer([told("a", -9), told("b", 3), told("c", 1)])
    await models.replace_newer([told("b", 2), told("c", 4)])
    rows = await models.find(collection, {})
    assert [(row["_id"], row["order"], row["said"]) for row in rows] == [("a", -5, -5), ("b", 3, 3), ("c", 4, 4)]


async def test_documents_are_found_by_equality_bounds_and_sets(models: ReadModels) -> None:
    await models.replace_newer([write(f"d{n}", n, group="x" if n < 3 else "y", deep={"n": n}) for n in range(6)])
    assert [row["_id"] for row in await models.find("things", {"group": "x"})] == ["d0", "d1", "d2"]
    assert [row["_id"] for row in await models.find("things", {"deep.n": {"$gte": 2, "$lt": 4}})] == ["d2", "d3"]
    assert [row["_id"] for row in await models.find("things", {"_id": {"$in": ["d5", "d1"]}})] == ["d1", "d5"]
    assert [row["_id"] for row in await models.find("things", {"group": {"$ne": "x"}}, sort=("-deep.n",), limit=2)] == [
        "d5",
        "d4",
    ]


async def test_only_the_fields_named_are_read(models: ReadModels) -> None:
    await models.replace_newer([write("a", 1, deep={"n": 1, "m": 2}, other=3)])
    assert await models.find("things", {}, fields=("deep.n",)) == [{"_id": "a", "deep": {"n": 1}}]


async def test_what_fits_is_removed_and_nothing_else(models: ReadModels) -> None:
    await models.replace_newer([write(f"d{n}", n, stream="x" if n % 2 else "y") for n in range(6)])
    await models.remove("things", {"stream": "x", "order": {"$lt": 4}})
    assert [row["_id"] for row in await models.find("things", {})] == ["d0", "d2", "d4", "d5"]


async def test_what_is_read_is_no_handle_on_what_is_kept(models: ReadModels) -> None:
    await models.replace_newer([write("a", 1, deep={"n": 1})])
    found = await models.get("things", "a")
    assert found is not None
    found["deep"]["n"] = 2
    assert await models.get("things", "a") == {"_id": "a", "order": 1, "deep": {"n": 1}}


def evaluation(unit_id: str | None = "linzi", **changes: object) -> dict[str, object]:
    return {
        "round_id": "2023-1",
        "unit_id": unit_id,
        "frozen_at": "2023-03-01T00:00:00.000000Z",
        "index": 71.3,
        **changes,
    }


async def test_an_evaluation_once_kept_never_changes(evaluations: Evaluations) -> None:
    first = seal(evaluation())
    await evaluations.add(first)
    again = seal(evaluation(frozen_at="2023-03-02T00:00:00.000000Z"))
    assert again.id == first.id
    assert await evaluations.add(again) == first
    assert await evaluations.get(first.id) == first
    assert await evaluations.get("unknown") is None


async def test_evaluations_are_listed_by_unit_and_round_oldest_first(evaluations: Evaluations) -> None:
    first = seal(evaluation(index=1))
    second = seal(evaluation(index=2, frozen_at="2023-03-02T00:00:00.000000Z", supersedes=first.id))
    nation = seal(evaluation(None))
    for row in [second, first, nation]:
        assert await evaluations.add(row) == row
    assert await evaluations.of("2023-1", "linzi") == [first, second]
    assert await evaluations.of("2023-1", None) == [nation]


async def test_an_evaluation_is_superseded_by_one_other_at_most(evaluations: Evaluations) -> None:
    first = seal(evaluation())
    await evaluations.add(first)
    assert await evaluations.add(seal(evaluation(index=80.0))) is None  # only one can be the first
    second, other = (seal(evaluation(index=index, supersedes=first.id)) for index in (80.0, 90.0))
    assert await evaluations.add(second) == second
    assert await evaluations.add(other) is None
    assert await evaluations.add(second) == second
    assert await evaluations.get(other.id) is None


async def test_a_generation_is_dropped_alone(store_settings: Settings) -> None:
    database = mongo.connect(store_settings, "reporting")
    first, second = MongoReadModels(database, 1), MongoReadModels(database, 2)
    for generation in (first, second):
        await generation.replace_newer([write("a", 1)])
    await first.drop()
    assert await first.get("things", "a") is None
    assert await second.get("things", "a") is not None
    await database.drop()
    await database.close()


async def test_a_store_that_is_away_is_unavailable() -> None:
    away = Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100")
    database = mongo.connect(away, "reporting")
    with pytest.raises(Unavailable):
        await MongoReadModels(database, 1).replace_newer([write("a", 1)])
    await database.close()
