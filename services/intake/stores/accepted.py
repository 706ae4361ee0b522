"""What a store of intake's says about the order in which submissions were accepted. Used to publish the log again."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.intake.stores.documents import utc
from services.intake.stores.groups import DONE
from shared.mongo import Database


@dataclass(frozen=True, slots=True, order=True)
class Accepted:
    """When and as what a submission was accepted; they sort as the log has them."""

    at: datetime
    seq: int
    subject: str
    after_revision: int
    id: uuid.UUID


class MongoAccepted:
    """Reads places only: a few hundred bytes a submission, not its record."""

    def __init__(self, database: Database) -> None:
        self._found = database.collection("submissions")

    async def in_order(self) -> Sequence[Accepted]:
        """Every submission, oldest first; each subject's in the order of its numbers whatever the clocks said."""
        fields = {"accepted_at": 1, "seq": 1, "subject": 1, "after_revision": 1}
        found = [
            Accepted(utc(row["accepted_at"]), row["seq"], row["subject"], row["after_revision"], uuid.UUID(row["_id"]))
            async for row in self._found.find({}, fields)
        ]
        return list(by_number(sorted(found)))

    async def all_published(self) -> None:
        """Nothing waits any more."""
        await self._found.update_many({"pending": True}, DONE)


def by_number(found: Sequence[Accepted]) -> Iterator[Accepted]:
    """The same in the same order, but none before one of its subject with a lower number. ValueError for a gap."""
    reached: dict[str, int] = {}
    held: dict[str, dict[int, Accepted]] = {}
    for each in found:
        waiting = held.setdefault(each.subject, {})
        waiting[each.seq] = each
        while (following := waiting.pop(reached.get(each.subject, 0) + 1, None)) is not None:
            reached[each.subject] = following.seq
            yield following
    if torn := sorted(subject for subject, waiting in held.items() if waiting):
        raise ValueError(f"numbers are missing in the chains of {', '.join(torn[:5])}")
