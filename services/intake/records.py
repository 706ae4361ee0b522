"""What intake's stores hold, as frozen values: submissions with their receipt and place in the outbox, and leases."""

import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from services.intake.rules.becomings import Becoming, FindingRef, Kind

SHARDS = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a submission came from in a file: SHA-256 (hex) of the file and the row its first line stands in."""

    file_sha256: str
    row: int


@dataclass(frozen=True, slots=True)
class Draft:
    """Where a submission came from in a file: its SHA-256 (hex) and the row its first line stands in."""

    id: uuid.UUID
    principal: str
    key: str
    record: bytes
    sha256: str
    becoming: Becoming
    key_id: str
    at: datetime
    after_revision: int = 0
    correlation_id: str | None = None
    traceparent: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person's details taken out of a submission: whose (the id events carry), when, by which key, and why."""

    person_id: str
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted submission, whole: one document. `value` is the event's data as published, so that every copy has
    the same bytes.

    `after_revision`: the registry change that the outbox must have announced before this may be published.
    `record`: the exact bytes; once `erased`, the body without those persons. `persons`: ids of all it named.
    """

    id: uuid.UUID
    principal: str
    key: str
    kind: Kind
    subject: str
    seq: int
    unit_id: str
    enterprise_id: str | None
    record: bytes
    sha256: str
    receipt: Mapping[str, Any]
    digest: str
    type: str
    value: bytes
    accepted_at: datetime
    key_id: str
    drill: bool = False
    version_key: str = ""
    supersedes: uuid.UUID | None = None
    after_revision: int = 0
    findings: tuple[FindingRef, ...] = ()
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)
    correlation_id: str | None = None
    traceparent: str | None = None
    origin: Origin | None = None
    persons: tuple[str, ...] = ()
    erased: tuple[Erasure, ...] = ()
    published: bool = False

    @property
    def shard(self) -> int:
        return shard_of(self.unit_id)


@dataclass(slots=True)
class Head:
    """Where a subject's chain stands, and what the subject knows; changed only by the committer, dropped when in
    doubt.
    """

    seq: int = 0
    digest: str | None = None
    versions: dict[str, uuid.UUID] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)

    def take(
        self, id: uuid.UUID, seq: int, digest: str, version_key: str, gives: tuple[str, ...], takes: tuple[str, ...]
    ) -> None:
        """The next submission of the subject is stored."""
        self.seq, self.digest = seq, digest
        if version_key:
            self.versions[version_key] = id
        self.known.update(gives)
        self.known.difference_update(takes)


@dataclass(frozen=True, slots=True)
class Lease:
    """A name held by an owner until a moment of the store's clock; `epoch` grows with every change of owner."""

    name: str
    owner: str
    epoch: int


@lru_cache(maxsize=10_000)
def shard_of(unit_id: str) -> int:
    """The shard of a unit: fixed for life, as leases and documents name it."""
    return zlib.crc32(unit_id.encode()) % SHARDS


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as receipts and answers have it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
