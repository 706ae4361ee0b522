"""Lists: `?limit=` and an opaque `?cursor=`, answered as `{"items", "next_cursor"}`."""

import base64
import json
from collections.abc import Sequence
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
        error = FieldError(
            "query:cursor", "cursor", "This is no cursor of ours; leave it out to start from the beginning."
        )
        raise Problem(400, "cursor", error.detail, [error])
    return found


def page(items: Sequence[Any], next_position: dict[str, Any] | None) -> dict[str, Any]:
    """The answer of a list."""
    return {"items": list(items), "next_cursor": None if next_position is None else encode_cursor(next_position)}
