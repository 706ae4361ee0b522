"""Read models that ask the store how it went about each read. For the test of indexes and the benchmark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bson import SON

from services.reporting.documents import Document, Where, Write
from services.reporting.stores.mongo import MongoReadModels
from shared.mongo import ASCENDING, DESCENDING, Database


@dataclass(frozen=True, slots=True)
class Read:
    """One read: what was looked for, how many documents the store looked at, and whether it went through them all."""

    collection: str
    where: Where
    examined: int
    scanned: bool


class Explained:
    """Implements `ReadModels`; every read is noted with what it cost."""

    def __init__(self, database: Database, models: MongoReadModels) -> None:
        self._database = database
        self._models = models
        self.reads: list[Read] = []

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        await self._models.replace_newer(writes)

    async def get(self, collection: str, id: str) -> Document | None:
        self.reads.append(Read(collection, {"_id": id}, 1, False))
        return await self._models.get(collection, id)

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        found = await self._models.get_many(collection, ids)
        self.reads.append(Read(collection, {"_id": "many"}, len(found), False))
        return found

    async def find(self, collection: str, where: Where, **how: Any) -> list[Document]:
        self.reads.append(await self._explained(collection, where, how.get("sort", ("_id",)), how.get("limit", 0)))
        return await self._models.find(collection, where, **how)

    async def remove(self, collection: str, where: Where) -> None:
        self.reads.append(await self._explained(collection, where, ("_id",), 0))
        await self._models.remove(collection, where)

    async def _explained(self, collection: str, where: Where, sort: Sequence[str], limit: int) -> Read:
        order = SON([(name.lstrip("-"), DESCENDING if name.startswith("-") else ASCENDING) for name in sort])
        find = SON(
            [("find", self._models._name(collection)), ("filter", dict(where)), ("sort", order), ("limit", limit)]
        )
        told = await self._database.command(SON([("explain", find), ("verbosity", "executionStats")]))
        examined = int(told["executionStats"]["totalDocsExamined"])
        return Read(collection, where, examined, "COLLSCAN" in str(told["queryPlanner"]["winningPlan"]))
