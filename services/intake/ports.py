"""What intake asks of its stores. Kept by memory_stores and mongo_stores (one contract suite); used by committer,
outbox and book.
"""

import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, Literal, Protocol

from services.intake.records import Erasure, Head, Lease, Submission
from services.intake.rules.announcing import Change


@dataclass(frozen=True, slots=True)
class Added:
    """How far an ordered insert came: `count` documents are stored; `clash` names what the next one ran into."""

    count: int
    clash: Literal["id", "seq"] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which submissions a list asks for; None = no limit. `before` is the position (accepted_at as text, id) of the
    last one seen, `erased`: only those that somebody was erased from.
    """

    units: frozenset[str] | None = None
    enterprises: frozenset[str] | None = None
    enterprise_id: str | None = None
    unit_id: str | None = None
    kind: str | None = None
    before: tuple[str, str] | None = None
    erased: bool = False


class SubmissionStore(Protocol):
    """Submissions, one document each. Every method may raise `Unavailable`: then nothing, or a prefix in order, was
    done.
    """

    async def add(self, submissions: Sequence[Submission]) -> Added:
        """Inserts in order and stops at the first whose id, or (subject, seq), is taken. Durable (majority, journaled)
        on return.
        """
        ...

    async def get(self, id: uuid.UUID) -> Submission | None: ...

    async def existing(self, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Submission]: ...

    async def heads(self, subjects: Iterable[str]) -> Mapping[str, Head]:
        """Where each subject's chain stands; one without submissions has an empty head."""
        ...

    async def pending(self, shards: Iterable[int], limit: int) -> Sequence[Submission]:
        """The longest waiting unpublished ones of these shards."""
        ...

    async def pending_of(self, subjects: Iterable[str], limit: int) -> Sequence[Submission]:
        """Unpublished ones of these subjects, whatever their shard, by subject and sequence."""
        ...

    async def mark_published(self, ids: Iterable[uuid.UUID]) -> None: ...

    async def unpublished(self, ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        """Those of the ids that still wait."""
        ...

    async def tally(self, shards: Iterable[int]) -> Mapping[int, "Tally"]:
        """Counts per shard, from scratch: for whoever takes a shard over."""
        ...

    async def waiting(self, shards: Iterable[int]) -> Mapping[int, "Waiting"]:
        """What waits to be published, per shard that has any."""
        ...

    async def chain(self, subject: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """A subject's receipts after a sequence number, oldest first."""
        ...

    async def versions(self, subject: str, version_key: str) -> Sequence[Submission]:
        """What was submitted under one submission key, oldest first, without the record's bytes."""
        ...

    async def listed(self, wanted: Wanted, limit: int) -> Sequence[Submission]:
        """Newest first, without the record's bytes."""
        ...

    async def naming(self, person_id: str, limit: int) -> Sequence[Submission]:
        """Some whose record still holds this person's details."""
        ...

    async def erase(self, before: Submission, left: bytes, erasure: Erasure) -> bool:
        """Replaces the record by what is left of it; False, and nothing done, when it is no longer that of `before`."""
        ...

    async def erasures(self, person_id: str) -> Sequence[Erasure]:
        """One for each submission the person was erased from, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """How many submissions a shard has, and how many of them are published."""

    accepted: int
    published: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many submissions of a shard wait to be published, and since when the oldest, or one stored in the same write,
    was accepted.
    """

    count: int
    oldest: datetime


class RegistryStore(Protocol):
    """The registry as the ordered list of its changes."""

    async def add(self, changes: Sequence[Change]) -> bool:
        """Inserts all or, when the first revision is taken, none; then False."""
        ...

    async def after(self, revision: int, limit: int) -> Sequence[Change]: ...

    async def cursor(self) -> int:
        """The last revision that was announced."""
        ...

    async def announced(self, revision: int) -> None: ...

    async def days(self) -> Mapping[str, date]:
        """The last day started, by unit."""
        ...

    async def set_days(self, days: Mapping[str, date]) -> None: ...


class LeaseStore(Protocol):
    """Named leases by the store's own clock."""

    async def claim(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """The lease when it is free, expired or already the owner's; None while somebody else holds it."""
        ...

    async def renew(self, owner: str, names: Iterable[str], ttl_s: float) -> frozenset[str]:
        """Prolongs those still held by the owner and not expired, and names them."""
        ...

    async def release(self, owner: str, names: Iterable[str]) -> None: ...

    async def alive(self, owner: str, ttl_s: float) -> int:
        """Notes that the owner lives, and counts those that do."""
        ...


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """What is known of an evidence file beside its bytes; `principal` is who sent it first."""

    sha256: str
    media_type: str
    name: str
    size: int
    uploaded_by: str
    principal: str


class EvidenceStore(Protocol):
    """Evidence files by their SHA-256 (hex)."""

    async def known(self, hashes: Iterable[str]) -> frozenset[str]:
        """Those that are there."""
        ...

    async def put(self, file: EvidenceFile, content: IO[bytes]) -> bool:
        """Stores a file piece by piece; False when it was there already."""
        ...

    async def describe(self, sha256: str) -> EvidenceFile | None: ...

    def content(self, sha256: str) -> AsyncIterator[bytes]:
        """The file piece by piece; nothing when there is none."""
        ...

    async def mention(self, hashes: Iterable[str], unit_id: str, enterprise_id: str | None) -> None:
        """A submission of this unit or enterprise names these files: whoever may read it may read them."""
        ...

    async def mentioned(self, sha256: str, units: frozenset[str] | None, enterprises: frozenset[str] | None) -> bool:
        """Whether a submission within these units and enterprises (None = all) names the file."""
        ...
