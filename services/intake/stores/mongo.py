"""Intake's other stores in MongoDB, and all indexes: the registry as a list of changes, leases by the store's clock."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date
from typing import IO, Any

from services.intake.ports import EvidenceFile
from services.intake.records import Lease
from services.intake.rules.announcing import Change
from services.intake.stores.documents import of_change, to_change
from services.intake.stores.refusals import stopped
from shared.mongo import BulkWriteError, Database, DuplicateKeyError, UpdateOne

INDEXES: Mapping[str, Sequence[tuple[list[tuple[str, int]], dict[str, Any]]]] = {
    "submissions": (
        ([("subject", 1), ("seq", 1)], {"unique": True, "name": "sequence"}),
        ([("accepted_at", 1), ("seq", 1)], {"partialFilterExpression": {"pending": True}, "name": "outbox"}),
        ([("unit_id", 1), ("accepted_at", -1)], {"name": "by_unit"}),
        ([("persons", 1)], {"sparse": True, "name": "by_person"}),
        ([("erased.person_id", 1)], {"sparse": True, "name": "erasures"}),
    ),
    "evidence_mentions": (([("sha256", 1)], {"name": "by_file"}),),
}


async def ensure_indexes(database: Database) -> None:
    """Makes the indexes that the promises rest on; safe to repeat."""
    for collection, indexes in INDEXES.items():
        for keys, options in indexes:
            await database.collection(collection).create_index(keys, **options)


class MongoRegistryStore:
    """Changes in `registry_changes` (the revision is the `_id`), the announcer's place in `cursors`, days in `days`."""

    def __init__(self, database: Database) -> None:
        self._changes = database.collection("registry_changes")
        self._cursors = database.collection("cursors")
        self._days = database.collection("days")

    async def add(self, changes: Sequence[Change]) -> bool:
        try:
            await self._changes.insert_many([of_change(change) for change in changes], ordered=True)
        except BulkWriteError as wrong:
            if stopped(wrong).count:
                raise
            return False
        return True

    async def after(self, revision: int, limit: int) -> Sequence[Change]:
        cursor = self._changes.find({"_id": {"$gt": revision}}).sort([("_id", 1)]).limit(limit)
        return [to_change(document) for document in await cursor.to_list(None)]

    async def cursor(self) -> int:
        document = await self._cursors.find_one({"_id": "announced"})
        return 0 if document is None else int(document["revision"])

    async def announced(self, revision: int) -> None:
        await self._cursors.update_one({"_id": "announced"}, {"$max": {"revision": revision}}, upsert=True)

    async def days(self) -> Mapping[str, date]:
        documents = await self._days.find({}).to_list(None)
        return {document["_id"]: date.fromisoformat(document["day"]) for document in documents}

    async def set_days(self, days: Mapping[str, date]) -> None:
        writes = [
            UpdateOne({"_id": unit}, {"$max": {"day": day.isoformat()}}, upsert=True) for unit, day in days.items()
        ]
        if writes:
            await self._days.bulk_write(writes, ordered=False)


# Milliseconds as a number: the local runtime's store compares a stored date with `$$NOW` wrongly.
_NOW = {"$toLong": "$$NOW"}


class MongoLeaseStore:
    """Leases in `leases`. Times are the store's (`$$NOW`), so that replicas need not agree on theirs."""

    def __init__(self, database: Database) -> None:
        self._leases = database.collection("leases")
        self._replicas = database.collection("replicas")

    async def claim(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        free = {"_id": name, "$expr": {"$or": [{"$lte": ["$until", _NOW]}, {"$eq": ["$owner", owner]}]}}
        same = {"$and": [{"$eq": ["$owner", owner]}, {"$gt": ["$until", _NOW]}]}
        epoch = {"$add": [{"$ifNull": ["$epoch", 0]}, {"$cond": [same, 0, 1]}]}
        update = [{"$set": {"epoch": epoch, "owner": owner, "until": _in(ttl_s)}}]
        try:
            document = await self._leases.find_one_and_update(free, update, upsert=True, return_document=True)
        except DuplicateKeyError:
            return None
        return None if document is None else Lease(name, owner, int(document["epoch"]))

    async def renew(self, owner: str, names: Iterable[str], ttl_s: float) -> frozenset[str]:
        mine = {"_id": {"$in": list(names)}, "owner": owner, "$expr": {"$gt": ["$until", _NOW]}}
        await self._leases.update_many(mine, [{"$set": {"until": _in(ttl_s)}}])
        documents = await self._leases.find(mine, {"_id": 1}).to_list(None)
        return frozenset(document["_id"] for document in documents)

    async def release(self, owner: str, names: Iterable[str]) -> None:
        await self._leases.update_many({"_id": {"$in": list(names)}, "owner": owner}, [{"$set": {"until": _NOW}}])

    async def alive(self, owner: str, ttl_s: float) -> int:
        await self._replicas.update_one({"_id": owner}, [{"$set": {"until": _in(ttl_s)}}], upsert=True)
        return int(await self._replicas.count_documents({"$expr": {"$gt": ["$until", _NOW]}}))


def _in(seconds: float) -> dict[str, Any]:
    return {"$add": [_NOW, int(seconds * 1000)]}


class MongoEvidenceStore:
    """Evidence files in GridFS under their hash as name."""

    def __init__(self, database: Database) -> None:
        self._files = database.bucket("evidence")
        self._found = database.collection("evidence.files")
        self._mentions = database.collection("evidence_mentions")

    async def known(self, hashes: Iterable[str]) -> frozenset[str]:
        found = await self._found.find({"filename": {"$in": list(hashes)}}, {"filename": 1}).to_list(None)
        return frozenset(document["filename"] for document in found)

    async def put(self, file: EvidenceFile, content: IO[bytes]) -> bool:
        told = {
            "media_type": file.media_type,
            "name": file.name,
            "uploaded_by": file.uploaded_by,
            "principal": file.principal,
        }
        return await self._files.put(file.sha256, content, told)

    async def describe(self, sha256: str) -> EvidenceFile | None:
        told = await self._files.metadata(sha256)
        if told is None:
            return None
        return EvidenceFile(
            sha256, told["media_type"], told["name"], told["length"], told["uploaded_by"], told["principal"]
        )

    def content(self, sha256: str) -> AsyncIterator[bytes]:
        return self._files.chunks(sha256)

    async def mention(self, hashes: Iterable[str], unit_id: str, enterprise_id: str | None) -> None:
        place = {"unit_id": unit_id, "enterprise_id": enterprise_id}
        writes = [
            UpdateOne(
                {"_id": f"{sha256}|{unit_id}|{enterprise_id}"}, {"$set": {"sha256": sha256, **place}}, upsert=True
            )
            for sha256 in hashes
        ]
        await self._mentions.bulk_write(writes, ordered=False)

    async def mentioned(self, sha256: str, units: frozenset[str] | None, enterprises: frozenset[str] | None) -> bool:
        limits = {"unit_id": units, "enterprise_id": enterprises}
        wanted = {name: {"$in": sorted(values)} for name, values in limits.items() if values is not None}
        return await self._mentions.find_one({"sha256": sha256, **wanted}, {"_id": 1}) is not None
