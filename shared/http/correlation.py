"""The correlation id of a request: the caller's, or a new one. Used at the edge of every HTTP service."""

import re
import uuid

HEADER = "x-correlation-id"
_USABLE = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")


def correlation_of(given: str | None) -> str:
    """What the caller sent when it can be told on as it is, else a new id."""
    return given if given and _USABLE.match(given) else uuid.uuid4().hex
