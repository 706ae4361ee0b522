"""Read models and evaluations in MongoDB; a generation of read models is a set of collections with their own prefix."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from services.reporting.documents import INDEXES, WRITTEN_ONCE, Document, Where, Write
from services.reporting.freezing import Frozen
from services.reporting.generations import State
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Collection,
    Database,
    DuplicateKeyError,
    InsertOne,
    ReplaceOne,
    written,
)

BULK = 500


class MongoReadModels:
    """Implements `ReadModels` over the collections of one generation."""

    def __init__(self, database: Database, generation: int) -> None:
        self._database = database
        self.generation = generation

    async def prepare(self) -> None:
        """Makes the indexes; safe to repeat."""
        for index in INDEXES:
            await self._collection(index.collection).create_index([_direction(field) for field in index.fields])

    async def drop(self) -> None:
        """Removes the generation."""
        prefix = self._name("")
        named = {"name": {"$regex": f"^{prefix}"}}
        listed = await self._database.command("listCollections", nameOnly=True, filter=named)
        for collection in listed["cursor"]["firstBatch"]:
            await self._database.collection(collection["name"]).drop()

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        by_collection: dict[str, list[Write]] = {}
        for write in writes:
            by_collection.setdefault(write.collection, []).append(write)
        for name, own in by_collection.items():
            for start in range(0, len(own), BULK):
                await self._write(name, own[start : start + BULK])

    async def get(self, collection: str, id: str) -> Document | None:
        return await self._collection(collection).find_one({"_id": id})

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        rows = await self._collection(collection).find({"_id": {"$in": list(ids)}}).to_list(None)
        return {row["_id"]: row for row in rows}

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        sort: Sequence[str] = ("_id",),
        limit: int = 0,
        fields: Sequence[str] = (),
    ) -> list[Document]:
        projection = dict.fromkeys(fields, True) if fields else None
        cursor = self._collection(collection).find(dict(where), projection).sort([_direction(field) for field in sort])
        rows: list[Document] = await cursor.limit(limit).to_list(None)
        return rows

    async def remove(self, collection: str, where: Where) -> None:
        await self._collection(collection).delete_many(dict(where))

    async def _write(self, name: str, writes: list[Write]) -> None:
        """An upsert whose filter asks for an older document meets the id of one that is no older, and so does an
        insert: of those, the ones that are newer after all are replaced.
        """
        first = _insertion if name in WRITTEN_ONCE else _replacement
        met = await written(self._collection(name), [first(write) for write in writes])
        again = [_replacement(writes[place], upsert=False) for place in sorted(met)]
        await written(self._collection(name), again)

    def _collection(self, name: str) -> Collection:
        return self._database.collection(self._name(name))

    def _name(self, name: str) -> str:
        return f"g{self.generation}_{name}"


def _insertion(write: Write) -> Any:
    return InsertOne(_row(write))


def _replacement(write: Write, *, upsert: bool = True) -> Any:
    return ReplaceOne({"_id": write.id, "order": {"$lte": write.order}}, _row(write), upsert=upsert)


def _row(write: Write) -> Document:
    return {**write.document, "_id": write.id, "order": write.order}


def _direction(field: str) -> tuple[str, int]:
    return (field[1:], DESCENDING) if field.startswith("-") else (field, ASCENDING)


class MongoGenerations:
    """Implements `Generations` in one document."""

    def __init__(self, database: Database) -> None:
        self._collection = database.collection("generations")

    async def state(self) -> State:
        found = await self._collection.find_one({"_id": "read_models"})
        return State(found["live"], found["building"], found["last"]) if found else State()

    async def change(self, old: State, new: State) -> bool:
        found = {"_id": "read_models", **asdict(old)}
        try:
            done = await self._collection.replace_one(
                found, {"_id": "read_models", **asdict(new)}, upsert=old == State()
            )
        except DuplicateKeyError:
            return False
        return bool(done.matched_count or done.upserted_id)


class MongoEvaluations:
    """Implements `Evaluations`; outside the generations, since what is frozen is never rebuilt."""

    def __init__(self, database: Database) -> None:
        self._collection = database.collection("evaluations")

    async def prepare(self) -> None:
        """Makes the indexes; safe to repeat."""
        await self._collection.create_index([("round_id", ASCENDING), ("unit_id", ASCENDING), ("frozen_at", ASCENDING)])
        line = [("round_id", ASCENDING), ("unit_id", ASCENDING), ("supersedes", ASCENDING)]
        await self._collection.create_index(line, unique=True)

    async def add(self, evaluation: Frozen) -> Frozen | None:
        await self.prepare()  # seldom enough, and without its index nothing must be kept
        try:
            await self._collection.insert_one(_stored(evaluation))
        except DuplicateKeyError:
            return await self.get(evaluation.id)
        return evaluation

    async def get(self, id: str) -> Frozen | None:
        found = await self._collection.find_one({"_id": id})
        return _frozen(found) if found else None

    async def of(self, round_id: str, unit_id: str | None) -> Sequence[Frozen]:
        cursor = self._collection.find({"round_id": round_id, "unit_id": unit_id}).sort([("frozen_at", ASCENDING)])
        return [_frozen(row) for row in await cursor.to_list(None)]


def _stored(evaluation: Frozen) -> Document:
    return {
        "_id": evaluation.id,
        "round_id": evaluation.round_id,
        "unit_id": evaluation.unit_id,
        "sha256": evaluation.sha256,
        "frozen_at": evaluation.frozen_at,
        "supersedes": evaluation.supersedes,
        "body": evaluation.body,
    }


def _frozen(row: Document) -> Frozen:
    said = (row[name] for name in ("_id", "round_id", "unit_id", "sha256", "frozen_at", "supersedes", "body"))
    return Frozen(*said)
