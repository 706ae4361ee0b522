"""The committer and the outbox under races: no double number, no gap, no broken chain, no reordering."""

import asyncio
import hashlib
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.intake.committer import Committer, submission_id
from services.intake.leases import Leases
from services.intake.metering import IntakeMetrics
from services.intake.outbox import Outbox
from services.intake.ports import Added
from services.intake.records import Draft, Submission
from services.intake.rules.becomings import Becoming
from services.intake.rules.faults import Faulty
from services.intake.stores.memory import MemoryLeaseStore, MemorySubmissionStore
from shared import receipts
from shared.errors import Unavailable
from shared.events.inspections import ParkAssessed
from shared.memory_bus import MemoryBus
from shared.telemetry import Metrics

KEYS = receipts.SigningKeys([Ed25519PrivateKey.generate()])
NOW = datetime(2023, 2, 20, tzinfo=UTC)


def draft(subject: str, key: str, record: bytes = b"{}", **told: Any) -> Draft:
    id = submission_id("p", key)
    data = ParkAssessed.model_construct(
        unit_id="linzi",
        submission_id=id,
        seq=1,
        accepted_at=NOW,
        submitted_by="p",
        drill=False,
        park_id="x",
        score=1.0,
        assessed_on=date(2023, 2, 1),
    )
    becoming = Becoming("park_assessment", subject, "linzi", None, data, **told)
    return Draft(id, "p", key, record, hashlib.sha256(record).hexdigest(), becoming, "k", NOW)


class SlowStore(MemorySubmissionStore):
    """Gives way to others between any two calls, and now and then stores a prefix and fails."""

    def __init__(self, chance: random.Random, failing: float = 0.0) -> None:
        super().__init__()
        self._chance = chance
        self._failing = failing

    async def add(self, submissions: Sequence[Submission]) -> Added:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        if self._chance.random() < self._failing:
            await super().add(submissions[: self._chance.randrange(len(submissions) + 1)])
            raise Unavailable("store", "planted")
        added = await super().add(submissions)
        await asyncio.sleep(0)
        return added

    def everything(self) -> list[Submission]:
        return list(self._by_id.values())


async def until_taken(committer: Committer, wanted: Draft) -> Submission:
    while True:
        try:
            return (await committer.commit(wanted)).submission
        except Unavailable:
            await asyncio.sleep(0)


def assert_chains(found: Sequence[Submission]) -> None:
    by_subject: dict[str, list[Submission]] = {}
    for each in found:
        by_subject.setdefault(each.subject, []).append(each)
    for chain in by_subject.values():
        chain.sort(key=lambda each: each.seq)
        assert [each.seq for each in chain] == list(range(1, len(chain) + 1))
        assert receipts.verify_chain([each.receipt for each in chain], KEYS.public) == []


@pytest.mark.parametrize("failing", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(15))
async def test_racing_replicas_give_no_number_twice_and_leave_no_gap(seed: int, failing: float) -> None:
    chance = random.Random(seed)
    store = SlowStore(chance, failing)
    replicas = [Committer(store, KEYS, lambda _: None) for _ in range(3)]
    wanted = [draft(f"S{chance.randrange(3)}", f"k{chance.randrange(25)}") for _ in range(40)]
    wanted = [draft(f"S{int(each.key[1:]) % 3}", each.key) for each in wanted]
    answers = await asyncio.gather(*(until_taken(chance.choice(replicas), each) for each in wanted))
    assert {answer.id for answer in answers} == {each.id for each in wanted}
    assert {each.id for each in store.everything()} == {each.id for each in wanted}
    assert_chains(store.everything())


async def test_a_key_used_for_another_body_is_refused_and_stores_nothing() -> None:
    store = MemorySubmissionStore()
    committer = Committer(store, KEYS, lambda _: None)
    await committer.commit(draft("S", "k"))
    with pytest.raises(Faulty) as refused:
        await committer.commit(draft("S", "k", b"other"))
    assert [fault.code for fault in refused.value.faults] == ["idempotency_key_reused"]
    assert not (await committer.commit(draft("S", "k"))).first


async def test_what_another_replica_took_meanwhile_is_known_before_anything_is_refused() -> None:
    store = MemorySubmissionStore()
    ours, theirs = (Committer(store, KEYS, lambda _: None) for _ in range(2))
    await ours.commit(draft("S", "first"))
    await theirs.commit(draft("S", "reports", gives=("finding|f",)))
    rectification = draft("S", "puts right", needs=(("/finding_id", "unknown_finding", "finding|f"),))
    assert (await ours.commit(rectification)).submission.seq == 3
    unknown = draft("S", "of nothing", needs=(("/finding_id", "unknown_finding", "finding|g"),))
    with pytest.raises(Faulty) as refused:
        await ours.commit(unknown)
    assert [fault.code for fault in refused.value.faults] == ["unknown_finding"]


async def test_concurrent_submissions_share_a_write() -> None:
    store = MemorySubmissionStore()
    committer = Committer(store, KEYS, lambda _: None)
    await committer.commit(draft("S", "first"))
    before = store.faults.calls
    await asyncio.gather(*(committer.commit(draft("S", f"k{number}")) for number in range(64)))
    assert store.faults.calls - before <= 3


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_fails_each_subject_is_published_in_order(seed: int) -> None:
    chance, bus, store = random.Random(seed), MemoryBus(partitions=2), MemorySubmissionStore()
    leases = MemoryLeaseStore(lambda: NOW)
    replicas: list[tuple[Committer, Outbox, Leases]] = []
    for name in ("a", "b"):
        held = Leases(leases, name, monotonic=lambda: 0.0)
        outbox = Outbox(store, bus.publisher(), held, lambda: 0, IntakeMetrics(Metrics()))
        replicas.append((Committer(store, KEYS, outbox.stored), outbox, held))
    for _, _, held in replicas:
        await held.step()
    for number in range(60):
        committer, outbox, _ = chance.choice(replicas)
        await committer.commit(draft(f"S{chance.randrange(3)}", f"k{number}"))
        if chance.random() < 0.3:
            bus.inject("publish", Unavailable("broker", "planted", 0.0), after=chance.random() < 0.5)
        await step(chance.choice(replicas)[1])
    async with asyncio.timeout(20):
        while await store.pending(range(16), 1):
            for _, outbox, _ in replicas:
                outbox.missed()  # as after the pause of `run`: what another replica stored is found by a sweep
                await step(outbox)
    reached: dict[str, int] = {}
    copies: dict[uuid.UUID, set[Any]] = {}
    for delivery in bus.records("inspections.v1"):
        event = delivery.event()
        assert event.data.seq <= reached.get(event.subject, 0) + 1
        reached[event.subject] = max(reached.get(event.subject, 0), event.data.seq)
        copies.setdefault(event.id, set()).add((delivery.value, delivery.headers))
    assert sum(reached.values()) == 60
    assert all(len(found) == 1 for found in copies.values())


async def step(outbox: Outbox) -> None:
    """A round as `run` has it: after a failure what was fresh is left to a sweep."""
    try:
        await outbox.step()
    except Unavailable:
        outbox.missed()
