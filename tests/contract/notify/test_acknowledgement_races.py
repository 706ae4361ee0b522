"""Acknowledging against claiming, in every order: no step is claimed after the acknowledgement's commit, and its answer
names those claimed before.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notify.claiming import Claimed
from services.notify.handlers import Handlers
from services.notify.ports import Saving
from services.notify.receivers import Receivers
from services.notify.rules import hazards, steps
from services.notify.rules.alert import AFTER_ANSWER, Alert
from services.notify.rules.answers import Refused
from services.notify.rules.routing import Contact, Desk, Route
from services.notify.rules.timing import Terms
from services.notify.stages import Stages
from services.notify.stores.memory import MemoryAlertStore, MemoryLedger, MemorySilences
from services.notify.stores.mongo import MongoAlertStore
from shared import mongo
from shared.events.base import LogPosition, hazard_id
from shared.events.hazards import HazardRaised
from tests.contract.notify.world import START, Clock, Receiver, calendar, policy

ROUTE: Route = tuple(
    Desk(tier, tier, {}, (Contact(tier, "1", "webhook", "http://127.0.0.1"),))
    for tier in ("county", "prefecture", "province", "national")
)


class Fixed:
    """A directory that always answers the same."""

    def __init__(self) -> None:
        self._terms = Terms(policy(), (), START.tzinfo, calendar())

    def route(self, _alert: Alert, _now: Any) -> Route:
        return ROUTE

    def route_of_unit(self, _unit_id: str, _now: Any) -> Route:
        return ROUTE

    def terms(self) -> Terms:
        return self._terms

    def unit_name(self, unit_id: str) -> dict[str, str]:
        return {"zh": unit_id, "en": unit_id}


async def none_opened(opened: Any, *, begin: bool) -> list[Alert]:
    """No hazard comes in here."""
    raise AssertionError((opened, begin))


def replica(name: str, alerts: Any, clock: Clock) -> Stages:
    directory = Fixed()
    compose: Any = lambda _alert, step, _contact, found, _now, _also: (found, step.id)  # noqa: E731
    receivers = Receivers(1e6, clock)
    ledger, silences, sink = MemoryLedger(), MemorySilences(), Receiver()
    return Stages(
        alerts, ledger, silences, directory, {"webhook": sink}, compose, receivers, clock, f"{name}/1", asyncio.Lock()
    )


def alert_with_steps(clock: Clock) -> Alert:
    subject = uuid.uuid4().hex
    hazard = HazardRaised(
        unit_id="linzi",
        hazard_id=hazard_id("major_finding", subject, 1),
        kind="major_finding",
        policy_key="major_finding",
        subject=subject,
        episode=1,
        facts={},
        caused_at=clock(),
        log_position=LogPosition(partition=0, offset=1),
    )
    return hazards.opened(hazard, {"zh": "a", "en": "a"}, ROUTE, Fixed().terms(), clock()).alert


class AckAgainstClaims(RuleBasedStateMachine):
    """Two replicas claim, finish, die and pause in any order around one acknowledgement."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock, self.alerts = Clock(), MemoryAlertStore()
        self.replicas = [replica(name, self.alerts, self.clock) for name in "ab"]
        self.handlers = Handlers(self.alerts, Fixed(), self.clock, none_opened)
        self.id = self.run(self._open())
        self.held: dict[str, Claimed] = {}
        self.ended: set[str] = set()
        self.answer: tuple[str, ...] | None = None
        self.stale: Alert = self.now()

    async def _open(self) -> str:
        alert = alert_with_steps(self.clock)
        await self.alerts.insert([Saving(alert, 0)])
        return alert.id

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def now(self) -> Alert:
        return self.alerts.alerts[self.id]

    @rule()
    def somebody_reads(self) -> None:
        self.stale = self.now()

    @rule(which=st.integers(0, 1), stale=st.booleans())
    def claim(self, which: int, stale: bool) -> None:
        claimed = self.run(self.replicas[which].claims.claim(self.stale if stale else self.now()))
        if claimed is None:
            return
        assert self.answer is None or claimed.step.kind in AFTER_ANSWER, "claimed after the acknowledgement"
        self.held[claimed.step.id] = claimed

    @precondition(lambda self: self.held)
    @rule(data=st.data(), delivered=st.booleans())
    def finish(self, data: Any, delivered: bool) -> None:
        id = data.draw(st.sampled_from(sorted(self.held)))
        claimed = self.held.pop(id)
        stages = next(one for one in self.replicas if one.owner == claimed.step.claimed_by)
        if delivered:
            self.run(stages.record(claimed, self.run(stages.tell(claimed))))

    @rule(seconds=st.sampled_from([0, 1, 29, 31, 3600, 7200]))
    def time_passes(self, seconds: int) -> None:
        self.clock.turn(seconds=seconds)

    @precondition(lambda self: self.answer is None)
    @rule()
    def acknowledge(self) -> None:
        standing = {
            step.id for step in self.now().steps if step.lease_until is not None and step.lease_until > self.clock()
        }
        try:
            found = self.run(self.handlers.acknowledge(self.id, "me", "", "api", self.clock() + timedelta(days=9)))
        except Refused:
            return
        assert found is not None
        self.answer = found[1]
        assert set(self.answer) == standing

    @invariant()
    def nothing_of_the_calling_is_pending_after_the_answer(self) -> None:
        if getattr(self, "answer", None) is not None and self.now().state == "acknowledged":
            assert all(step.kind in AFTER_ANSWER for step in self.now().steps)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.close()


TestAckAgainstClaims = AckAgainstClaims.TestCase
TestAckAgainstClaims.settings = hypothesis_settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.fixture
async def real_alerts(store_settings: Any) -> AsyncGenerator[MongoAlertStore]:
    database = mongo.connect(store_settings, "notify")
    store = MongoAlertStore(database)
    await store.prepare()
    yield store
    await database.drop()
    await database.close()


RACES, SIDE_BY_SIDE = 1000, 25


@pytest.mark.integration
@pytest.mark.timeout(240)
async def test_on_the_real_store_an_acknowledgement_and_a_claim_never_both_win(real_alerts: MongoAlertStore) -> None:
    first: list[bool] = []
    for start in range(0, RACES, SIDE_BY_SIDE):
        seeds = range(start, start + SIDE_BY_SIDE)
        first += await asyncio.gather(*(the_claim_came_first(real_alerts, seed) for seed in seeds))
    assert set(first) == {True, False}, "one of the two was first in every race"


async def the_claim_came_first(alerts: MongoAlertStore, seed: int) -> bool:
    """One race on an alert of its own, checked."""
    clock, dice = Clock(), random.Random(seed)
    alert = alert_with_steps(clock)
    await alerts.insert([Saving(alert, 0)])
    stages, handlers = replica("a", alerts, clock), Handlers(alerts, Fixed(), clock, none_opened)

    async def late(work: Any, most: float) -> Any:
        await asyncio.sleep(dice.uniform(0, most))
        return await work

    # An acknowledgement reads before it writes: with less delay it comes first about as often.
    claimed, answered = await asyncio.gather(
        late(stages.claims.claim(alert), 0.25), late(handlers.acknowledge(alert.id, "me", "", "api", None), 0.02)
    )
    assert answered is not None
    assert answered[1] == ((claimed.step.id,) if claimed else ())
    stored = (await alerts.get([alert.id]))[alert.id]
    assert stored.state == "acknowledged"
    assert await stages.claims.claim(stored) is None
    assert steps.due_step(stored, clock(), "b", "1") is None
    return claimed is not None
