"""What the store's refusals of a write mean. Used by the Mongo stores."""

from typing import Literal

from services.intake.ports import Added
from shared.mongo import DUPLICATE_KEY, BulkWriteError


def stopped(error: BulkWriteError) -> Added:
    """How far an ordered insert came, and what it met. Raises whatever else stopped it."""
    wrong = error.details["writeErrors"][0]
    if wrong["code"] != DUPLICATE_KEY:
        raise error
    clash: Literal["id", "seq"] = (
        "seq" if "sequence" in str(wrong.get("errmsg", "")) or "seq" in (wrong.get("keyPattern") or {}) else "id"
    )
    return Added(wrong["index"], clash)
