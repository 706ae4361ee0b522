"""Worlds in which one guard of the delivery layer is missing, or the client misbehaves: they show that the suite can
fail."""

import random
from collections.abc import Sequence

from services.scoring.memory_broker import Gate, MemoryClient, MemorySource, MemoryTransactions
from services.scoring.partition import Partition
from services.scoring.ports import Fenced, Transactions
from services.scoring.stream import Scorer
from shared.bus import Delivery, Record
from shared.errors import Unavailable
from tests.contract.scoring.worlds import PACE, End, MemoryWorld


class PlainWrites(MemoryTransactions):
    """At least once: everything is visible as soon as it is written, the offset comes last, nobody is fenced."""

    async def start(self) -> None:
        await self._gate("fence")

    async def commit(self, records: Sequence[Record], next_offset: int) -> None:
        for record in records:
            await self._gate("append")
            self.broker.check_reachable()
            self.broker.append(record)
        await self._gate("commit")
        self.broker.check_reachable()
        self.broker.committed[self.partition] = next_offset


class LateFence(MemoryTransactions):
    """Fences the former owner with its first transaction, after state and position were read."""

    async def start(self) -> None:
        await self._gate("fence")

    async def commit(self, records: Sequence[Record], next_offset: int) -> None:
        if self._epoch == 0:
            await super().start()
        await super().commit(records, next_offset)


class PlainClient(MemoryClient):
    def transactions(self, partition: int) -> Transactions:
        return PlainWrites(self._broker, partition, self._gate)


class LateClient(MemoryClient):
    def transactions(self, partition: int) -> Transactions:
        return LateFence(self._broker, partition, self._gate)


class SkippingSource(MemorySource):
    """Now and then moves on past records it never handed out, as clients have done around rebalances."""

    chance = random.Random(1)

    def _fetch(self, max_records: int) -> dict[int, list[Delivery]]:
        found = super()._fetch(max_records)
        return {} if found and self.chance.random() < 0.1 else found


class SkippingClient(MemoryClient):
    def __init__(self, world: MemoryWorld, name: str, gate: Gate) -> None:
        super().__init__(world.broker, name, gate)
        self.source = SkippingSource(world.broker, name, gate)


class WithoutTransactions(MemoryWorld):
    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return Scorer(PlainClient(self.broker, name, gate), self.new_fold, end, PACE)


class FencingLate(MemoryWorld):
    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return Scorer(LateClient(self.broker, name, gate), self.new_fold, end, PACE)


class Skipping(MemoryWorld):
    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return Scorer(SkippingClient(self, name, gate), self.new_fold, end, PACE)


class Trusting(Partition):
    """Takes any batch for the next one."""

    def continues(self, offset: int) -> bool:
        return True


class TrustingScorer(Scorer):
    def _new(self, number: int) -> Partition:
        return Trusting(number, self._new_fold(number), self.broker.transactions(number))


class SkippingUnguarded(MemoryWorld):
    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return TrustingScorer(SkippingClient(self, name, gate), self.new_fold, end, PACE)


class HopefulScorer(Scorer):
    """Goes on with what it has in memory after a commit failed."""

    async def _lose(self, number: int, reason: Unavailable) -> None:
        if isinstance(reason, Fenced):
            await super()._lose(number, reason)


class KeepingWhatFailed(MemoryWorld):
    def scorer(self, name: str, gate: Gate, end: End) -> Scorer:
        return HopefulScorer(MemoryClient(self.broker, name, gate), self.new_fold, end, PACE)
