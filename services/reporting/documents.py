"""The read models' documents and what may be asked of a store of them; used by projections, handlers, queries and
the stores.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

Document = dict[str, Any]
Where = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One document as it stands after an event.

    `order` is the place of its cause (offset on the cause's partition, or the version its writer gave): among writes
    of one (collection, id) the highest order stands, whichever came first.
    """

    collection: str
    id: str
    order: int
    document: Document


@dataclass(frozen=True, slots=True)
class Index:
    """An index a collection needs, as field names in order; `-` before a name sorts it downwards."""

    collection: str
    fields: tuple[str, ...]


# Each read has an index that covers its whole filter, equal fields first and the one range last: not every store
# takes an index that covers a part of it. Lists of the newest end with the id, so that the index gives their order too.
INDEXES = (
    Index("unit_rounds", ("round_id", "unit_id")),
    Index("unit_rounds", ("unit_id", "round_id")),
    Index("risk_history", ("unit_id", "at", "order")),
    Index("risk_history", ("unit_id", "round_id", "at", "order")),
    Index("risk_history", ("unit_id", "round_id", "order")),
    Index("risk_history", ("unit_id", "order")),
    Index("enterprises", ("unit_id", "_id")),
    Index("enterprises", ("enterprise_id", "at")),
    Index("enterprise_rounds", ("unit_id", "round_id", "enterprise_id")),
    Index("enterprise_history", ("unit_id", "enterprise_id", "round_id", "order")),
    Index("findings", ("unit_id", "drill", "_id")),
    Index("findings", ("unit_id", "drill", "state", "_id")),
    Index("findings", ("unit_id", "drill", "standing", "_id")),
    Index("findings", ("unit_id", "drill", "standing", "round_id")),
    Index("findings", ("unit_id", "drill", "order")),
    Index("findings", ("enterprise_id", "drill", "_id")),
    Index("finding_rounds", ("unit_id", "round_id", "drill", "order")),
    Index("finding_history", ("finding_id", "unit_id", "order")),
    Index("carried_closings", ("unit_id", "order")),
    Index("round_history", ("round_id", "unit_id", "revision")),
    Index("alert_steps", ("alert_id", "version")),
    Index("alerts", ("unit_id", "drill", "opened_at", "_id")),
    Index("alerts", ("enterprise_id", "drill", "opened_at", "_id")),
    Index("alerts", ("drill", "opened_at", "_id")),
    Index("answers", ("unit_id", "drill", "at")),
    Index("submissions", ("unit_id", "drill", "at", "_id")),
    Index("submissions", ("unit_id", "drill", "correction", "at")),
    Index("submissions", ("unit_id", "round_id", "type", "drill")),
    Index("submissions", ("round_id", "type", "drill")),
    Index("submissions", ("drill", "at", "_id")),
    Index("rounds", ("round_id", "unit_id")),
    Index("rounds", ("unit_id", "round_id")),
    Index("subjects", ("gapped",)),
    Index("subjects", ("subject",)),
    Index("subjects", ("partition", "order")),
    Index("changes", ("stream", "order")),
    Index("changes", ("stream", "written_ms")),
)


# What is told once and then stays: the history of what changes, the changes, and what was submitted. A store may try to
# insert these first, which is cheaper than to look for an older one.
WRITTEN_ONCE = frozenset(
    {
        "alert_steps",
        "answers",
        "carried_closings",
        "changes",
        "enterprise_history",
        "finding_history",
        "risk_history",
        "round_history",
        "submissions",
    }
)


class ReadModels(Protocol):
    """A store of documents. `Where` is a MongoDB filter using equality, `$in`, `$ne`, `$lt`, `$lte`, `$gt` and
    `$gte` only.
    """

    async def replace_newer(self, writes: Sequence[Write]) -> None:
        """Each write whose order is at least the stored one replaces its document. Raises `Unavailable`."""
        ...

    async def get(self, collection: str, id: str) -> Document | None: ...

    async def get_many(self, collection: str, ids: Iterable[str]) -> dict[str, Document]: ...

    async def find(
        self,
        collection: str,
        where: Where,
        *,
        sort: Sequence[str] = ("_id",),
        limit: int = 0,
        fields: Sequence[str] = (),
    ) -> list[Document]:
        """Documents that fit, sorted (`-name` downwards); `limit` 0 means all; `fields` names what to read, all when
        empty.
        """
        ...

    async def remove(self, collection: str, where: Where) -> None:
        """Removes the documents that fit."""
        ...


def newest(writes: Iterable[Write]) -> list[Write]:
    """One write for each (collection, id): the one that stands."""
    found: dict[tuple[str, str], Write] = {}
    for write in writes:
        known = found.get((write.collection, write.id))
        if known is None or write.order >= known.order:
            found[(write.collection, write.id)] = write
    return list(found.values())


def stamp(at: datetime) -> str:
    """A time as text that sorts as the time does: UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
