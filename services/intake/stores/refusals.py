"""What the store's refusals of a write mean. Used by the Mongo stores."""

from typing import Literal

from services.intake.ports import Added
from shared.errors import Unavailable
from shared.mongo import BulkWriteError

DUPLICATE, OUT_OF_DISK_SPACE = 11000, 14031


def stopped(error: BulkWriteError) -> Added:
    """How far an ordered insert came, and what it met. Raises whatever else stopped it."""
    wrong = error.details["writeErrors"][0]
    if wrong["code"] != DUPLICATE:
        raise full_or(error)
    clash: Literal["id", "seq"] = (
        "seq" if "sequence" in str(wrong.get("errmsg", "")) or "seq" in (wrong.get("keyPattern") or {}) else "id"
    )
    return Added(wrong["index"], clash)


def full_or(wrong: Exception) -> Exception:
    """A full disk passes when somebody makes room; any other refusal of the store is a bug."""
    text = str(wrong).lower()
    full = getattr(wrong, "code", None) == OUT_OF_DISK_SPACE or "no space left" in text or "disk full" in text
    return Unavailable("disk", "the store's disk is full", 30.0) if full else wrong
