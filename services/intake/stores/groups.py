"""The outbox of MongoDB's submissions: what was stored in one write is a group, and the group's first document names
what of it waits. Used by the submission store only.

A write is ordered, so the first of a group is there before any other: nothing is stored that is not named. Marking a
group is one small update, not one of each submission, which cost more than storing it.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.intake.records import Submission
from services.intake.stores.documents import Document, of_submission
from shared.mongo import Collection, UpdateOne

DONE = {"$unset": {"pending": "", "members": "", "waiting": ""}}
NAMES = {"members": 1, "waiting": 1}
IDS_KEPT = 100_000
# A write that broke off in the middle names what never came; no write is under way for so long.
NEVER_CAME_S = 600.0


class Member(NamedTuple):
    """A submission that waits, as its group's first document names it."""

    id: str
    subject: str
    seq: int
    group: str


def grouped(submissions: Sequence[Submission]) -> list[Document]:
    """The documents of one write, in its order; the first of each shard names those of it that wait, and how many there
    are, so that counts are of one document each and a write under way cannot bend them.
    """
    firsts: dict[int, Document] = {}
    documents: list[Document] = []
    for each in submissions:
        document = of_submission(each)
        first = firsts.setdefault(each.shard, document)
        document["group"] = first["_id"]
        first["size"] = first.get("size", 0) + 1
        if not each.published:
            first["pending"] = True
            first.setdefault("members", []).append([document["_id"], each.subject, each.seq])
            first.setdefault("waiting", []).append(document["_id"])
        documents.append(document)
    return documents


def group_of(document: Mapping[str, Any]) -> str:
    """The id of the group's first document."""
    return str(document.get("group", document["_id"]))


def members_of(first: Mapping[str, Any]) -> list[Member]:
    """Those that wait."""
    waiting = set(first["waiting"])
    return [Member(id, subject, seq, first["_id"]) for id, subject, seq in first["members"] if id in waiting]


class Groups:
    """The groups that wait. What this process knows of them saves reading them again; it may name too much, never too
    little.
    """

    def __init__(self, found: Collection, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._found = found
        self._monotonic = monotonic
        self._missing_since: dict[str, float] = {}
        self._group: dict[str, str] = {}
        self._left: dict[str, set[str]] = {}

    def learn(self, members: Iterable[Member]) -> None:
        """These wait."""
        if len(self._group) > IDS_KEPT:
            self._group.clear()
            self._left.clear()
        for member in members:
            self._group[member.id] = member.group
            self._left.setdefault(member.group, set()).add(member.id)

    async def stored(self, documents: Sequence[Document], count: int) -> None:
        """Of a write of these the first `count` were stored: the others are named no more.

        A group whose first was not stored is not there; another write's first may have the same id.
        """
        there = {document["_id"] for document in documents[:count]}
        waiting = [member for document in documents[:count] if "waiting" in document for member in members_of(document)]
        self.learn(member for member in waiting if member.id in there)
        await self.drop([member for member in waiting if member.id not in there])

    async def waiting(self, shards: Iterable[int] | None) -> list[Member]:
        """What waits in the shards (None = all), oldest group first."""
        wanted: Document = {"pending": True}
        if shards is not None:
            wanted["shard"] = {"$in": list(shards)}
        firsts = await self._found.find(wanted, NAMES).sort([("accepted_at", 1), ("seq", 1)]).to_list(None)
        found = [member for first in firsts for member in members_of(first)]
        self.learn(found)
        if emptied := [first["_id"] for first in firsts if not first["waiting"]]:
            await self._found.update_many({"_id": {"$in": emptied}}, DONE)
        return found

    async def there(self, members: Sequence[Member], documents: Sequence[Document]) -> list[Document]:
        """The documents of these members. One that came with another write is named by that one; one that is missing
        may still come, but not after so long.
        """
        of = {document["_id"]: group_of(document) for document in documents}
        now = self._monotonic()
        for each in members:
            if each.id in of:
                self._missing_since.pop(each.id, None)
            else:
                self._missing_since.setdefault(each.id, now)
        await self.drop(
            [
                each
                for each in members
                if of.get(each.id, each.group) != each.group
                or now - self._missing_since.get(each.id, now) > NEVER_CAME_S
            ]
        )
        named = {each.id for each in members if of.get(each.id) == each.group}
        return [document for document in documents if document["_id"] in named]

    async def drop(self, members: Sequence[Member]) -> None:
        """These never came with their group: it names and counts them no more."""
        gone: dict[str, list[str]] = {}
        for member in members:
            gone.setdefault(member.group, []).append(member.id)
        for group, ids in gone.items():
            change = {"$pull": {"waiting": {"$in": ids}}, "$inc": {"size": -len(ids)}}
            await self._found.update_one({"_id": group, "waiting": {"$all": ids}}, change)
            self._left.get(group, set()).difference_update(ids)
            for id in ids:
                self._missing_since.pop(id, None)

    async def still_waiting(self, documents: Sequence[Mapping[str, Any]]) -> set[str]:
        """Ids of those documents that wait."""
        groups = sorted({group_of(document) for document in documents})
        firsts = await self._found.find({"_id": {"$in": groups}, "pending": True}, {"waiting": 1}).to_list(None)
        return {id for first in firsts for id in first["waiting"]}

    async def mark(self, ids: Iterable[str]) -> None:
        """These wait no more; safe to repeat."""
        wanted = set(ids)
        await self._look_up(wanted - self._group.keys())
        touched = {self._group[id] for id in wanted if id in self._group}
        left = {group: self._left[group] - wanted for group in touched}
        if whole := [group for group in touched if not left[group]]:
            await self._found.update_many({"_id": {"$in": whole}}, DONE)
        parts = [
            UpdateOne({"_id": group}, {"$pull": {"waiting": {"$in": sorted(wanted & self._left[group])}}})
            for group in touched
            if left[group]
        ]
        if parts:
            await self._found.bulk_write(parts, ordered=False)
        self._know(left)

    def _know(self, left: Mapping[str, set[str]]) -> None:
        for group, waiting in left.items():
            for id in self._left.get(group, set()) - waiting:
                self._group.pop(id, None)
            if waiting:
                self._left[group] = waiting
            else:
                self._left.pop(group, None)

    async def _look_up(self, unknown: set[str]) -> None:
        if not unknown:
            return
        documents = await self._found.find({"_id": {"$in": sorted(unknown)}}, {"group": 1}).to_list(None)
        groups = sorted({group_of(document) for document in documents})
        firsts = await self._found.find({"_id": {"$in": groups}, "pending": True}, NAMES).to_list(None)
        self.learn(member for first in firsts for member in members_of(first))
