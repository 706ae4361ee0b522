"""The record that carries a submission to the log: made by the outbox, and when the log is written again."""

from pydantic import BaseModel

from services.intake.records import Submission
from shared.bus import Record
from shared.events.base import name_id
from shared.events.envelope import Event, headers

SOURCE = "/keycounty/intake"


class _Encoded(BaseModel):
    """Stands for data whose bytes are made already."""


_ENCODED = _Encoded()


def record_of(found: Submission) -> Record:
    """The record on `inspections.v1`: the same bytes whenever it is made."""
    event = Event(
        name_id("submission", str(found.id)),
        found.type,
        SOURCE,
        found.subject,
        found.accepted_at,
        found.unit_id,
        _ENCODED,
        found.correlation_id,
        found.traceparent,
    )
    return Record("inspections.v1", found.unit_id.encode(), found.value, tuple(headers(event)))
