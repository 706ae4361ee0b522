"""The read models in use: all readers and the projection go through one `Live`, which a rebuild switches at once."""

from collections.abc import Iterable, Sequence

from services.reporting.documents import Document, ReadModels, Where, Write


class Live:
    """Implements `ReadModels` by handing every call to the generation that is live now."""

    def __init__(self, models: ReadModels) -> None:
        self.models = models

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        await self.models.replace_newer(writes)

    async def get(self, collection: str, id: str) -> Document | None:
        return await self.models.get(collection, id)

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]:
        return await self.models.get_many(collection, ids)

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        sort: Sequence[str] = ("_id",),
        limit: int = 0,
        fields: Sequence[str] = (),
    ) -> list[Document]:
        return await self.models.find(collection, where, sort=sort, limit=limit, fields=fields)

    async def sums(self, collection: str, field: str, by: str) -> dict[str, int]:
        return await self.models.sums(collection, field, by)
