"""Gathers concurrent submissions into one ordered write; gives each its sequence number and receipt. Called by the
handlers.

While a write is under way the next ones gather, so the write before sets the pace and no timer is needed. The
sequence needs no lock: a
number is taken by the unique index (subject, seq), and whoever finds it taken looks again. An insert is ordered, so
a link of a chain is never
stored without the one before it.
"""

import asyncio
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.intake.ports import SubmissionStore
from services.intake.records import Draft, Head, Submission, rfc3339
from services.intake.rules.becomings import Becoming, missing_needs
from services.intake.rules.faults import Fault, Faulty, fault
from shared import receipts
from shared.events.base import name_id
from shared.events.catalogue import by_model

GATHERED = 200
SUBJECTS_KEPT = 20_000
TAKEN_IN_A_ROW = 50


@dataclass(frozen=True, slots=True)
class Committed:
    """A stored submission; `first` is False when it had been there before: a repeat with the same key."""

    submission: Submission
    first: bool


@dataclass(slots=True)
class _Waiting:
    draft: Draft
    done: asyncio.Future[Committed]


class Committer:
    """The one writer of submissions in this process. `on_stored` hears of what was stored, in order, before the
    callers do.
    """

    def __init__(
        self, store: SubmissionStore, keys: receipts.SigningKeys, on_stored: Callable[[Sequence[Submission]], None]
    ) -> None:
        self._store = store
        self._keys = keys
        self._on_stored = on_stored
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._queue: deque[_Waiting] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def commit(self, draft: Draft) -> Committed:
        """Stores the draft. Raises `Faulty` when the subject's state stands against it, `Unavailable` when the store
        is away.
        """
        waiting = _Waiting(draft, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await waiting.done

    async def _write_all(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(GATHERED, len(self._queue)))]
            try:
                await self._write(batch)
            except Exception as error:  # noqa: BLE001 - each caller hears of it; a bug surfaces there
                self._forget(batch)
                for waiting in batch:
                    if not waiting.done.done():
                        waiting.done.set_exception(error)

    async def _write(self, batch: list[_Waiting]) -> None:
        for _ in range(TAKEN_IN_A_ROW):
            await self._load_heads(batch)
            planned, refused = self._plan(batch)
            added = await self._store.add([submission for _, submission in planned]) if planned else None
            stored = planned[: added.count] if added else []
            self._take(stored)
            for waiting, error in refused:
                await self._refuse(waiting, error)
            batch = [waiting for waiting, _ in planned[len(stored) :]]
            if not batch:
                return
            self._forget(batch)
            batch = await self._without_repeats(batch)
        raise RuntimeError("sequence numbers were taken by others again and again")

    async def _load_heads(self, batch: Sequence[_Waiting]) -> None:
        becomings = [waiting.draft.becoming for waiting in batch]
        wanted = {becoming.subject for becoming in becomings}
        if unknown := {becoming.subject for becoming in becomings if self._is_in_doubt(becoming)}:
            self._heads.update(await self._store.heads(unknown))
        for subject in wanted:
            self._heads.move_to_end(subject)
        while len(self._heads) > max(SUBJECTS_KEPT, len(wanted)):
            self._heads.popitem(last=False)

    def _is_in_doubt(self, becoming: Becoming) -> bool:
        # What a cached head does not know, another replica may have taken meanwhile.
        head = self._heads.get(becoming.subject)
        return head is None or bool(missing_needs(becoming, head.known))

    def _plan(
        self, batch: Sequence[_Waiting]
    ) -> tuple[list[tuple[_Waiting, Submission]], list[tuple[_Waiting, Faulty]]]:
        ahead: dict[str, Head] = {}
        planned: list[tuple[_Waiting, Submission]] = []
        refused: list[tuple[_Waiting, Faulty]] = []
        for waiting in batch:
            subject = waiting.draft.becoming.subject
            head = ahead.setdefault(subject, _copy(self._heads[subject]))
            if faults := objections(waiting.draft, head):
                refused.append((waiting, Faulty(faults)))
                continue
            submission = place(waiting.draft, head, self._keys)
            _advance(head, submission)
            planned.append((waiting, submission))
        return planned, refused

    def _take(self, stored: Sequence[tuple[_Waiting, Submission]]) -> None:
        for _, submission in stored:
            _advance(self._heads[submission.subject], submission)
        if stored:
            self._on_stored([submission for _, submission in stored])
        for waiting, submission in stored:
            if not waiting.done.done():
                waiting.done.set_result(Committed(submission, first=True))

    async def _refuse(self, waiting: _Waiting, error: Faulty) -> None:
        # What stands against a repeat may be its own first copy: the first answer counts.
        before = await self._store.get(waiting.draft.id)
        if waiting.done.done():
            return
        if before is None:
            waiting.done.set_exception(error)
        else:
            _answer_repeat(waiting, before)

    async def _without_repeats(self, batch: Sequence[_Waiting]) -> list[_Waiting]:
        before = await self._store.existing([waiting.draft.id for waiting in batch])
        for waiting in batch:
            if waiting.draft.id in before and not waiting.done.done():
                _answer_repeat(waiting, before[waiting.draft.id])
        return [waiting for waiting in batch if waiting.draft.id not in before]

    def _forget(self, batch: Sequence[_Waiting]) -> None:
        for waiting in batch:
            self._heads.pop(waiting.draft.becoming.subject, None)


