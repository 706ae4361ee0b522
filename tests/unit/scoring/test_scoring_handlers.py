"""A batch of one partition: what becomes a dead letter, what stops the process, and what order things keep."""

import pytest

from services.scoring.handlers import (
    CHANGELOG,
    DEAD_LETTERS,
    SOURCE,
    Strict,
    TooManyRejected,
    fold_batch,
)
from services.scoring.partition import Partition
from services.scoring.ports import Transactions
from shared.bus import Delivery, Record, record_of
from tests.contract.scoring.toy_fold import ToyFold, park_assessed


def delivered(record: Record, offset: int) -> Delivery:
    return Delivery(SOURCE, 0, offset, record.key, record.value, record.headers, 0)


def good(seq: int, offset: int | None = None) -> Delivery:
    return delivered(record_of(park_assessed("unit-0", "park", seq)), seq if offset is None else offset)


def bad(offset: int) -> Delivery:
    return Delivery(SOURCE, 0, offset, b"unit-0", b"no JSON", good(1).headers, 0)


class NoTransactions:
    """Stands where a partition needs some; these tests commit nothing."""

    async def start(self) -> None: ...

    async def commit(self, records: object, next_offset: int) -> None: ...

    async def close(self) -> None: ...


def partition(next_offset: int) -> Partition:
    transactions: Transactions = NoTransactions()
    return Partition(0, ToyFold(0), transactions, next_offset)


def test_a_batch_gives_dead_letters_rows_and_outputs_on_its_own_partition() -> None:
    records = fold_batch(ToyFold(3), 3, [good(1), bad(2), good(2, 3)])
    assert {record.partition for record in records} == {3}
    assert records[0].topic == DEAD_LETTERS
    assert {CHANGELOG, "hazards.v1", "risk.v1"} <= {record.topic for record in records}


def test_a_dead_letter_keeps_key_value_and_headers_and_says_why_and_where_from() -> None:
    letter = fold_batch(ToyFold(0), 0, [bad(7)])[0]
    assert (letter.key, letter.value) == (bad(7).key, bad(7).value)
    assert letter.headers[: len(bad(7).headers)] == bad(7).headers
    told = dict(letter.headers)
    assert told["kc_reason"] == b"schema"
    assert told["kc_source"] == b"inspections.v1:0:7"
    assert told["kc_service"] == b"scoring"
    assert told["kc_detail"]


def test_a_hundred_rejected_in_a_row_stop_the_worker_instead_of_draining_the_topic() -> None:
    strict = Strict()
    fold_batch(ToyFold(0), 0, [bad(offset) for offset in range(99)], strict)
    with pytest.raises(TooManyRejected):
        fold_batch(ToyFold(0), 0, [bad(99)], strict)


def test_one_good_record_starts_the_count_anew() -> None:
    strict = Strict(limit=3)
    for start in range(0, 30, 3):
        fold_batch(ToyFold(0), 0, [bad(start), bad(start + 1), good(start + 1, start + 2)], strict)
    assert strict.in_a_row == 0


def test_a_batch_that_leaves_records_out_is_refused_once_and_a_hole_in_the_log_is_taken_the_second_time() -> None:
    at = partition(5)
    assert not at.continues(7)
    assert not at.continues(8)
    assert at.continues(8)
    assert at.continues(5)
    assert at.continues(3)


def test_records_folded_before_are_not_folded_again() -> None:
    at = partition(0)
    first = at.fold_all([good(1, 0), good(2, 1)], 0.0)
    again = at.fold_all([good(1, 0), good(2, 1), good(3, 2)], 0.0)
    assert [r.topic for r in first].count("hazards.v1") == 2
    assert [r.topic for r in again].count("hazards.v1") == 1
    assert at.next == 3


def test_only_the_last_row_of_a_key_is_loaded_and_deleted_ones_are_not() -> None:
    at = partition(0)
    for key, value in (
        (b"u|a", b"broken"),
        (b"u|a", b'{"seq": 2, "digest": "", "seen": 2}'),
        (b"u|b", b"x"),
        (b"u|b", None),
    ):
        at.take(key, value)
    at.restore()
    assert isinstance(at.fold, ToyFold)
    assert at.fold.rows == {b"u|a": {"seq": 2, "digest": "", "seen": 2}}
    assert at.fold.per_unit["u"] == 2
