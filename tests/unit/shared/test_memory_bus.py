"""What the bus in memory can do beyond the contract: faults that are planted, and sealed errors of the store seam."""

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, DuplicateKeyError, OperationFailure

from shared.bus import Record
from shared.errors import Unavailable
from shared.memory_bus import MemoryBus
from shared.mongo import passes, translated

RECORD = Record("inspections.v1", b"k", b"v")


async def test_a_planted_fault_strikes_as_often_as_asked() -> None:
    bus = MemoryBus(1)
    bus.fail_publishes(2)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await bus.publisher().publish([RECORD])
    await bus.publisher().publish([RECORD])
    assert len(bus.records("inspections.v1")) == 1


async def test_a_fault_after_the_fact_leaves_what_was_done() -> None:
    bus = MemoryBus(1)
    bus.inject("publish", Unavailable("broker", "answer lost"), after=True)
    with pytest.raises(Unavailable):
        await bus.publisher().publish([RECORD])
    assert len(bus.records("inspections.v1")) == 1


async def test_errors_of_the_store_that_may_pass_are_unavailable_and_others_stay() -> None:
    with pytest.raises(Unavailable) as wrong:
        async with translated():
            raise AutoReconnect("connection closed")
    assert wrong.value.part == "store"
    with pytest.raises(DuplicateKeyError):
        async with translated():
            raise DuplicateKeyError("E11000")


def test_a_failure_that_the_server_says_may_be_repeated_passes() -> None:
    assert passes(OperationFailure("moved", 189, {"errorLabels": ["RetryableWriteError"]}))
    assert not passes(OperationFailure("bad query", 2, {}))


def test_a_bulk_with_a_wrong_document_does_not_pass() -> None:
    assert not passes(BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []}))
    assert passes(BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]}))
