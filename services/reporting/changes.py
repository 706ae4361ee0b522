"""The live feed of changes: follows the read models' change log and hands it to open streams, resumable without a
hole.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from services.reporting.documents import Document, ReadModels, Write
from shared.errors import Unavailable

_LETTERS = {"inspections.v1": "i", "risk.v1": "r", "hazards.v1": "h", "alerts.v1": "a"}
_TOPICS = {letter: topic for topic, letter in _LETTERS.items()}
QUEUE_LIMIT = 5000
BATCH = 500
# Changes are for readers that come back, not an archive; who stayed away longer is told to read anew.
KEPT_MS = 24 * 3600 * 1000
TRIM_EVERY_S = 600.0
Vector = dict[str, int]


@dataclass(frozen=True, slots=True)
class Change:
    """One change with the vector of positions reached by it: what `Last-Event-ID` carries.

    Without a document it says where the stream starts; `hole` when changes after the reader's id are no longer kept.
    """

    id: str
    document: Document | None
    hole: bool = False


class ChangeFeed:
    """Polls which partitions moved and reads what is new; one per process, whatever the number of open streams."""

    def __init__(self, models: ReadModels, every_s: float = 0.25) -> None:
        self._models = models
        self._every_s = every_s
        self._known: Vector | None = None
        self._trim_at = 0.0
        self._subscribers: set[asyncio.Queue[Document | None]] = set()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.step()
                if time.monotonic() >= self._trim_at:
                    await self.trim()
                    self._trim_at = time.monotonic() + TRIM_EVERY_S
            except Unavailable:
                pass  # the store is away: readiness says so, and the next step goes on from the same place
            try:
                await asyncio.wait_for(self._stopping.wait(), self._every_s)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        self._stopping.set()
        for queue in self._subscribers:
            queue.put_nowait(None)

    async def step(self) -> None:
        """Reads what is new in each stream and hands it on."""
        ends = await self._ends()
        if self._known is None:
            self._known = ends
        for stream, end in sorted(ends.items()):
            if end > self._known.get(stream, 0):
                found = [row async for row in self._between(stream, self._known.get(stream, 0), end)]
                # No pause from here: who subscribes meanwhile gets all of these or starts behind them.
                for document in found:
                    self._hand_on(document)
                self._known[stream] = end

    async def trim(self, kept_ms: int = KEPT_MS) -> None:
        """Removes changes written so long before the last record of their partition. What is cut off is noted first."""
        for row in await self._models.find("progress", {}):
            stream, bound = row["_id"], {"$lt": row["written_ms"] - kept_ms}
            where = {"stream": stream, "written_ms": bound}
            last = await self._models.find("changes", where, sort=("-written_ms", "-order"), limit=1, fields=("order",))
            if last:
                start = last[0]["order"] + 1
                await self._models.replace_newer([Write("trims", stream, start, {"start": start})])
                await self._models.remove("changes", {"stream": stream, "order": {"$lt": start}})

    async def follow(self, last_id: str | None) -> AsyncIterator[Change]:
        """First where it starts, then the changes after `last_id` (now, when there is none), each once and in the
        order of its partition, without end; ends when the service stops or the reader is too slow.
        """
        queue: asyncio.Queue[Document | None] = asyncio.Queue(QUEUE_LIMIT)
        document: Document | None
        if self._known is None:
            await self.step()
        self._subscribers.add(queue)
        try:
            reached = dict(self._known or {})
            vector: Vector = parse(last_id) if last_id else dict(reached)
            # The reader has an id before the first change: breaking off before it must leave no hole either.
            yield Change(encode(vector), None, hole=await self._cut_off(vector, reached))
            for stream, end in sorted(reached.items()):
                if end > vector.get(stream, 0):
                    async for document in self._between(stream, vector.get(stream, 0), end):
                        yield _change(vector, document)
                    vector[stream] = end
            while (document := await queue.get()) is not None:
                # Another replica may have been ahead of this one when it gave the reader its id.
                if document["order"] >= vector.get(document["stream"], 0):
                    yield _change(vector, document)
        finally:
            self._subscribers.discard(queue)

    async def _ends(self) -> Vector:
        return {row["_id"]: row["next"] for row in await self._models.find("progress", {})}

    async def _cut_off(self, vector: Vector, reached: Vector) -> bool:
        trims = await self._models.find("trims", {}, fields=("start",))
        return any(vector.get(row["_id"], 0) < min(row["start"], reached.get(row["_id"], 0)) for row in trims)

    async def _between(self, stream: str, start: int, end: int) -> AsyncIterator[Document]:
        while True:
            where = {"stream": stream, "order": {"$gte": start, "$lt": end}}
            rows = await self._models.find("changes", where, sort=("order",), limit=BATCH)
            for row in rows:
                yield row
            if len(rows) < BATCH:
                return
            start = rows[-1]["order"] + 1

    def _hand_on(self, document: Document) -> None:
        for queue in list(self._subscribers):
            try:
                queue.put_nowait(document)
            except asyncio.QueueFull:
                # A reader this slow is cut off; it resumes from its last id.
                self._subscribers.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)


def _change(vector: Vector, document: Document) -> Change:
    vector[document["stream"]] = max(vector.get(document["stream"], 0), document["order"] + 1)
    return Change(encode(vector), document)


def encode(vector: Mapping[str, int]) -> str:
    """A vector as a short text: `r3-1042.a0-7` for partition 3 of the risk topic and 0 of the alerts topic."""
    parts = (stream.rsplit(":", 1) for stream in sorted(vector))
    text = ".".join(
        f"{_LETTERS[topic]}{partition}-{vector[f'{topic}:{partition}']}"
        for topic, partition in parts
        if topic in _LETTERS
    )
    # Before the first record there is a position too: an empty id would mean "from now on".
    return text or "0"


def parse(text: str) -> Vector:
    """The vector in a text; what cannot be read is left out, so that the reader gets more rather than less."""
    found: Vector = {}
    for part in text.split("."):
        name, _, offset = part.partition("-")
        if name[:1] in _TOPICS and name[1:].isdecimal() and offset.isdecimal():
            found[f"{_TOPICS[name[0]]}:{int(name[1:])}"] = int(offset)
    return found
