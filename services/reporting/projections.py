"""Events to documents: pure functions, one per kind of event.

Called by the handlers, of the live generation and of one that is being rebuilt.
"""

from collections.abc import Callable
from typing import Any

from services.reporting.documents import Document, Write, stamp
from shared.bus import Delivery
from shared.events.alerts import AlertAcknowledged, AlertDelivered, AlertDeliveryFailed, AlertSnapshot
from shared.events.base import Submitted
from shared.events.envelope import Event
from shared.events.hazards import HazardCleared, HazardRaised
from shared.events.inspections import GuidanceRecorded, RoundOpened
from shared.events.risk import EnterpriseAssessed, FindingAssessed, FoldProgressed, UnitAssessed

_NOT_LISTED = {"results", "grading", "substances", "responsible", "evidence", "course", "measures", "description"}


def project(event: Event, delivery: Delivery) -> list[Write]:
    """The documents an event leaves behind; none for events that no page needs."""
    data = event.data
    if isinstance(data, Submitted):
        return [_submission(event, data, delivery)]
    for model, projection in _PROJECTIONS:
        if isinstance(data, model):
            return [*projection(event, data, delivery), *_change(data, delivery, stamp(event.time))]
    return []


def _unit(event: Event, data: UnitAssessed, _: Delivery) -> list[Write]:
    order = data.log_position.offset
    document = _assessed(event, data) | {"round_id": data.round_id, "colour": data.colour}
    return [
        Write("units", data.unit_id, order, document),
        Write("unit_rounds", f"{data.unit_id}:{data.round_id}", order, document),
        Write("risk_history", f"{data.unit_id}:{order:019d}", order, document),
    ]


def _enterprise(event: Event, data: EnterpriseAssessed, _: Delivery) -> list[Write]:
    if data.drill:
        return []
    order, name = data.log_position.offset, data.enterprise_id
    document = _assessed(event, data) | {"enterprise_id": name, "round_id": data.round_id}
    in_round = f"{data.unit_id}:{name}:{data.round_id}"
    return [
        Write("enterprises", f"{data.unit_id}:{name}", order, document),
        Write("enterprise_rounds", in_round, order, document),
        Write("enterprise_history", f"{in_round}:{order:019d}", order, document),
    ]


def _finding(event: Event, data: FindingAssessed, _: Delivery) -> list[Write]:
    order, name = data.log_position.offset, str(data.finding_id)
    document = _assessed(event, data) | {
        "enterprise_id": data.enterprise_id,
        "round_id": data.round_id,
        "state": data.state,
        "standing": data.state != "closed",
        "drill": data.drill,
    }
    past, version = document | {"finding_id": name}, f"{name}:{order:019d}"
    found = [
        Write("findings", name, order, document),
        Write("finding_rounds", f"{name}:{data.round_id}", order, document),
        Write("finding_history", version, order, past),
    ]
    if data.carried_over and data.state == "closed" and not data.drill:
        # It keeps the round in which it was last reported: that it was closed in a later one is found here.
        found.append(Write("carried_closings", version, order, document))
    return found


def _fold(event: Event, data: FoldProgressed, _: Delivery) -> list[Write]:
    document = _document(event, data) | {"partition": data.partition, "position": data.position}
    return [Write("folds", str(data.partition), data.position, document)]


def _hazard(event: Event, data: HazardRaised, _: Delivery) -> list[Write]:
    return [Write("hazards", str(data.hazard_id), data.log_position.offset, _assessed(event, data))]


def _clearing(event: Event, data: HazardCleared, _: Delivery) -> list[Write]:
    # A document of its own: the hazard's facts stay readable after it is cleared.
    return [Write("clearings", str(data.hazard_id), data.log_position.offset, _assessed(event, data))]


def _alert(event: Event, data: AlertSnapshot, delivery: Delivery) -> list[Write]:
    alert_id = str(data.alert_id)
    document = {
        "unit_id": data.unit_id,
        "enterprise_id": data.enterprise_id,
        "state": data.state,
        "drill": data.drill,
        "opened_at": stamp(data.opened_at),
        "at": stamp(data.at),
        "log_position": _position(delivery),
        "data": data.model_dump(mode="json"),
    }
    step = document | {"alert_id": alert_id, "type": event.type, "version": data.version}
    name = f"{alert_id}:{data.version:09d}"
    found = [
        Write("alerts", alert_id, data.version, document),
        Write("alert_steps", name, _first_stands(delivery), step),
    ]
    if isinstance(data, AlertAcknowledged):
        found.append(Write("answers", name, _first_stands(delivery), step))
    return found


