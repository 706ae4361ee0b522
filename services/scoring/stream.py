"""The loop of scoring: prepares the partitions it owns, folds their records, commits a transaction per partition and
batch.

Run by shell (one per process) and by the contract suite. Knows brokers and folds through ports only.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.scoring.handlers import DEAD_LETTERS
from services.scoring.partition import Partition
from services.scoring.ports import Arrived, Broker, Fenced, PartitionFold
from shared.errors import Unavailable

logger = logging.getLogger("keycounty.scoring")
IDLE_S = 0.05
RETRY_S = 0.5
REREAD_S = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds. `deadline`: a batch that takes longer ends the process. `linger`: between batches of
    `linger_from` records or more."""

    session: float = 10.0
    deadline: float = 60.0
    poll: float = 0.25
    linger: float = 0.02
    linger_from: int = 50
    max_records: int = 4000
    stop: float = 3.0


class Scorer:
    """One worker's loop. `end` ends the process at once with a reason (exit 70); it does not return."""

    def __init__(
        self,
        broker: Broker,
        new_fold: Callable[[int], PartitionFold],
        end: Callable[[str, BaseException | None], None],
        pace: Pace = Pace(),
    ) -> None:
        self.broker = broker
        self.pace = pace
        self.partitions: dict[int, Partition] = {}
        self.folded = 0
        self.dead_lettered = 0
        self._new_fold = new_fold
        self._end = end
        self._epoch = 0
        self._prepared_epoch = -1
        self._assigned: frozenset[int] | None = None
        self._in_flight = asyncio.Lock()
        self._stopping = False
        self._away = False
        self._fenced: tuple[int, float] | None = None
        self._last_batch = (0, float("-inf"))
        self._well_at = 0.0

    @property
    def ready(self) -> bool:
        """Every partition of the newest assignment is prepared."""
        return self._assigned is not None and self._prepared_epoch == self._epoch

    def lag(self) -> Mapping[int, int]:
        """Records not folded yet, by owned partition."""
        ends = {number: self.broker.source.end(number) for number in self.partitions}
        return {number: max(0, end - self.partitions[number].next) for number, end in ends.items() if end is not None}

    def lag_s(self, now_ms: float) -> float:
        """That (seconds) of the partition furthest behind; 0 when none is. `now_ms` by the broker's clock."""
        behind = [self.partitions[number] for number, lag in self.lag().items() if lag]
        return max((partition.lag_s(_time(), now_ms) for partition in behind), default=0.0)

    def stalled_s(self) -> float:
        """For how long (seconds) nothing has moved although something should; 0 when there is nothing to do."""
        if not self.ready or self._away:
            return _time() - self._well_at
        lag = self.lag()
        return max((_time() - self.partitions[number].moved_at for number in lag if lag[number]), default=0.0)

    # What the source tells

    async def revoked(self) -> None:
        """A rebalance: nothing of the old epoch is folded any more; the batch in flight ends first."""
        self._epoch += 1
        self._assigned = None
        try:
            async with asyncio.timeout(self.pace.deadline), self._in_flight:
                pass
        except TimeoutError as late:
            self._end("the batch in flight did not end before the rebalance", late)

    async def assigned(self, partitions: Collection[int]) -> None:
        """Takes a note only; the loop prepares."""
        self._assigned = frozenset(partitions)
        self._epoch += 1

    # The loop

    async def run(self) -> None:
        """Until `stop`. Broker errors are tried again; any other error ends the process with nothing committed."""
        self._well_at = _time()
        try:
            await self._joined()
            while not self._stopping:
                await self._tried(self._step)
        except Exception as bug:  # noqa: BLE001 - whatever it is, nothing is committed after it
            if not self._stopping:
                self._end("the loop failed", bug)

    async def stop(self) -> None:
        """Ends the batch in flight and leaves the group; ends the process when that takes too long."""
        self._stopping = True
        try:
            async with asyncio.timeout(self.pace.stop), self._in_flight:
                await self.broker.source.stop()
                await self._drop(list(self.partitions))
        except TimeoutError:
            logger.warning("stopped without leaving the group: the broker did not answer in time")

    async def _joined(self) -> None:
        joined = False

        async def join() -> None:
            nonlocal joined
            await self.broker.source.start(self)
            joined = True

        while not (joined or self._stopping):
            await self._tried(join)

    async def _tried(self, attempt: Callable[[], Awaitable[None]]) -> None:
        try:
            await attempt()
            self._away = False
            self._well_at = _time() if self.ready else self._well_at
        except Unavailable as away:
            self._away = True
            logger.warning("tried again in %s s: %s", RETRY_S, away)
            await asyncio.sleep(RETRY_S)

    async def _step(self) -> None:
        epoch = self._epoch
        if epoch != self._prepared_epoch and not await self._prepare(epoch):
            await asyncio.sleep(IDLE_S)
            return
        await self._linger()
        # Not under the lock: it waits in rebalances, and those wait for the lock.
        batches = await self.broker.source.poll(self.pace.max_records, self.pace.poll)
        async with self._in_flight:
            if epoch != self._epoch or self._stopping:
                return  # dropped unread: the next prepare seeks
            try:
                async with asyncio.timeout(self.pace.deadline):
                    await self._process(batches)
            except TimeoutError as late:
                self._end("a batch took longer than its deadline", late)

    async def _linger(self) -> None:
        """Under load, small batches cost more than they hurry; a lone event goes at once, a backlog is read without
        pause."""
        size, at = self._last_batch
        if self.pace.linger_from <= size < self.pace.max_records // 2:
            await asyncio.sleep(max(0.0, at + self.pace.linger - _time()))

    # State and position of each partition

    async def _prepare(self, epoch: int) -> bool:
        """State and position of every assigned partition; False when a newer rebalance has begun or a former owner
        may be better."""
        if self._fenced and self._fenced[0] == epoch and _time() - self._fenced[1] < self.pace.session / 3:
            return False
        async with self._in_flight:
            mine = self._assigned
            if mine is None or not await self._fill(mine, epoch):
                return False
            for number in mine:  # no await since the state was taken: state and position change together
                self.broker.source.seek(number, self.partitions[number].next)
                self.partitions[number].moved_at = _time()
            self._prepared_epoch = epoch
        logger.info("ready: %d partitions in epoch %d", len(mine), epoch)
        return True

    async def _fill(self, mine: frozenset[int], epoch: int) -> bool:
        await self._drop([number for number in self.partitions if number not in mine])
        await self._drop(
            [
                number
                for number, kept in self.partitions.items()
                if kept.next != await self.broker.source.committed(number)
            ]
        )
        fresh = {number: self._new(number) for number in mine - self.partitions.keys()}
        try:
            # The former owner is fenced first; what is read after that nobody else can change.
            await _all([partition.transactions.start() for partition in fresh.values()])
            for number, partition in fresh.items():
                partition.next = await self.broker.source.committed(number)
            if not await self._restored(fresh, epoch):
                return False
            self.partitions |= fresh
            fresh = {}
            return True
        finally:
            await asyncio.gather(*(partition.transactions.close() for partition in fresh.values()))

    def _new(self, number: int) -> Partition:
        return Partition(number, self._new_fold(number), self.broker.transactions(number))

    async def _restored(self, fresh: Mapping[int, Partition], epoch: int) -> bool:
        if fresh:
            async with aclosing(self.broker.changelog.rows(fresh.keys())) as chunks:
                async for chunk in chunks:
                    for number, key, value in chunk:
                        fresh[number].take(key, value)
                    if epoch != self._epoch or self._stopping:
                        return False
        for partition in fresh.values():
            partition.restore()
            await asyncio.sleep(0)  # heartbeats
        return epoch == self._epoch

    async def _drop(self, numbers: Sequence[int]) -> None:
        dropped = [self.partitions.pop(number) for number in numbers]
        await asyncio.gather(*(partition.transactions.close() for partition in dropped))

    # Batches

    async def _process(self, batches: Mapping[int, Sequence[Arrived]]) -> None:
        commits: dict[int, asyncio.Task[None]] = {}
        for number, arrived in batches.items():
            partition = self.partitions[number]
            if not partition.continues(arrived[0].offset):
                logger.error(
                    "partition %d: expected offset %d, got %d: reading again", number, partition.next, arrived[0].offset
                )
                self.broker.source.seek(number, partition.next)
                continue
            commits[number] = asyncio.create_task(self._commit(partition, arrived))
            await asyncio.sleep(0)  # heartbeats
        await self._settle(commits)
        self._reread()
        self._last_batch = (sum(map(len, batches.values())), _time())

    def _reread(self) -> None:
        """A client that has skipped the last records of a partition gives nothing more: it is sent back to where the
        fold stands."""
        for number, lag in self.lag().items():
            if not lag:
                self.partitions[number].level(_time())
            elif self.partitions[number].reread_due(_time(), REREAD_S):
                self.broker.source.seek(number, self.partitions[number].next)

    async def _commit(self, partition: Partition, arrived: Sequence[Arrived]) -> None:
        records = partition.fold_all(arrived, _time())
        await partition.transactions.commit(records, partition.next)
        self.folded += len(arrived)
        self.dead_lettered += sum(record.topic == DEAD_LETTERS for record in records)

    async def _settle(self, commits: Mapping[int, asyncio.Task[None]]) -> None:
        """A partition whose commit failed, or may have, is forgotten and prepared again from what the broker holds."""
        results = await asyncio.gather(*commits.values(), return_exceptions=True)
        for number, result in zip(commits, results, strict=True):
            if isinstance(result, Unavailable):
                await self._lose(number, result)
            elif isinstance(result, BaseException):
                raise result

    async def _lose(self, number: int, reason: Unavailable) -> None:
        logger.error("partition %d is prepared again: %s", number, reason)
        if isinstance(reason, Fenced):  # a new owner, most likely: let the group say so before fencing in turn
            self._fenced = (self._epoch, _time())
        self._prepared_epoch = -1
        await self._drop([number])


async def _all(starts: Sequence[Awaitable[None]]) -> None:
    """Waits for all, also when one fails, so that none goes on unseen."""
    for result in await asyncio.gather(*starts, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _time() -> float:
    """The event loop's clock: under simulated time the whole loop moves with it."""
    return asyncio.get_running_loop().time()
