"""Lists: `?limit=` and an opaque `?cursor=`, answered as `{"items", "next_cursor"}`."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query

from shared.http.problems import FieldError, Problem

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=1000)]


def encode_cursor(position: dict[str, Any]) -> str:
    """A position as an opaque text, safe in a URL."""
    return (
        base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":"), sort_keys=True).encode())
        .decode()
        .rstrip("=")
    )


def decode_cursor(cursor: str) -> dict[str, Any]:
    """The position in a cursor. Raises a 400 problem for a text that is none."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise not_a_cursor()
    return found


def number_in(cursor: str | None, name: str) -> int:
    """The number after which a list goes on, 0 without a cursor. Raises a 400 problem for a cursor of another list."""
    found = decode_cursor(cursor).get(name) if cursor else 0
    if type(found) is not int or not 0 <= found < 2**53:
        raise not_a_cursor()
    return found


def moment_in(cursor: str | None) -> tuple[datetime, str] | None:
    """The (moment, id) after which a list by time goes on. Raises a 400 problem for a cursor of another list."""
    if cursor is None:
        return None
    found = decode_cursor(cursor)
    try:
        moment, id = datetime.fromisoformat(found["at"]), str(found["id"])
        if moment.tzinfo is None:
            raise not_a_cursor()
        return moment.astimezone(UTC), id
    except (KeyError, ValueError, TypeError, OverflowError):
        raise not_a_cursor() from None


def not_a_cursor() -> Problem:
    """400: the text is no cursor of this list."""
    detail = "This is no cursor of this list; leave it out to start from the beginning."
    zh = "这不是本列表的游标；去掉它即可从头开始。"
    return Problem(400, "cursor", detail, [FieldError("query:cursor", "cursor", detail, zh)], zh=zh)


def page(items: Sequence[Any], next_position: dict[str, Any] | None) -> dict[str, Any]:
    """The answer of a list."""
    return {"items": list(items), "next_cursor": None if next_position is None else encode_cursor(next_position)}
