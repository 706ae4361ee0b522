"""Intake's stores in MongoDB: one document per submission, the registry as a list of changes, leases by the store's
clock.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pymongo.errors import OperationFailure

from services.intake.ports import Added, EvidenceFile, Tally, Waiting, Wanted
from services.intake.records import Head, Lease, Submission
from services.intake.rules.announcing import Change
from services.intake.stores.documents import HEAD_FIELDS, of_change, of_submission, to_change, to_submission
from shared.errors import Unavailable
from shared.mongo import BulkWriteError, Database, DuplicateKeyError, UpdateOne

DUPLICATE, OUT_OF_DISK_SPACE = 11000, 14031
INDEXES: Mapping[str, Sequence[tuple[list[tuple[str, int]], dict[str, Any]]]] = {
    "submissions": (
        ([("subject", 1), ("seq", 1)], {"unique": True, "name": "sequence"}),
        ([("accepted_at", 1), ("seq", 1)], {"partialFilterExpression": {"pending": True}, "name": "outbox"}),
        ([("unit_id", 1), ("accepted_at", -1)], {"name": "by_unit"}),
    ),
    "evidence_mentions": (([("sha256", 1)], {"name": "by_file"}),),
}


async def ensure_indexes(database: Database) -> None:
    """Makes the indexes that the promises rest on; safe to repeat."""
    for collection, indexes in INDEXES.items():
        for keys, options in indexes:
            await database.collection(collection).create_index(keys, **options)


class MongoSubmissionStore:
    """Submissions in the collection `submissions`; its `_id` is the submission's id, which principal and idempotency
    key determine.
    """

    def __init__(self, database: Database) -> None:
        self._found = database.collection("submissions")

    async def add(self, submissions: Sequence[Submission]) -> Added:
        try:
            await self._found.insert_many([of_submission(each) for each in submissions], ordered=True)
        except BulkWriteError as stopped:
            return _stopped(stopped)
        except OperationFailure as wrong:
            raise _full_or(wrong) from wrong
        return Added(len(submissions))

    async def get(self, id: uuid.UUID) -> Submission | None:
        document = await self._found.find_one({"_id": str(id)})
        return None if document is None else to_submission(document)

    async def existing(self, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Submission]:
        documents = await self._found.find({"_id": {"$in": [str(id) for id in ids]}}).to_list(None)
        return {(found := to_submission(document)).id: found for document in documents}

    async def heads(self, subjects: Iterable[str]) -> Mapping[str, Head]:
        heads = {subject: Head() for subject in subjects}
        async for each in self._found.find({"subject": {"$in": list(heads)}}, HEAD_FIELDS).sort(
            [("subject", 1), ("seq", 1)]
        ):
            head = heads[each["subject"]]
            head.take(
                uuid.UUID(each["_id"]), each["seq"], each["digest"], each["version_key"], each["gives"], each["takes"]
            )
        return heads

    async def pending(self, shards: Iterable[int], limit: int) -> Sequence[Submission]:
        wanted = {"pending": True, "shard": {"$in": list(shards)}}
        cursor = self._found.find(wanted, {"record": 0}).sort([("accepted_at", 1), ("seq", 1)]).limit(limit)
        return [to_submission(document) for document in await cursor.to_list(None)]

    async def pending_of(self, subjects: Iterable[str], limit: int) -> Sequence[Submission]:
        wanted = {"pending": True, "subject": {"$in": list(subjects)}}
        cursor = self._found.find(wanted, {"record": 0}).sort([("subject", 1), ("seq", 1)]).limit(limit)
        return [to_submission(document) for document in await cursor.to_list(None)]

    async def mark_published(self, ids: Iterable[uuid.UUID]) -> None:
        await self._found.update_many({"_id": {"$in": [str(id) for id in ids]}}, {"$unset": {"pending": ""}})

    async def unpublished(self, ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        wanted = {"_id": {"$in": [str(id) for id in ids]}, "pending": True}
        documents = await self._found.find(wanted, {"_id": 1}).to_list(None)
        return frozenset(uuid.UUID(document["_id"]) for document in documents)

    async def tally(self, shards: Iterable[int]) -> Mapping[int, Tally]:
        wanted = list(shards)
        grouped: list[dict[str, Any]] = [
            {"$match": {"shard": {"$in": wanted}}},
            {
                "$group": {
                    "_id": "$shard",
                    "all": {"$sum": 1},
                    "waiting": {"$sum": {"$cond": [{"$eq": ["$pending", True]}, 1, 0]}},
                }
            },
        ]
        counts = {row["_id"]: row async for row in self._found.aggregate(grouped)}
        return {
            shard: Tally(counts[shard]["all"], counts[shard]["all"] - counts[shard]["waiting"])
            if shard in counts
            else Tally(0, 0)
            for shard in wanted
        }

    async def waiting(self, shards: Iterable[int]) -> Mapping[int, Waiting]:
        grouped: list[dict[str, Any]] = [
            {"$match": {"pending": True, "shard": {"$in": list(shards)}}},
            {"$group": {"_id": "$shard", "count": {"$sum": 1}, "oldest": {"$min": "$accepted_at"}}},
        ]
        return {row["_id"]: Waiting(row["count"], row["oldest"]) async for row in self._found.aggregate(grouped)}

    async def chain(self, subject: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        cursor = (
            self._found.find({"subject": subject, "seq": {"$gt": after}}, {"receipt": 1})
            .sort([("seq", 1)])
            .limit(limit)
        )
        return [document["receipt"] for document in await cursor.to_list(None)]

    async def listed(self, wanted: Wanted, limit: int) -> Sequence[Submission]:
        cursor = (
            self._found.find(_query(wanted), {"record": 0, "value": 0})
            .sort([("accepted_at", -1), ("_id", -1)])
            .limit(limit)
        )
        return [to_submission(document) for document in await cursor.to_list(None)]


def _stopped(error: BulkWriteError) -> Added:
    wrong = error.details["writeErrors"][0]
    if wrong["code"] != DUPLICATE:
        raise _full_or(error)
    clash: Literal["id", "seq"] = (
        "seq" if "sequence" in str(wrong.get("errmsg", "")) or "seq" in (wrong.get("keyPattern") or {}) else "id"
    )
    return Added(wrong["index"], clash)


def _full_or(wrong: Exception) -> Exception:
    """A full disk passes when somebody makes room; any other refusal of the store is a bug."""
    text = str(wrong).lower()
    full = getattr(wrong, "code", None) == OUT_OF_DISK_SPACE or "no space left" in text or "disk full" in text
    return Unavailable("disk", "the store's disk is full", 30.0) if full else wrong


def _query(wanted: Wanted) -> dict[str, Any]:
    clauses: list[dict[str, Any]] = [
        {name: value}
        for name, value in (
            ("unit_id", wanted.unit_id),
            ("enterprise_id", wanted.enterprise_id),
            ("kind", wanted.kind),
        )
        if value is not None
    ]
    clauses += [
        {name: {"$in": sorted(values)}}
        for name, values in (("unit_id", wanted.units), ("enterprise_id", wanted.enterprises))
        if values is not None
    ]
    if wanted.before is not None:
        moment, id = datetime.fromisoformat(wanted.before[0]), wanted.before[1]
        clauses.append({"$or": [{"accepted_at": {"$lt": moment}}, {"accepted_at": moment, "_id": {"$lt": id}}]})
    return {"$and": clauses} if clauses else {}


class MongoRegistryStore:
    """Changes in `registry_changes` (the revision is the `_id`), the announcer's place in `cursors`, days in `days`."""

    def __init__(self, database: Database) -> None:
        self._changes = database.collection("registry_changes")
        self._cursors = database.collection("cursors")
        self._days = database.collection("days")

    async def add(self, changes: Sequence[Change]) -> bool:
        try:
            await self._changes.insert_many([of_change(change) for change in changes], ordered=True)
        except BulkWriteError as stopped:
            if _stopped(stopped).count:
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
    """Evidence files in GridFS, by their hash; the hash is the id, so a file is there once."""

    def __init__(self, database: Database) -> None:
        self._files = database.bucket("evidence")
        self._found = database.collection("evidence.files")
        self._mentions = database.collection("evidence_mentions")

    async def known(self, hashes: Iterable[str]) -> frozenset[str]:
        found = await self._found.find({"_id": {"$in": list(hashes)}}, {"_id": 1}).to_list(None)
        return frozenset(document["_id"] for document in found)

    async def put(self, file: EvidenceFile, content: bytes) -> bool:
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

    async def content(self, sha256: str) -> bytes | None:
        return await self._files.get(sha256)

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
