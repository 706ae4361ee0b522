"""One suite over intake's stores in memory and in MongoDB: what committer, outbox, book and leases rest on."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.intake.ports import EvidenceFile, EvidenceStore, LeaseStore, RegistryStore, SubmissionStore, Wanted
from services.intake.records import Erasure, Origin, Submission, rfc3339, shard_of
from services.intake.rules.announcing import Change
from services.intake.rules.becomings import FindingRef
from services.intake.stores.memory import (
    MemoryEvidenceStore,
    MemoryLeaseStore,
    MemoryRegistryStore,
    MemorySubmissionStore,
)
from shared import receipts
from shared.events.base import RuleSetRef

NOW = datetime(2023, 2, 20, 8, tzinfo=UTC)
KEYS = receipts.SigningKeys([Ed25519PrivateKey.generate()])


@dataclass
class Stores:
    submissions: SubmissionStore
    changes: RegistryStore
    leases: LeaseStore
    evidence: EvidenceStore
    another: Callable[[], SubmissionStore]


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.integration)])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    if request.param == "memory":
        clock = lambda: datetime.now(UTC)  # noqa: E731
        one = MemorySubmissionStore()
        yield Stores(one, MemoryRegistryStore(), MemoryLeaseStore(clock), MemoryEvidenceStore(), lambda: one)
        return
    from services.intake.stores.mongo import (
        MongoEvidenceStore,
        MongoLeaseStore,
        MongoRegistryStore,
        ensure_indexes,
    )
    from services.intake.stores.submissions import MongoSubmissionStore
    from shared import mongo

    database = mongo.connect(request.getfixturevalue("store_settings"), "intake")
    await ensure_indexes(database)
    yield Stores(
        MongoSubmissionStore(database),
        MongoRegistryStore(database),
        MongoLeaseStore(database),
        MongoEvidenceStore(database),
        lambda: MongoSubmissionStore(database),
    )
    await database.drop()
    await database.close()


def submission(subject: str = "E1", seq: int = 1, prev: str | None = None, **changes: Any) -> Submission:
    at = changes.pop("accepted_at", NOW + timedelta(seconds=seq))
    receipt = receipts.issue(KEYS, subject=subject, seq=seq, sha256="0" * 64, prev=prev, accepted_at=rfc3339(at))
    finding = uuid.uuid4()
    made = Submission(
        id=uuid.uuid4(),
        principal=f"enterprise:{subject}",
        key=f"{subject}-{seq}",
        kind="inspection",
        subject=subject,
        seq=seq,
        unit_id="linzi",
        enterprise_id=subject,
        record=b'{"exact":  "bytes"}\xff',
        sha256="0" * 64,
        receipt=receipt,
        digest=receipts.digest(receipt),
        type="keycounty.inspection.submitted.v1",
        value=b"{}",
        accepted_at=at,
        key_id="k-1",
        version_key=f"inspection|{seq}",
        findings=(FindingRef("5", "TF-2", finding),),
        gives=(f"finding|{finding}|real",),
        answer={"accident_id": "x"},
        correlation_id="c",
        origin=Origin("f" * 64, 7),
    )
    return replace(made, **changes)


async def test_a_submission_comes_back_whole(stores: Stores) -> None:
    stored = submission()
    assert (await stores.submissions.add([stored])).count == 1
    assert await stores.submissions.get(stored.id) == stored
    assert await stores.submissions.get(uuid.uuid4()) is None
    assert dict(await stores.submissions.existing([stored.id, uuid.uuid4()])) == {stored.id: stored}


async def test_an_insert_stops_at_the_first_number_that_is_taken(stores: Stores) -> None:
    await stores.submissions.add([submission(seq=1), submission(seq=2)])
    mine = [submission("E2", 1), submission("E1", 2), submission("E1", 3)]
    added = await stores.submissions.add(mine)
    assert (added.count, added.clash) == (1, "seq")
    assert set(await stores.submissions.existing([each.id for each in mine])) == {mine[0].id}


async def test_an_insert_stops_at_an_id_that_is_there(stores: Stores) -> None:
    first = submission(seq=1)
    await stores.submissions.add([first])
    added = await stores.submissions.add([submission(seq=2), replace(first, seq=3), submission(seq=4)])
    assert (added.count, added.clash) == (1, "id")


async def test_heads_say_where_each_chain_stands(stores: Stores) -> None:
    one, two = submission(seq=1, version_key="v"), submission(seq=2, version_key="v", takes=())
    await stores.submissions.add([one, two])
    heads = await stores.submissions.heads(["E1", "E9"])
    assert (heads["E1"].seq, heads["E1"].digest) == (2, receipts.digest(two.receipt))
    assert heads["E1"].versions == {"v": two.id}
    assert heads["E1"].known == {*one.gives, *two.gives}
    assert (heads["E9"].seq, heads["E9"].digest) == (0, None)


async def test_what_waits_is_listed_oldest_first_until_it_is_marked(stores: Stores) -> None:
    waiting = [submission("E1", 1), submission("E2", 2), submission("E1", 3)]
    await stores.submissions.add(waiting)
    shard = shard_of("linzi")
    pending = await stores.submissions.pending([shard], 2)
    assert [each.id for each in pending] == [each.id for each in waiting[:2]]
    assert await stores.submissions.pending([(shard + 1) % 16], 9) == []
    assert [each.seq for each in await stores.submissions.pending_of(["E1"], 9)] == [1, 3]
    await stores.submissions.mark_published([waiting[0].id])
    assert await stores.submissions.unpublished([each.id for each in waiting]) == {waiting[1].id, waiting[2].id}
    found = await stores.submissions.get(waiting[0].id)
    assert found is not None
    assert found.published
    tally = (await stores.submissions.tally([shard]))[shard]
    assert (tally.accepted, tally.published) == (3, 1)
    waiting = await stores.submissions.waiting([shard])
    assert waiting[shard].count == 2
    assert waiting[shard].oldest <= pending[1].accepted_at


async def test_what_an_insert_that_stopped_did_not_store_does_not_wait(stores: Stores) -> None:
    await stores.submissions.add([submission(seq=1)])
    mine = [submission("E2", 1), submission("E1", 1), submission("E3", 1)]
    assert (await stores.submissions.add(mine)).count == 1
    shard = shard_of("linzi")
    assert (await stores.submissions.waiting([shard]))[shard].count == 2
    assert (await stores.submissions.tally([shard]))[shard].accepted == 2
    assert mine[2].id not in await stores.submissions.unpublished([each.id for each in mine])


async def test_a_repeat_of_what_was_stored_leaves_it_waiting(stores: Stores) -> None:
    mine = [submission("E1", 1), submission("E2", 1)]
    await stores.submissions.add(mine)
    for writes in (mine, mine[:1], mine[1:]):
        assert (await stores.submissions.add(writes)).count == 0
        assert (await stores.another().add(writes)).count == 0
    assert {each.id for each in await stores.submissions.pending(range(16), 9)} == {each.id for each in mine}
    new = submission("E3", 1)
    assert (await stores.submissions.add([new, mine[1]])).count == 1
    shard = shard_of("linzi")
    assert (await stores.submissions.tally([shard]))[shard].accepted == 3
    await stores.submissions.mark_published([new.id])
    assert {each.id for each in await stores.submissions.pending(range(16), 9)} == {each.id for each in mine}
    await stores.submissions.mark_published([each.id for each in mine])
    assert await stores.another().pending(range(16), 9) == []


async def test_of_one_write_each_shard_and_each_submission_is_marked_by_itself(stores: Stores) -> None:
    mine = [submission("E1", 1), submission("E2", 1, unit_id="fangshan"), submission("E1", 2), submission("E3", 1)]
    await stores.submissions.add(mine)
    linzi, fangshan = shard_of("linzi"), shard_of("fangshan")
    assert linzi != fangshan
    assert [each.id for each in await stores.submissions.pending([fangshan], 9)] == [mine[1].id]
    await stores.submissions.mark_published([mine[1].id, mine[0].id])
    await stores.submissions.mark_published([mine[0].id])
    assert {each.id for each in await stores.submissions.pending(range(16), 9)} == {mine[2].id, mine[3].id}
    tallies = await stores.submissions.tally([linzi, fangshan])
    assert [(tallies[shard].accepted, tallies[shard].published) for shard in (linzi, fangshan)] == [(3, 1), (1, 1)]
    await stores.submissions.mark_published([mine[3].id, mine[2].id])
    assert await stores.submissions.pending(range(16), 9) == []
    assert all(found.published for found in (await stores.submissions.existing([each.id for each in mine])).values())


async def test_another_replica_marks_what_this_one_stored(stores: Stores) -> None:
    mine = [submission("E1", seq) for seq in (1, 2, 3)]
    await stores.submissions.add(mine)
    other = stores.another()
    await other.mark_published([mine[0].id])
    await stores.submissions.mark_published([mine[1].id])
    await other.mark_published([mine[2].id])
    assert await stores.submissions.pending(range(16), 9) == []
    assert await stores.submissions.waiting(range(16)) == {}


async def test_a_chain_is_read_in_order_and_in_pages(stores: Stores) -> None:
    await stores.submissions.add([submission(seq=seq) for seq in (1, 2, 3)])
    assert [receipt["seq"] for receipt in await stores.submissions.chain("E1", 1, 1)] == [2]


async def test_the_versions_of_one_submission_key_are_listed_oldest_first(stores: Stores) -> None:
    first, second = submission(seq=1, version_key="a"), submission(seq=3, version_key="a", value=b'{"x": 1}')
    other = submission("E2", seq=1, version_key="a")
    await stores.submissions.add([first, submission(seq=2, version_key="b"), second, other])
    found = await stores.submissions.versions("E1", "a")
    assert [(each.id, each.value) for each in found] == [(first.id, b"{}"), (second.id, b'{"x": 1}')]


async def test_lists_keep_to_the_scope_and_page_by_position(stores: Stores) -> None:
    mine = [submission("E1", seq) for seq in (1, 2, 3)]
    await stores.submissions.add([*mine, submission("E2", 1, unit_id="fangshan", kind="accident")])
    listed = await stores.submissions.listed(Wanted(units=frozenset({"linzi"})), 2)
    assert [each.id for each in listed] == [mine[2].id, mine[1].id]
    position = (listed[-1].accepted_at.isoformat(), str(listed[-1].id))
    assert [each.id for each in await stores.submissions.listed(Wanted(before=position, kind="inspection"), 9)] == [
        mine[0].id
    ]
    assert await stores.submissions.listed(Wanted(units=frozenset()), 9) == []
    assert len(await stores.submissions.listed(Wanted(enterprises=frozenset({"E2"})), 9)) == 1


def change(revision: int, id: str = "u", **changes: Any) -> Change:
    made = Change(
        revision, "units", id, {"na.me": {"$zh": 1}}, NOW, "k-1", "c", (RuleSetRef(id="r", version=1, sha256="0"),)
    )
    return replace(made, **changes)


async def test_registry_changes_have_one_order(stores: Stores) -> None:
    assert await stores.changes.add([change(1)])
    assert not await stores.changes.add([change(1, "other")])
    assert await stores.changes.add([change(2, object=None)])
    assert list(await stores.changes.after(0, 9)) == [change(1), change(2, object=None)]
    assert [each.revision for each in await stores.changes.after(1, 9)] == [2]


def erasure(person: str = "p-1", hours: int = 1) -> Erasure:
    return Erasure(person, NOW + timedelta(hours=hours), "k-9", "asked for")


async def test_a_record_is_replaced_once_a_person_is_erased_and_all_else_stays(stores: Stores) -> None:
    both, other = submission(seq=1, persons=("p-1", "p-2")), submission(seq=2, persons=("p-2",))
    await stores.submissions.add([both, other, submission(seq=3)])
    assert await stores.submissions.naming("p-1", 9) == [both]
    assert await stores.submissions.erase(both, b"{}", erasure())
    assert await stores.submissions.get(both.id) == replace(both, record=b"{}", erased=(erasure(),))
    assert await stores.submissions.naming("p-1", 9) == []
    assert {each.id for each in await stores.submissions.naming("p-2", 9)} == {both.id, other.id}
    assert len(await stores.submissions.naming("p-2", 1)) == 1
    assert [each.id for each in await stores.submissions.pending([shard_of("linzi")], 1)] == [both.id]


async def test_a_record_that_another_erasure_replaced_is_not_replaced_from_the_old_one(stores: Stores) -> None:
    both = submission(persons=("p-1", "p-2"))
    await stores.submissions.add([both])
    assert await stores.submissions.erase(both, b"{1}", erasure("p-1"))
    assert not await stores.submissions.erase(both, b"{2}", erasure("p-2"))
    found = await stores.submissions.get(both.id)
    assert found is not None
    assert (found.record, found.erased) == (b"{1}", (erasure("p-1"),))
    assert await stores.submissions.erase(found, b"{}", erasure("p-2"))


async def test_erasures_are_told_by_person_and_listed_by_submission(stores: Stores) -> None:
    made = [submission(seq=seq, persons=("p-1", "p-2")) for seq in (1, 2, 3)]
    await stores.submissions.add(made)
    assert await stores.submissions.erasures("p-1") == []
    await stores.submissions.erase(made[1], b"{2}", erasure("p-1", 2))
    await stores.submissions.erase(made[0], b"{1}", erasure("p-1", 1))
    await stores.submissions.erase(replace(made[0], record=b"{1}"), b"{}", erasure("p-2", 3))
    assert await stores.submissions.erasures("p-1") == [erasure("p-1", 1), erasure("p-1", 2)]
    listed = await stores.submissions.listed(Wanted(erased=True), 9)
    assert [(each.seq, len(each.erased)) for each in listed] == [(2, 1), (1, 2)]


async def test_of_two_writers_of_one_revision_one_wins(stores: Stores) -> None:
    won = await asyncio.gather(*(stores.changes.add([change(1, f"u{n}")]) for n in range(5)))
    assert sorted(won) == [False] * 4 + [True]


async def test_cursor_and_days_only_move_forward(stores: Stores) -> None:
    assert await stores.changes.cursor() == 0
    await stores.changes.announced(5)
    await stores.changes.announced(3)
    assert await stores.changes.cursor() == 5
    await stores.changes.set_days({"linzi": date(2023, 2, 20)})
    await stores.changes.set_days({"linzi": date(2023, 2, 19), "fangshan": date(2023, 1, 1)})
    assert dict(await stores.changes.days()) == {"linzi": date(2023, 2, 20), "fangshan": date(2023, 1, 1)}


async def test_a_lease_has_one_owner_until_it_runs_out(stores: Stores) -> None:
    first = await stores.leases.claim("shard-1", "a", 0.5)
    assert first is not None
    assert await stores.leases.claim("shard-1", "b", 5) is None
    assert await stores.leases.renew("a", ["shard-1", "shard-2"], 0.3) == {"shard-1"}
    assert await stores.leases.renew("b", ["shard-1"], 5) == frozenset()
    async with asyncio.timeout(5):
        while (second := await stores.leases.claim("shard-1", "b", 5)) is None:
            await asyncio.sleep(0.02)
    assert second.epoch == first.epoch + 1
    assert await stores.leases.renew("a", ["shard-1"], 5) == frozenset()
    await stores.leases.release("b", ["shard-1"])
    assert await stores.leases.claim("shard-1", "c", 5) is not None


async def test_of_many_claims_one_wins(stores: Stores) -> None:
    claims = await asyncio.gather(*(stores.leases.claim("announcer", f"r{n}", 5) for n in range(8)))
    assert sum(claim is not None for claim in claims) == 1


async def test_replicas_are_counted_while_they_live(stores: Stores) -> None:
    assert await stores.leases.alive("a", 0.3) == 1
    assert await stores.leases.alive("b", 5) == 2
    async with asyncio.timeout(5):
        while await stores.leases.alive("b", 5) != 1:
            await asyncio.sleep(0.02)


async def test_an_evidence_file_is_there_once(stores: Stores) -> None:
    file = EvidenceFile("a" * 64, "image/png", "p.png", 3, "k-1", "enterprise:E1")
    assert await stores.evidence.put(file, io.BytesIO(b"png"))
    assert not await stores.evidence.put(replace(file, name="other.png"), io.BytesIO(b"png"))
    assert await stores.evidence.describe(file.sha256) == file
    assert b"".join([piece async for piece in stores.evidence.content(file.sha256)]) == b"png"
    assert await stores.evidence.known([file.sha256, "b" * 64]) == {file.sha256}
    assert await stores.evidence.describe("b" * 64) is None
    assert [piece async for piece in stores.evidence.content("b" * 64)] == []
    assert not await stores.evidence.mentioned(file.sha256, None, None)
    await stores.evidence.mention([file.sha256], "linzi", "E1")
    assert await stores.evidence.mentioned(file.sha256, frozenset({"linzi"}), None)
    assert await stores.evidence.mentioned(file.sha256, None, frozenset({"E1", "E2"}))
    assert not await stores.evidence.mentioned(file.sha256, frozenset({"fangshan"}), None)
