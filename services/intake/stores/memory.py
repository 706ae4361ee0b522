"""Intake's stores in memory, for tests and dry runs: the same behaviour as MongoDB's, with faults to inject."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import IO, Any

from services.intake.ports import Added, EvidenceFile, Tally, Waiting, Wanted
from services.intake.records import Erasure, Head, Lease, Submission
from services.intake.rules.announcing import Change
from shared.errors import Unavailable


class Faults:
    """Makes the next calls fail: `fail(n)`; a store that is down: `down = True`. `calls` counts every call."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0
        self._failing = 0

    def fail(self, times: int) -> None:
        self._failing = times

    def pass_or_raise(self) -> None:
        self.calls += 1
        if self.down or self._failing > 0:
            self._failing = max(0, self._failing - 1)
            raise Unavailable("store", "injected")


class MemorySubmissionStore:
    """Submissions in a dict; insertion keeps the order of acceptance."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._by_id: dict[uuid.UUID, Submission] = {}
        self._places: set[tuple[str, int]] = set()

    async def add(self, submissions: Sequence[Submission]) -> Added:
        self.faults.pass_or_raise()
        for count, submission in enumerate(submissions):
            if submission.id in self._by_id:
                return Added(count, "id")
            if (submission.subject, submission.seq) in self._places:
                return Added(count, "seq")
            self._by_id[submission.id] = submission
            self._places.add((submission.subject, submission.seq))
        return Added(len(submissions))

    async def get(self, id: uuid.UUID) -> Submission | None:
        self.faults.pass_or_raise()
        return self._by_id.get(id)

    async def existing(self, ids: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, Submission]:
        self.faults.pass_or_raise()
        return {id: self._by_id[id] for id in ids if id in self._by_id}

    async def heads(self, subjects: Iterable[str]) -> Mapping[str, Head]:
        self.faults.pass_or_raise()
        heads = {subject: Head() for subject in subjects}
        for found in sorted(self._by_id.values(), key=lambda each: each.seq):
            if (head := heads.get(found.subject)) is not None:
                head.take(found.id, found.seq, found.digest, found.version_key, found.gives, found.takes)
        return heads

    async def pending(self, shards: Iterable[int], limit: int) -> Sequence[Submission]:
        self.faults.pass_or_raise()
        wanted = set(shards)
        found = [each for each in self._by_id.values() if not each.published and each.shard in wanted]
        return sorted(found, key=lambda each: (each.accepted_at, each.seq))[:limit]

    async def pending_of(self, subjects: Iterable[str], limit: int) -> Sequence[Submission]:
        self.faults.pass_or_raise()
        wanted = set(subjects)
        found = [each for each in self._by_id.values() if not each.published and each.subject in wanted]
        return sorted(found, key=lambda each: (each.subject, each.seq))[:limit]

    async def mark_published(self, ids: Iterable[uuid.UUID]) -> None:
        self.faults.pass_or_raise()
        for id in ids:
            self._by_id[id] = replace(self._by_id[id], published=True)

    async def unpublished(self, ids: Iterable[uuid.UUID]) -> frozenset[uuid.UUID]:
        self.faults.pass_or_raise()
        return frozenset(id for id in ids if id in self._by_id and not self._by_id[id].published)

    async def tally(self, shards: Iterable[int]) -> Mapping[int, Tally]:
        self.faults.pass_or_raise()
        of: dict[int, list[Submission]] = {shard: [] for shard in shards}
        for each in self._by_id.values():
            if each.shard in of:
                of[each.shard].append(each)
        return {shard: Tally(len(found), sum(each.published for each in found)) for shard, found in of.items()}

    async def waiting(self, shards: Iterable[int]) -> Mapping[int, Waiting]:
        found: dict[int, list[datetime]] = {}
        for each in await self.pending(shards, len(self._by_id)):
            found.setdefault(each.shard, []).append(each.accepted_at)
        return {shard: Waiting(len(times), min(times)) for shard, times in found.items()}

    async def chain(self, subject: str, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        self.faults.pass_or_raise()
        found = [each for each in self._by_id.values() if each.subject == subject and each.seq > after]
        return [each.receipt for each in sorted(found, key=lambda each: each.seq)][:limit]

    async def versions(self, subject: str, version_key: str) -> Sequence[Submission]:
        self.faults.pass_or_raise()
        every = (each for each in self._by_id.values() if (each.subject, each.version_key) == (subject, version_key))
        return [replace(each, record=b"") for each in sorted(every, key=lambda each: each.seq)]

    async def listed(self, wanted: Wanted, limit: int) -> Sequence[Submission]:
        self.faults.pass_or_raise()
        found = [replace(each, record=b"") for each in self._by_id.values() if _fits(each, wanted)]
        return sorted(found, key=_position, reverse=True)[:limit]

    async def naming(self, person_id: str, limit: int) -> Sequence[Submission]:
        self.faults.pass_or_raise()
        every = (each for each in self._by_id.values() if person_id in each.persons)
        return [each for each in every if all(erasure.person_id != person_id for erasure in each.erased)][:limit]

    async def erase(self, before: Submission, left: bytes, erasure: Erasure) -> bool:
        self.faults.pass_or_raise()
        found = self._by_id[before.id]
        if found.record != before.record:
            return False
        self._by_id[before.id] = replace(found, record=left, erased=(*found.erased, erasure))
        return True

    async def erasures(self, person_id: str) -> Sequence[Erasure]:
        self.faults.pass_or_raise()
        every = (erasure for each in self._by_id.values() for erasure in each.erased)
        return sorted((each for each in every if each.person_id == person_id), key=lambda each: each.at)


def _position(submission: Submission) -> tuple[str, str]:
    return (submission.accepted_at.isoformat(), str(submission.id))


def _fits(submission: Submission, wanted: Wanted) -> bool:
    return (
        (wanted.units is None or submission.unit_id in wanted.units)
        and (wanted.enterprises is None or submission.enterprise_id in wanted.enterprises)
        and (wanted.enterprise_id is None or submission.enterprise_id == wanted.enterprise_id)
        and (wanted.unit_id is None or submission.unit_id == wanted.unit_id)
        and (wanted.kind is None or submission.kind == wanted.kind)
        and (not wanted.erased or bool(submission.erased))
        and (wanted.before is None or _position(submission) < wanted.before)
    )


class MemoryRegistryStore:
    """The registry's changes in a list."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._changes: list[Change] = []
        self._cursor = 0
        self._days: dict[str, date] = {}

    async def add(self, changes: Sequence[Change]) -> bool:
        self.faults.pass_or_raise()
        if changes and changes[0].revision != len(self._changes) + 1:
            return False
        self._changes.extend(changes)
        return True

    async def after(self, revision: int, limit: int) -> Sequence[Change]:
        self.faults.pass_or_raise()
        return self._changes[revision : revision + limit]

    async def cursor(self) -> int:
        self.faults.pass_or_raise()
        return self._cursor

    async def announced(self, revision: int) -> None:
        self.faults.pass_or_raise()
        self._cursor = max(self._cursor, revision)

    async def days(self) -> Mapping[str, date]:
        self.faults.pass_or_raise()
        return dict(self._days)

    async def set_days(self, days: Mapping[str, date]) -> None:
        self.faults.pass_or_raise()
        self._days.update({unit: max(day, self._days.get(unit, day)) for unit, day in days.items()})


