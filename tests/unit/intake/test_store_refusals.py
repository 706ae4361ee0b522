"""Which errors of the store may pass: they are answered 503 and tried again; the others are bugs."""

import pytest
from pymongo.errors import OperationFailure

from services.intake.stores.refusals import full_or
from shared.errors import Unavailable
from shared.mongo import passes, translated


async def test_an_internal_error_of_the_store_is_the_store_being_away() -> None:
    with pytest.raises(Unavailable, match="internal server error"):
        async with translated():
            raise OperationFailure("internal server error", code=1)


def test_a_refusal_of_what_was_asked_does_not_pass() -> None:
    assert not passes(OperationFailure("unknown operator", code=2))


def test_a_full_disk_is_named() -> None:
    found = full_or(OperationFailure("no space left on device", code=14031))
    assert isinstance(found, Unavailable)
    assert "disk is full" in str(found)
