"""Intake's use cases for submissions: check everything, store, tell what became of it. Called by the API, the batch
and the pages.
"""

import contextlib
import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.intake.book import Book
from services.intake.committer import Committed, Committer, objections, submission_id
from services.intake.metering import IntakeMetrics
from services.intake.outbox import Outbox
from services.intake.ports import EvidenceStore, SubmissionStore
from services.intake.records import Draft, Origin, Submission
from services.intake.rules import bodies
from services.intake.rules.becoming import become
from services.intake.rules.becomings import Sent
from services.intake.rules.checks import check
from services.intake.rules.faults import Fault, Faulty, fault
from services.intake.rules.standing import By, Circumstances, is_late, stands_against
from shared.rulesets import RuleSets

RECORD_LIMIT = 760 * 1024
PUBLISHED_WITHIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the principal that idempotency counts for, the key, the role's part, an expert's team."""

    principal: str
    key_id: str
    by: By
    team: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What was sent: the exact bytes, the body read from them, the idempotency key, and the place in a file."""

    record: bytes
    body: bodies.Submission
    key: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """What the use cases need."""

    book: Book
    rules: RuleSets
    committer: Committer
    outbox: Outbox
    submissions: SubmissionStore
    evidence: EvidenceStore
    metrics: IntakeMetrics
    now: Callable[[], datetime]
    zone: ZoneInfo
    person_key: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An accepted submission, and whether it is with the broker already."""

    submission: Submission
    first: bool
    published: bool

    def document(self) -> dict[str, Any]:
        """The 201's body."""
        found = self.submission
        return {
            "submission_id": str(found.id),
            "seq": found.seq,
            "status": "published" if self.published else "queued",
            "receipt": dict(found.receipt),
            "findings": [finding.document() for finding in found.findings],
            **found.answer,
        }


async def faults_of(intake: Intake, body: bodies.Submission, sender: Sender, *, in_scope: bool) -> list[Fault]:
    """Everything wrong with a body that could be read. Out of scope only what the body shows by itself."""
    found = check(body, intake.rules)
    if in_scope:
        found += stands_against(body, intake.book.registry, _circumstances(intake, sender))
        found += await _missing_evidence(intake, body)
    return list({(each.pointer, each.code, str(sorted(each.values.items()))): each for each in found}.values())


async def faults_of_part(intake: Intake, part: Any, sender: Sender, in_scope: Callable[[Any], bool]) -> list[Fault]:
    """What the rules can say of a body of which only a part could be read (None: nothing)."""
    if part is None:
        return []
    try:
        allowed = in_scope(part)
    except bodies.Undecided:
        allowed = False
    return await faults_of(intake, part, sender, in_scope=allowed)


async def submit(
    intake: Intake, posted: Posted, sender: Sender, faults: Sequence[Fault], wait_s: float = PUBLISHED_WITHIN_S
) -> Answer:
    """Stores the submission, waiting a moment for it to be published. Raises `Faulty`, also for a key used for
    another body. Its evidence was opened before. Calls without faults store in the order in which they began.

    A repeat gets its first answer even when, by now, something would stand against it.
    """
    id = submission_id(sender.principal, posted.key)
    if faults:
        before = await intake.submissions.get(id)
        if before is None:
            raise Faulty(faults)
        committed = _repeated(before, posted)
    else:
        committed = await intake.committer.commit(draft(intake, id, posted, sender))
    counter = intake.metrics.accepted if committed.first else intake.metrics.repeated
    counter.labels(committed.submission.kind).inc()
    published = await intake.outbox.wait(committed.submission, wait_s)
    return Answer(committed.submission, committed.first, published)


async def rehearse(intake: Intake, posted: Posted, sender: Sender, faults: Sequence[Fault]) -> None:
    """The dry run: raises what the real one would, stores nothing."""
    id = submission_id(sender.principal, posted.key)
    before = await intake.submissions.get(id)
    if before is not None:
        _repeated(before, posted)
        return
    found = list(faults)
    if not found:
        made = draft(intake, id, posted, sender)
        heads = await intake.submissions.heads([made.becoming.subject])
        found = objections(made, heads[made.becoming.subject])
    if found:
        raise Faulty(found)


def draft(intake: Intake, id: uuid.UUID, posted: Posted, sender: Sender) -> Draft:
    """The submission before it has a place. Raises `Faulty` when its event would be too large for the log."""
    now = _to_milliseconds(intake.now())
    given = _circumstances(intake, sender)
    late = is_late(posted.body, intake.book.registry, given)
    sent = Sent(id, sender.by, sender.principal, late, intake.person_key)
    becoming = become(posted.body, sent, intake.rules)
    if (
        len(posted.record) > RECORD_LIMIT // 2
        and len(becoming.data.model_copy(update={"accepted_at": now}).model_dump_json()) > RECORD_LIMIT
    ):
        raise Faulty([fault("", "record_too_large", limit=RECORD_LIMIT)])
    return Draft(
        id=id,
        principal=sender.principal,
        key=posted.key,
        record=posted.record,
        sha256=hashlib.sha256(posted.record).hexdigest(),
        becoming=becoming,
        key_id=sender.key_id,
        at=now,
        after_revision=_after(intake.book, posted.body),
        correlation_id=sender.correlation_id,
        traceparent=sender.traceparent,
        origin=posted.origin,
    )


def _circumstances(intake: Intake, sender: Sender) -> Circumstances:
    return Circumstances(sender.by, intake.now(), intake.zone, sender.team)


def _after(book: Book, body: bodies.Submission) -> int:
    round_id = getattr(body, "round_id", None)
    if round_id is None:
        return 0
    return book.revision_of(("rounds", round_id), ("enrolments", f"{round_id}:{body.unit_id}"))


def _repeated(before: Submission, posted: Posted) -> Committed:
    if before.sha256 != hashlib.sha256(posted.record).hexdigest():
        raise Faulty([fault("header:Idempotency-Key", "idempotency_key_reused", key=posted.key)])
    return Committed(before, first=False)


async def _missing_evidence(intake: Intake, body: bodies.Submission) -> list[Fault]:
    named = list(_evidence_read(body))
    if not named:
        return []
    hashes = {id.removeprefix("sha256:") for _, id in named}
    known = await intake.evidence.known(hashes)
    return [
        fault(pointer, "unknown_evidence", id=id) for pointer, id in named if id.removeprefix("sha256:") not in known
    ]


async def open_evidence(intake: Intake, body: bodies.Submission) -> None:
    """Lets the readers of the submission read the files it names. Before the submission, so that no stored one names a
    file that its readers may not read.
    """
    if hashes := {id.removeprefix("sha256:") for _, id in _evidence(body)}:
        await intake.evidence.mention(hashes, body.unit_id, getattr(body, "enterprise_id", None))


def _evidence_read(body: bodies.Submission) -> Iterable[tuple[str, str]]:
    with contextlib.suppress(bodies.Undecided):
        yield from _evidence(body)


def _evidence(body: bodies.Submission) -> Iterable[tuple[str, str]]:
    if isinstance(body, bodies.Inspection):
        for index, result in enumerate(body.results):
            yield from ((f"/results/{index}/evidence/{place}", id) for place, id in enumerate(result.evidence or ()))
    elif isinstance(body, bodies.Rectification):
        yield from ((f"/evidence/{place}", id) for place, id in enumerate(body.evidence or ()))


def _to_milliseconds(moment: datetime) -> datetime:
    # The store keeps milliseconds; receipt, document and event must say the same.
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
