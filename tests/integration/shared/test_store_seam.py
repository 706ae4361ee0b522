"""The store seam on a real store: what comes back, what is refused, and what happens when the store is gone."""

import asyncio
import io
import uuid
from collections.abc import AsyncGenerator, Generator
from datetime import datetime, timedelta, timezone

import pytest

from deploy.local.store import LocalStore
from shared.errors import Unavailable
from shared.mongo import (
    ASCENDING,
    Database,
    DuplicateKeyError,
    ReturnDocument,
    UpdateOne,
    check,
    connect,
    ping,
)
from shared.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
async def db(store_settings: Settings) -> AsyncGenerator[Database]:
    database = connect(store_settings, "intake")
    yield database
    await database.drop()
    await database.close()


@pytest.fixture
def own_store(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalStore]:
    """A store of this test's own, to be killed."""
    with LocalStore(tmp_path_factory.mktemp("own-store")) as store:
        yield store


def settings_of(store: LocalStore) -> Settings:
    return Settings(kafka_bootstrap="127.0.0.1:1", mongo_uri=store.uri, mongo_database_prefix="t_")


async def test_the_database_is_the_services_own(db: Database, store_settings: Settings) -> None:
    assert db.name == f"{store_settings.mongo_database_prefix}intake"
    await ping(db)
    assert await check(db)() is None


async def test_a_document_comes_back_with_aware_times_and_uuids(db: Database) -> None:
    things = db.collection("things")
    at = datetime(2023, 2, 1, 16, 0, 0, 5000, tzinfo=timezone(timedelta(hours=8)))
    id_ = uuid.uuid4()
    await things.insert_one({"_id": id_, "at": at, "bytes": b"\x00\xff", "name": "临淄"})
    found = await things.find_one({"_id": id_})
    assert found == {"_id": id_, "at": at, "bytes": b"\x00\xff", "name": "临淄"}
    assert found["at"].tzinfo is not None
    assert found["at"].utcoffset() == timedelta(0)


async def test_queries_read_in_order_and_in_parts(db: Database) -> None:
    things = db.collection("things")
    await things.insert_many([{"_id": number, "even": number % 2 == 0} for number in range(10)])
    evens = await things.find({"even": True}).sort("_id", -1).skip(1).limit(3).to_list()
    assert [found["_id"] for found in evens] == [6, 4, 2]
    assert [found["_id"] async for found in things.find({}, sort=[("_id", ASCENDING)])] == list(range(10))
    counted = [{"$group": {"_id": "$even", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    assert [row async for row in things.aggregate(counted)] == [{"_id": False, "n": 5}, {"_id": True, "n": 5}]
    assert await things.count_documents({"even": True}) == 5
    assert sorted(await things.distinct("even")) == [False, True]


async def test_a_unique_index_refuses_the_second_and_says_so(db: Database) -> None:
    things = db.collection("things")
    await things.create_index([("owner", ASCENDING), ("key", ASCENDING)], unique=True)
    await things.insert_one({"owner": "a", "key": "1"})
    with pytest.raises(DuplicateKeyError):
        await things.insert_one({"owner": "a", "key": "1"})
    assert "owner_1_key_1" in await things.index_information()


async def test_a_claim_goes_to_one_of_many(db: Database) -> None:
    steps = db.collection("steps")
    await steps.insert_one({"_id": 1, "claimed_by": None})

    async def claim(name: str) -> str | None:
        found = await steps.find_one_and_update(
            {"_id": 1, "claimed_by": None}, {"$set": {"claimed_by": name}}, return_document=ReturnDocument.AFTER
        )
        return found and found["claimed_by"]

    won = [name for name in await asyncio.gather(*(claim(f"replica-{n}") for n in range(8))) if name]
    assert len(won) == 1


async def test_a_bulk_of_upserts_repeated_changes_nothing(db: Database) -> None:
    things = db.collection("things")
    bulk = [UpdateOne({"_id": n}, {"$set": {"n": n}}, upsert=True) for n in range(50)]
    await things.bulk_write(bulk, ordered=False)
    again = await things.bulk_write(bulk, ordered=False)
    assert (again.upserted_count, again.modified_count) == (0, 0)
    assert await things.count_documents({}) == 50


async def test_files_by_id(db: Database) -> None:
    files = db.bucket("evidence")
    content = bytes(range(256)) * 3000
    assert await files.put("sha256:abc", content, {"type": "image/jpeg"})
    assert not await files.put("sha256:abc", b"another", {})
    assert b"".join([chunk async for chunk in files.chunks("sha256:abc")]) == content
    assert await files.metadata("sha256:abc") == {"type": "image/jpeg", "length": len(content)}
    assert [chunk async for chunk in files.chunks("sha256:other")] == []
    assert await files.metadata("sha256:other") is None


async def test_an_upload_that_broke_off_does_not_stand_in_the_way_of_the_next(db: Database) -> None:
    class BreaksOff(io.BytesIO):
        """The connection of whoever sends it is cut in the second piece."""

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise ConnectionResetError("planted")
            return super().read(size)

    files, content = db.bucket("evidence"), bytes(600_000)
    with pytest.raises(ConnectionResetError):
        await files.put("sha256:abc", BreaksOff(content))
    assert await files.metadata("sha256:abc") is None
    assert await files.put("sha256:abc", io.BytesIO(content))
    assert b"".join([chunk async for chunk in files.chunks("sha256:abc")]) == content


async def test_of_two_uploads_at_once_whichever_is_read_is_whole(db: Database) -> None:
    files, content = db.bucket("evidence"), bytes(600_000)
    await asyncio.gather(*(files.put("sha256:abc", io.BytesIO(content)) for _ in range(2)))
    assert b"".join([chunk async for chunk in files.chunks("sha256:abc")]) == content


async def test_a_store_that_was_never_there_is_unavailable_in_seconds() -> None:
    db = connect(Settings(kafka_bootstrap="x", mongo_uri="mongodb://127.0.0.1:1"), "intake")
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable) as wrong:
        await db.collection("things").find_one({})
    assert wrong.value.part == "store"
    assert asyncio.get_running_loop().time() - began < 5
    assert "store is not available" in (await check(db)() or "")
    await db.close()


async def test_a_killed_store_is_unavailable_and_back_after_its_restart(own_store: LocalStore) -> None:
    db = connect(settings_of(own_store), "intake")
    things = db.collection("things")
    await things.insert_one({"_id": 1})
    own_store.kill()
    refused = await asyncio.gather(
        things.insert_one({"_id": 2}),
        things.find({}).to_list(),
        anext(aiter(things.find({}))),
        db.bucket("evidence").metadata("x"),
        return_exceptions=True,
    )
    assert [type(wrong) for wrong in refused] == [Unavailable] * 4
    own_store.start()
    await things.insert_one({"_id": 3})
    assert [found["_id"] for found in await things.find({}).sort("_id", 1).to_list()] == [1, 3]
    await db.close()
