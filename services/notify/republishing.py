"""What notify told the log, once more from its store, and its alerts moved to a log that was written again. Called
through wiring.
"""

from collections.abc import Callable
from datetime import datetime

from services.notify.stores.documents import event_of
from shared.bus import Publisher, record_of
from shared.events.base import LogPosition
from shared.mongo import ASCENDING, Database, UpdateOne

PAGE = 500
# The last position of the new log that an alert of a unit knows, given when the alert last changed; None: not one.
Known = Callable[[str, datetime], LogPosition | None]


class Republishing:
    """Safe to repeat: the same events, the same positions."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._alerts = database.collection("alerts")
        self._history = database.collection("history")
        self._publisher = publisher

    async def run(self) -> int:
        """Publishes the whole history of alerts and silences; answers how many events it has. Raises `Unavailable`."""
        count = 0
        await self._publisher.start()
        try:
            while page := await self._page(count):
                await self._publisher.publish([record_of(event_of(document)) for document in page])
                count += len(page)
        finally:
            await self._publisher.stop()
        return count

    async def move(self, known: Known) -> None:
        """Gives every alert its place on the new log: what comes after it changes the alert, what comes before does
        not.
        """
        moves: list[UpdateOne] = []
        async for alert in self._alerts.find({}, {"unit_id": 1, "changed_at": 1}):
            position = known(alert["unit_id"], alert["changed_at"])
            if position is not None:
                place = {"partition": position.partition, "offset": position.offset}
                moves.append(UpdateOne({"_id": alert["_id"]}, {"$set": {"position": place}}))
        if moves:
            await self._alerts.bulk_write(moves, ordered=False)

    async def _page(self, start: int) -> list[dict[str, object]]:
        order = [("time", ASCENDING), ("place", ASCENDING), ("_id", ASCENDING)]
        return await self._history.find({}).sort(order).skip(start).limit(PAGE).to_list(None)