def _message(event: Event, data: AlertDelivered | AlertDeliveryFailed, _: Delivery) -> list[Write]:
    # A success outranks a failure of the same attempt: the receiver has it.
    order = data.attempt * 2 + isinstance(data, AlertDelivered)
    document = _document(event, data) | {"unit_id": data.unit_id, "alert_id": str(data.alert_id), "type": event.type}
    return [Write("deliveries", str(data.delivery_id), order, document)]


def _round(event: Event, data: RoundOpened, delivery: Delivery) -> list[Write]:
    document = _assessed(event, data) | {"round_id": data.round_id, "log_position": _position(delivery)}
    name = f"{data.round_id}:{data.unit_id}"
    return [
        Write("rounds", name, data.revision, document),
        Write(
            "round_history",
            f"{name}:{data.revision:09d}",
            _first_stands(delivery),
            document | {"revision": data.revision},
        ),
    ]


def _submission(event: Event, data: Submitted, delivery: Delivery) -> Write:
    """One line per submission, without its body: what changed today, what was corrected since, guidance given."""
    left_out = _NOT_LISTED if isinstance(data, GuidanceRecorded) else _NOT_LISTED | {"text"}
    fields = data.model_dump(mode="json", exclude=left_out)
    document = {
        "unit_id": data.unit_id,
        "enterprise_id": fields.get("enterprise_id"),
        "round_id": fields.get("round_id"),
        "type": event.type.removeprefix("keycounty.").removesuffix(".v1"),
        "subject": event.subject,
        "drill": data.drill,
        "at": stamp(data.accepted_at),
        "correction": bool(fields.get("supersedes") or fields.get("supplement_to") or fields.get("late")),
        "log_position": _position(delivery),
        "data": fields,
    }
    return Write("submissions", str(data.submission_id), _first_stands(delivery), document)


def _position(delivery: Delivery) -> Document:
    return {"partition": delivery.partition, "offset": delivery.offset}


def _first_stands(delivery: Delivery) -> int:
    """The order of what never changes: a copy delivered later must not move it behind a cut-off."""
    return -delivery.offset


def _assessed(event: Event, data: Any) -> Document:
    return {"unit_id": data.unit_id, **_document(event, data)}


def _document(event: Event, data: Any) -> Document:
    return {"at": stamp(event.time), "data": data.model_dump(mode="json")}


def _change(data: Any, delivery: Delivery, at: str) -> list[Write]:
    """What the live stream says of an event, if anything. Its stream is the record's partition, where order is
    known.
    """
    described = next((describe(data) for model, describe in _CHANGES if isinstance(data, model)), None)
    if described is None or getattr(data, "drill", False):
        return []
    kind, about_id, about = described
    stream = f"{delivery.topic}:{delivery.partition}"
    document = {"stream": stream, "kind": kind, "about_id": about_id, "unit_id": data.unit_id, "at": at, "about": about}
    document["written_ms"] = delivery.timestamp_ms
    return [Write("changes", f"{stream}:{delivery.offset}", delivery.offset, document)]


_Projection = Callable[[Event, Any, Delivery], list[Write]]
_PROJECTIONS: tuple[tuple[type | tuple[type, ...], _Projection], ...] = (
    (UnitAssessed, _unit),
    (EnterpriseAssessed, _enterprise),
    (FindingAssessed, _finding),
    (FoldProgressed, _fold),
    (HazardRaised, _hazard),
    (HazardCleared, _clearing),
    (AlertSnapshot, _alert),
    ((AlertDelivered, AlertDeliveryFailed), _message),
    (RoundOpened, _round),
)
_CHANGES: tuple[tuple[type, Callable[[Any], tuple[str, str, Document]]], ...] = (
    (UnitAssessed, lambda data: ("unit", data.unit_id, {"colour": data.colour, "index": data.index})),
    (EnterpriseAssessed, lambda data: ("enterprise", data.enterprise_id, {})),
    (FindingAssessed, lambda data: ("finding", str(data.finding_id), {"state": data.state, "grade": data.grade})),
    (AlertSnapshot, lambda data: ("alert", str(data.alert_id), {"state": data.state, "severity": data.severity})),
    (RoundOpened, lambda data: ("round", data.round_id, {})),
)