class MemoryLeaseStore:
    """Leases by a given clock, which stands for the store's."""

    def __init__(self, now: Callable[[], datetime], faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._now = now
        self._leases: dict[str, tuple[Lease, datetime]] = {}
        self._alive: dict[str, datetime] = {}

    async def claim(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        self.faults.pass_or_raise()
        held = self._leases.get(name)
        if held is not None and held[0].owner != owner and held[1] > self._now():
            return None
        same = held is not None and held[0].owner == owner and held[1] > self._now()
        epoch = 1 if held is None else held[0].epoch + (0 if same else 1)
        lease = Lease(name, owner, epoch)
        self._leases[name] = (lease, self._until(ttl_s))
        return lease

    async def renew(self, owner: str, names: Iterable[str], ttl_s: float) -> frozenset[str]:
        self.faults.pass_or_raise()
        kept = frozenset(name for name in names if self._holds(owner, name))
        for name in kept:
            self._leases[name] = (self._leases[name][0], self._until(ttl_s))
        return kept

    async def release(self, owner: str, names: Iterable[str]) -> None:
        self.faults.pass_or_raise()
        for name in names:
            if self._holds(owner, name):
                self._leases[name] = (self._leases[name][0], self._now())

    async def alive(self, owner: str, ttl_s: float) -> int:
        self.faults.pass_or_raise()
        self._alive[owner] = self._until(ttl_s)
        return sum(until > self._now() for until in self._alive.values())

    def _holds(self, owner: str, name: str) -> bool:
        held = self._leases.get(name)
        return held is not None and held[0].owner == owner and held[1] > self._now()

    def _until(self, ttl_s: float) -> datetime:
        return self._now() + timedelta(seconds=ttl_s)


class MemoryEvidenceStore:
    """Evidence files in a dict."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self._files: dict[str, tuple[EvidenceFile, bytes]] = {}
        self._mentions: set[tuple[str, str, str | None]] = set()

    async def known(self, hashes: Iterable[str]) -> frozenset[str]:
        self.faults.pass_or_raise()
        return frozenset(sha256 for sha256 in hashes if sha256 in self._files)

    async def put(self, file: EvidenceFile, content: IO[bytes]) -> bool:
        self.faults.pass_or_raise()
        if file.sha256 in self._files:
            return False
        self._files[file.sha256] = (file, content.read())
        return True

    async def describe(self, sha256: str) -> EvidenceFile | None:
        self.faults.pass_or_raise()
        return self._files[sha256][0] if sha256 in self._files else None

    async def content(self, sha256: str) -> AsyncIterator[bytes]:
        self.faults.pass_or_raise()
        if sha256 in self._files:
            yield self._files[sha256][1]

    async def mention(self, hashes: Iterable[str], unit_id: str, enterprise_id: str | None) -> None:
        self.faults.pass_or_raise()
        self._mentions.update((sha256, unit_id, enterprise_id) for sha256 in hashes)

    async def mentioned(self, sha256: str, units: frozenset[str] | None, enterprises: frozenset[str] | None) -> bool:
        self.faults.pass_or_raise()
        return any(
            named == sha256 and (units is None or unit in units) and (enterprises is None or enterprise in enterprises)
            for named, unit, enterprise in self._mentions
        )
