"""Submissions in MongoDB: one document each, its outbox by groups. Constructed by wiring."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.intake.ports import Added, Tally, Waiting, Wanted
from services.intake.records import Erasure, Head, Submission
from services.intake.stores.documents import HEAD_FIELDS, of_erasure, to_erasure, to_submission
from services.intake.stores.groups import Groups, Member, grouped
from services.intake.stores.refusals import stopped
from shared.mongo import BulkWriteError, Database

# A page of the outbox is cut after it is sorted: a group is not in the order of its times to the last millisecond.
GROUPED = 200


class MongoSubmissionStore:
    """Submissions in the collection `submissions`; its `_id` is the submission's id, which principal and idempotency
    key determine.
    """

    def __init__(self, database: Database) -> None:
        self._found = database.collection("submissions")
        self._groups = Groups(self._found)

    async def add(self, submissions: Sequence[Submission]) -> Added:
        documents = grouped(submissions)
        try:
            await self._found.insert_many(documents, ordered=True)
        except BulkWriteError as wrong:
            added = stopped(wrong)
        else:
            added = Added(len(documents))
        await self._groups.stored(documents, added.count)
        return added

    async def get(self, id: uuid.UUID) -> Submission | None:
        document = await self._found.find_one({"_id": str(id)})
        return None if document is None else (await self._whole([document]))[0]

    async def existing(self, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Submission]:
        documents = await self._found.find({"_id": {"$in": [str(id) for id in ids]}}).to_list(None)
        return {found.id: found for found in await self._whole(documents)}

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
        members = await self._groups.waiting(shards)
        found = await self._read(members[: limit + GROUPED])
        return sorted(found, key=lambda each: (each.accepted_at, each.seq))[:limit]

    async def pending_of(self, subjects: Iterable[str], limit: int) -> Sequence[Submission]:
        wanted = set(subjects)
        members = [member for member in await self._groups.waiting(None) if member.subject in wanted]
        found = await self._read(sorted(members, key=lambda member: (member.subject, member.seq))[:limit])
        return sorted(found, key=lambda each: (each.subject, each.seq))

    async def mark_published(self, ids: Iterable[uuid.UUID]) -> None:
        await self._groups.mark(str(id) for id in ids)

    async def unpublished(self, ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        wanted = {str(id) for id in ids}
        documents = await self._found.find({"_id": {"$in": sorted(wanted)}}, {"group": 1}).to_list(None)
        return frozenset(uuid.UUID(id) for id in await self._groups.still_waiting(documents) & wanted)

    async def _read(self, members: Sequence[Member]) -> list[Submission]:
        wanted = {"_id": {"$in": [member.id for member in members]}}
        documents = await self._found.find(wanted, {"record": 0}).to_list(None)
        there = await self._groups.there(members, documents)
        return [to_submission(document, published=False) for document in there]

    async def _whole(self, documents: Sequence[Mapping[str, Any]]) -> list[Submission]:
        waiting = await self._groups.still_waiting(documents) if documents else set()
        return [to_submission(document, published=document["_id"] not in waiting) for document in documents]

    async def tally(self, shards: Iterable[int]) -> Mapping[int, Tally]:
        wanted = list(shards)
        pipeline: list[dict[str, Any]] = [
            {"$match": {"shard": {"$in": wanted}, "size": {"$gt": 0}}},
            {
                "$group": {
                    "_id": "$shard",
                    "all": {"$sum": "$size"},
                    "waiting": {"$sum": {"$size": {"$ifNull": ["$waiting", []]}}},
                }
            },
        ]
        counts = {row["_id"]: row async for row in self._found.aggregate(pipeline)}
        return {
            shard: Tally(counts[shard]["all"], counts[shard]["all"] - counts[shard]["waiting"])
            if shard in counts
            else Tally(0, 0)
            for shard in wanted
        }

    async def waiting(self, shards: Iterable[int]) -> Mapping[int, Waiting]:
        pipeline: list[dict[str, Any]] = [
            {"$match": {"pending": True, "shard": {"$in": list(shards)}}},
            {"$group": {"_id": "$shard", "count": {"$sum": {"$size": "$waiting"}}, "oldest": {"$min": "$accepted_at"}}},
        ]
        return {row["_id"]: Waiting(row["count"], row["oldest"]) async for row in self._found.aggregate(pipeline)}

    async def chain(self, subject: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        cursor = (
            self._found.find({"subject": subject, "seq": {"$gt": after}}, {"receipt": 1})
            .sort([("seq", 1)])
            .limit(limit)
        )
        return [document["receipt"] for document in await cursor.to_list(None)]

    async def versions(self, subject: str, version_key: str) -> Sequence[Submission]:
        cursor = self._found.find({"subject": subject, "version_key": version_key}, {"record": 0}).sort([("seq", 1)])
        return await self._whole(await cursor.to_list(None))

    async def listed(self, wanted: Wanted, limit: int) -> Sequence[Submission]:
        cursor = (
            self._found.find(_query(wanted), {"record": 0, "value": 0})
            .sort([("accepted_at", -1), ("_id", -1)])
            .limit(limit)
        )
        return await self._whole(await cursor.to_list(None))

    async def naming(self, person_id: str, limit: int) -> Sequence[Submission]:
        cursor = self._found.find({"persons": person_id, "erased.person_id": {"$ne": person_id}}).limit(limit)
        return await self._whole(await cursor.to_list(None))

    async def erase(self, before: Submission, left: bytes, erasure: Erasure) -> bool:
        change = {"$set": {"record": left}, "$push": {"erased": of_erasure(erasure)}}
        done = await self._found.update_one({"_id": str(before.id), "record": before.record}, change)
        return bool(done.matched_count)

    async def erasures(self, person_id: str) -> Sequence[Erasure]:
        found = await self._found.find({"erased.person_id": person_id}, {"erased": 1}).to_list(None)
        every = (to_erasure(each) for document in found for each in document["erased"])
        return sorted((each for each in every if each.person_id == person_id), key=lambda each: each.at)


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
    if wanted.erased:
        clauses.append({"erased.person_id": {"$exists": True}})
    if wanted.before is not None:
        moment, id = datetime.fromisoformat(wanted.before[0]), wanted.before[1]
        clauses.append({"$or": [{"accepted_at": {"$lt": moment}}, {"accepted_at": moment, "_id": {"$lt": id}}]})
    return {"$and": clauses} if clauses else {}
