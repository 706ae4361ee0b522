"""How many submissions reporting has seen, kept by reading only the subjects that changed. Called by queries."""

import asyncio

from services.reporting.documents import ReadModels
from services.reporting.generations import pinned

_SUBJECTS = "inspections.v1"


class Tally:
    """Sums `seen` over all subjects. The first call reads every subject, later ones those written since.

    A partition's subjects are written before its progress, so what is at or beyond the progress of the last call
    covers every later change. A switch to another generation of read models starts anew.
    """

    def __init__(self, models: ReadModels) -> None:
        self._models = models
        self._generation: object = None
        self._seen: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._sum = 0
        self._one_at_a_time = asyncio.Lock()

    async def seen(self) -> int:
        """Submissions seen, each once."""
        async with self._one_at_a_time:
            models = pinned(self._models)
            if models is not self._generation:
                self._generation, self._seen, self._next, self._sum = models, {}, {}, 0
            for place in await models.find("progress", {"topic": _SUBJECTS}):
                await self._add(models, place["partition"], place["next"])
            return self._sum

    async def _add(self, models: ReadModels, partition: str, reached: int) -> None:
        since = self._next.get(partition, 0)
        if since == reached:
            return
        where = {"partition": partition, "order": {"$gte": since}}
        for row in await models.find("subjects", where, sort=("order",), fields=("seen",)):
            self._sum += row["seen"] - self._seen.get(row["_id"], 0)
            self._seen[row["_id"]] = row["seen"]
        self._next[partition] = reached
