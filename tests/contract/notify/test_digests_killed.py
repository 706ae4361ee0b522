"""A digest whose sender dies is sent again by another replica: under the same id, with the same alerts."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.notify.ports import Saving
from services.notify.receivers import Receivers
from services.notify.rules.alert import Alert, StepKind, with_step
from services.notify.rules.steps import LEASE
from services.notify.stages import Stages
from services.notify.stores.memory import MemoryAlertStore, MemoryLedger, MemorySilences
from tests.contract.notify.test_acknowledgement_races import Fixed, alert_with_steps
from tests.contract.notify.world import Clock, Receiver


class Digests:
    """Two replicas over one store, and what their digests named: (message id, alerts)."""

    def __init__(self) -> None:
        self.clock, self.alerts, self.ledger = Clock(), MemoryAlertStore(), MemoryLedger()
        self.sent: list[tuple[str, frozenset[str]]] = []
        self.a, self.b = (self._replica(name) for name in "ab")

    def _replica(self, name: str) -> Stages:
        def compose(alert: Alert, _step: Any, _contact: Any, id: str, _now: Any, also: Sequence[Alert] = ()) -> Any:
            self.sent.append((id, frozenset({alert.id, *(other.id for other in also)})))
            return id

        channels = {"webhook": Receiver()}
        receivers = Receivers(1e6, self.clock)
        stores = (self.alerts, self.ledger, MemorySilences())
        return Stages(*stores, Fixed(), channels, compose, receivers, self.clock, f"{name}/1", asyncio.Lock())

    async def open(self, count: int) -> list[str]:
        ids = []
        for _ in range(count):
            alert = alert_with_steps(self.clock).model_copy(update={"severity": "minor", "steps": ()})
            await self.alerts.insert([Saving(with_step(alert, StepKind.DIGEST, self.clock()), 0)])
            ids.append(alert.id)
        return sorted(ids)

    async def work(self, stages: Stages, ids: Sequence[str]) -> None:
        for id in ids:
            await stages.work(self.alerts.alerts[id], lambda: None)

    async def dies_after_sending(self, leader: str) -> None:
        claimed = await self.a.claims.claim(self.alerts.alerts[leader])
        assert claimed is not None
        await self.a.tell(replace(claimed, also=await self.a.gather(claimed)))
        # The record of the attempt is lost with the replica.
        self.ledger.by_id.clear()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_whoever_is_looked_at_first_the_digest_is_repeated_as_it_was(order: tuple[int, ...]) -> None:
    world = Digests()
    ids = await world.open(3)
    await world.dies_after_sending(ids[0])
    (late,) = await world.open(1)
    world.clock.turn(seconds=LEASE.total_seconds() + 1)
    for _ in range(2):
        await world.work(world.b, [ids[place] for place in order])
    first, again = world.sent[:2]
    assert again == first == (first[0], frozenset(ids))
    await world.work(world.b, [late])
    named = dict(world.sent)
    assert [sum(id in alerts for alerts in named.values()) for id in (*ids, late)] == [1, 1, 1, 1]


async def test_only_one_of_several_leads_whichever_is_looked_at() -> None:
    world = Digests()
    ids = await world.open(3)
    await world.work(world.b, [ids[2], ids[1]])
    assert world.sent == []
    await world.work(world.a, [ids[0]])
    assert [alerts for _, alerts in world.sent] == [frozenset(ids)]
