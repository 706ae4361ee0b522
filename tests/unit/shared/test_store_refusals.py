"""Which errors of the store may pass: they are answered 503 and tried again; the others are bugs."""

from typing import Any, cast

import pytest
from pymongo.errors import BulkWriteError, CursorNotFound, OperationFailure

from shared.errors import Unavailable
from shared.mongo import DUPLICATE_KEY, passes, translated, written


async def test_an_internal_error_of_the_store_is_the_store_being_away() -> None:
    with pytest.raises(Unavailable, match="internal server error"):
        async with translated():
            raise OperationFailure("internal server error", code=1)


def test_a_refusal_of_what_was_asked_does_not_pass() -> None:
    assert not passes(OperationFailure("unknown operator", code=2))


FULL = {"index": 1, "code": 14031, "errmsg": "available disk space is less than required"}


@pytest.mark.parametrize(
    "wrong",
    [
        OperationFailure("no room", code=14031),
        OperationFailure("28: No space left on device", code=8),
        BulkWriteError({"writeErrors": [FULL], "writeConcernErrors": []}),
    ],
)
async def test_a_full_disk_is_named_whatever_was_written(wrong: OperationFailure) -> None:
    with pytest.raises(Unavailable) as away:
        async with translated():
            raise wrong
    assert (away.value.part, away.value.retry_after_s) == ("disk", 30.0)


def test_a_cursor_that_went_with_its_store_is_read_again() -> None:
    assert passes(CursorNotFound("cursor id 1 not found", code=43))


class Collection:
    """Refuses a bulk write as told."""

    def __init__(self, *errors: dict[str, Any], unconfirmed: bool = False) -> None:
        self.details = {"writeErrors": list(errors), "writeConcernErrors": [{"code": 64}] if unconfirmed else []}

    async def bulk_write(self, _requests: Any, *, ordered: bool) -> None:
        assert not ordered
        raise BulkWriteError(self.details)


DUPLICATES = [{"index": place, "code": DUPLICATE_KEY, "errmsg": "known"} for place in (1, 4)]


async def test_the_places_of_ids_that_are_there_already_are_told() -> None:
    assert await written(cast(Any, Collection(*DUPLICATES)), ["a request"]) == {1, 4}


async def test_nothing_to_write_asks_nothing() -> None:
    assert await written(cast(Any, Collection(FULL)), []) == set()


@pytest.mark.parametrize(
    "collection", [Collection(*DUPLICATES, FULL), Collection(*DUPLICATES, unconfirmed=True), Collection()]
)
async def test_known_ids_hide_nothing_else_that_went_wrong(collection: Collection) -> None:
    with pytest.raises(BulkWriteError):
        await written(cast(Any, collection), ["a request"])
