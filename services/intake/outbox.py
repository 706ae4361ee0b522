"""The only publisher of submissions: a subject's oldest first, marked when it is with the broker. Fed by the
committer, run by wiring.

What this replica stored goes out from memory; what is left over (a crash, a broker that was away, another replica)
is swept from the store. A
submission goes out only when the one before it is known to be with the broker, so no pause or takeover can reorder
a subject: at worst the
same bytes go out twice.
"""

import asyncio
import contextlib
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from services.intake.envelopes import record_of
from services.intake.leases import SHARD_NAMES, Leases
from services.intake.metering import IntakeMetrics
from services.intake.ports import SubmissionStore
from services.intake.records import Submission
from shared.bus import Publisher
from shared.errors import Unavailable
from shared.telemetry import log

PAGE = 200
FRESH_LIMIT = 5_000
SWEEP_S = 2.0
SWEEP_WITH_OTHERS_S = 0.1
ASK_S = 0.05
MARK_AFTER_S = 0.25
SUBJECTS_KEPT = 50_000


class _Marked(NamedTuple):
    """A submission that is with the broker."""

    id: uuid.UUID
    shard: int


class Outbox:
    """`cursor()` is the last registry change announced: a submission waits for the round that it belongs to."""

    def __init__(
        self,
        store: SubmissionStore,
        publisher: Publisher,
        leases: Leases,
        cursor: Callable[[], int],
        metrics: IntakeMetrics,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._publisher = publisher
        self._leases = leases
        self._cursor = cursor
        self._fresh: list[Submission] = []
        self._backlog = True
        self._sent: OrderedDict[str, int] = OrderedDict()
        self._unmarked: set[_Marked] = set()
        self._waiting: dict[uuid.UUID, asyncio.Future[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._ending = asyncio.Event()
        self._swept_at = 0.0
        self._more = False
        self._marking: asyncio.Task[None] | None = None
        self._one_marks = asyncio.Lock()
        self.published: Counter[int] = Counter()
        self.broker_away: str | None = None

    def stored(self, submissions: Sequence[Submission]) -> None:
        """The committer has stored these, in this order."""
        if self._backlog or len(self._fresh) > FRESH_LIMIT:
            self._backlog = self._more = True
            self._fresh.clear()
        else:
            self._fresh.extend(submissions)
        self._wake.set()

    def settled(self, shard: int) -> bool:
        """Whether nothing of the shard is with the broker and not yet marked."""
        return all(each.shard != shard for each in self._unmarked)

    async def wait(self, submission: Submission, timeout_s: float) -> bool:
        """Whether it is published, waiting at most so long."""
        if submission.published or submission.seq <= self._sent.get(submission.subject, 0):
            return True
        if not self._leases.holds(SHARD_NAMES[submission.shard]):
            return await self._ask(submission.id, timeout_s)
        done = self._waiting.setdefault(submission.id, asyncio.get_running_loop().create_future())
        try:
            await asyncio.wait_for(asyncio.shield(done), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(submission.id, None)
        return True

    async def run(self) -> None:
        """Publishes what comes, sweeps what is left over."""
        while not self._stopping:
            if self._marking is not None and self._marking.done():
                self._marking.result()  # a bug there ends the process as a bug here does
            try:
                await self.step()
            except Unavailable as away:
                self.missed()
                self._note(str(away))
                await asyncio.sleep(min(1.0, away.retry_after_s))
            if not self._backlog:
                await self._pause()
        await self._mark()

    def missed(self) -> None:
        """Something could not be published: all that waits is swept from the store, the oldest first."""
        self._fresh.clear()
        self._backlog = True

    async def step(self) -> None:
        """One round: what is fresh or, with a backlog, the oldest page of it."""
        if self._backlog:
            await self._mark()
            self._more = False
            self._backlog = await self.sweep() or self._more
            self._swept_at = time.monotonic()
            return
        fresh, self._fresh = self._fresh, []
        self._wake.clear()
        await self._publish(fresh)

    async def sweep(self) -> bool:
        """Publishes a page of what waits in the held shards; True when there may be more."""
        shards = self._leases.shards()
        if not shards:
            await asyncio.sleep(ASK_S)
            return True
        page = await self._store.pending(shards, PAGE)
        done = await self._publish(page)
        if page and not done:
            await asyncio.sleep(ASK_S)
        return len(page) >= PAGE or done < len(page)

    async def stop(self) -> None:
        self._stopping = True
        self._ending.set()
        self._wake.set()

    async def _pause(self) -> None:
        # Also while this replica has work without a pause: what another one stored waits for the sweep.
        every = SWEEP_S if self._leases.replicas == 1 else SWEEP_WITH_OTHERS_S
        if (left := self._swept_at + every - time.monotonic()) <= 0:
            self._backlog = True
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), left)

    async def _publish(self, found: Sequence[Submission]) -> int:
        if not found:
            return 0
        ready = await self._ready(found)
        going = [each for each in ready if each.seq > self._sent.get(each.subject, 0)]
        if going:
            await self._publisher.publish([record_of(each) for each in going])
            self._note(None)
        for each in going:
            self._know(each.subject, each.seq)
        self._metrics.published.inc(len(going))
        self._answer(each.id for each in ready)
        self._unmarked.update(_Marked(each.id, each.shard) for each in ready)
        if self._marking is None or self._marking.done():
            self._marking = asyncio.create_task(self._mark_soon())
        return len(ready)

    async def _ready(self, found: Sequence[Submission]) -> list[Submission]:
        held = [each for each in found if self._leases.holds(SHARD_NAMES[each.shard])]
        if len(held) < len(found):
            self._backlog = True
        unsure = {each.subject for each in held if not self._follows(each)}
        looked_up = await self._look_again(unsure) if unsure else []
        sure = [each for each in held if each.subject not in unsure]
        ready = [*looked_up, *sure]
        cut = self._cursor()
        return [
            each
            for _, group in groupby(_by_subject(ready), key=lambda each: each.subject)
            for each in self._run_of(group, cut)
        ]

    def _follows(self, found: Submission) -> bool:
        return found.seq == 1 or found.subject in self._sent

    async def _look_again(self, subjects: Iterable[str]) -> list[Submission]:
        # What waits of a subject, whatever its shard: the one before the first of these is with the broker.
        waiting = await self._store.pending_of(subjects, 5 * PAGE)
        for subject, group in groupby(waiting, key=lambda each: each.subject):
            self._know(subject, next(group).seq - 1)
        return list(waiting)

    def _run_of(self, group: Iterable[Submission], cut: int) -> Iterable[Submission]:
        """The unbroken run from the next number on; what cannot go yet is left for a sweep."""
        reached: int | None = None
        for each in group:
            reached = self._sent.get(each.subject, 0) if reached is None else reached
            if each.seq <= reached:
                yield each
                continue
            gone = (
                each.seq == reached + 1 and each.after_revision <= cut and self._leases.holds(SHARD_NAMES[each.shard])
            )
            if not gone:
                if each.seq > reached + 1:
                    self._sent.pop(each.subject, None)
                self._backlog = True
                return
            reached = each.seq
            yield each

    def _know(self, subject: str, seq: int) -> None:
        self._sent[subject] = seq
        self._sent.move_to_end(subject)
        while len(self._sent) > SUBJECTS_KEPT:
            self._sent.popitem(last=False)

    async def _mark_soon(self) -> None:
        # Many at once cost little; what a crash leaves unmarked goes out again, the same bytes. Another replica may
        # be waiting for the mark.
        if self._leases.replicas == 1:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), MARK_AFTER_S)
        await self._mark()

    async def _mark(self) -> None:
        """Marks what is with the broker, beside the next publication. What cannot be marked now is tried again."""
        async with self._one_marks:
            while ids := list(self._unmarked):
                try:
                    await self._store.mark_published([each.id for each in ids])
                except Unavailable as away:
                    log("outbox").warning("marking waits", error=str(away))
                    return
                self._unmarked.difference_update(ids)
                self.published.update(each.shard for each in ids)

    def _answer(self, ids: Iterable[uuid.UUID]) -> None:
        for id in ids:
            done = self._waiting.pop(id, None)
            if done is not None and not done.done():
                done.set_result(None)

    async def _ask(self, id: uuid.UUID, timeout_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(ASK_S)
            try:
                if not await self._store.unpublished([id]):
                    return True
            except Unavailable:
                return False
        return False

    def _note(self, away: str | None) -> None:
        if away is not None and self.broker_away is None:
            log("outbox").warning("publishing stopped; submissions are kept and go out later", error=away)
        elif away is None and self.broker_away is not None:
            log("outbox").info("publishing goes on")
        self.broker_away = away


def _by_subject(found: Iterable[Submission]) -> list[Submission]:
    """Each subject's own together and in order, subjects by their oldest; a submission that came twice once."""
    groups: dict[str, dict[int, Submission]] = {}
    for each in found:
        groups.setdefault(each.subject, {})[each.seq] = each
    return [group[seq] for group in groups.values() for seq in sorted(group)]