def objections(draft: Draft, head: Head) -> list[Fault]:
    """What the subject's state has against a draft: what it refers to is unknown, or it replaces another without a
    reason.
    """
    becoming = draft.becoming
    found = missing_needs(becoming, head.known)
    if becoming.reason_needed and becoming.version_key in head.versions and becoming.supersedes_reason is None:
        found.append(
            fault("/supersedes_reason", "supersedes_reason_required", earlier=str(head.versions[becoming.version_key]))
        )
    return found


def place(draft: Draft, head: Head, keys: receipts.SigningKeys) -> Submission:
    """The submission with its number, its receipt and the bytes of its event."""
    becoming, seq = draft.becoming, head.seq + 1
    accepted_at = rfc3339(draft.at)
    receipt = receipts.issue(
        keys, subject=becoming.subject, seq=seq, sha256=draft.sha256, prev=head.digest, accepted_at=accepted_at
    )
    supersedes = head.versions.get(becoming.version_key) if becoming.version_key else None
    given: dict[str, object] = {"seq": seq, "accepted_at": draft.at}
    if becoming.reason_needed and supersedes is not None:
        given |= {"supersedes": supersedes, "supersedes_reason": becoming.supersedes_reason}
    return Submission(
        id=draft.id,
        principal=draft.principal,
        key=draft.key,
        kind=becoming.kind,
        subject=becoming.subject,
        seq=seq,
        unit_id=becoming.unit_id,
        enterprise_id=becoming.enterprise_id,
        record=draft.record,
        sha256=draft.sha256,
        receipt=receipt,
        digest=receipts.digest(receipt),
        type=by_model(type(becoming.data)).type,
        value=becoming.data.model_copy(update=given).model_dump_json(by_alias=True).encode(),
        accepted_at=draft.at,
        key_id=draft.key_id,
        drill=becoming.data.drill,
        version_key=becoming.version_key,
        supersedes=supersedes,
        after_revision=draft.after_revision,
        findings=becoming.findings,
        gives=becoming.gives,
        takes=becoming.takes,
        answer=becoming.answer,
        persons=becoming.persons,
        correlation_id=draft.correlation_id,
        traceparent=draft.traceparent,
        origin=draft.origin,
    )


def _answer_repeat(waiting: _Waiting, before: Submission) -> None:
    if before.sha256 == waiting.draft.sha256:
        waiting.done.set_result(Committed(before, first=False))
    else:
        waiting.done.set_exception(
            Faulty([fault("header:Idempotency-Key", "idempotency_key_reused", key=waiting.draft.key)])
        )


def _copy(head: Head) -> Head:
    return Head(head.seq, head.digest, dict(head.versions), set(head.known))


def _advance(head: Head, submission: Submission) -> None:
    head.take(
        submission.id,
        submission.seq,
        submission.digest,
        submission.version_key,
        submission.gives,
        submission.takes,
    )


def submission_id(principal: str, key: str) -> uuid.UUID:
    """The id that a principal's idempotency key determines."""
    return name_id("submission", principal, key)
