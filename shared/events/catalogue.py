"""Every event type: its model, topic and key. Code, docs/events and the conformance tests are fed from here."""

from dataclasses import dataclass

from pydantic import BaseModel

from shared.events import alerts, hazards, inspections, registry, risk

PREFIX = "keycounty."
Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class EventType:
    """One row: full type name with major version, model of its data, topic without prefix, and whether its key is the
    unit id.
    """

    type: str
    model: Model
    topic: str
    keyed_by_unit: bool = True


def _rows(topic: str, found: dict[str, type[BaseModel]], keyed_by_unit: bool = True) -> list[EventType]:
    return [EventType(f"{PREFIX}{name}.v1", model, topic, keyed_by_unit) for name, model in found.items()]


_ALL = [
    *_rows(
        "inspections.v1",
        {
            "round.opened": inspections.RoundOpened,
            "round.closed": inspections.RoundClosed,
            "enterprise.withdrawn": inspections.EnterpriseWithdrawn,
            "inspection.submitted": inspections.InspectionSubmitted,
            "hazard_unit.declared": inspections.HazardUnitDeclared,
            "hazard_unit.withdrawn": inspections.HazardUnitWithdrawn,
            "installation.declared": inspections.InstallationDeclared,
            "installation.withdrawn": inspections.InstallationWithdrawn,
            "rectification.reported": inspections.RectificationReported,
            "park.assessed": inspections.ParkAssessed,
            "key_task.progressed": inspections.KeyTaskProgressed,
            "guidance.recorded": inspections.GuidanceRecorded,
            "accident.reported": inspections.AccidentReported,
            "day.started": inspections.DayStarted,
        },
    ),
    *_rows(
        "registry.v1",
        {"registry.put": registry.RegistryPut, "registry.deleted": registry.RegistryDeleted},
        keyed_by_unit=False,
    ),
    *_rows(
        "risk.v1",
        {
            "finding.assessed": risk.FindingAssessed,
            "enterprise.assessed": risk.EnterpriseAssessed,
            "unit.assessed": risk.UnitAssessed,
        },
    ),
    *_rows("risk.v1", {"fold.progressed": risk.FoldProgressed}, keyed_by_unit=False),
    *_rows(
        "hazards.v1",
        {
            "hazard.raised": hazards.HazardRaised,
            "hazard.updated": hazards.HazardUpdated,
            "hazard.cleared": hazards.HazardCleared,
        },
    ),
    *_rows(
        "alerts.v1",
        {
            "alert.opened": alerts.AlertOpened,
            "alert.updated": alerts.AlertUpdated,
            "alert.delivered": alerts.AlertDelivered,
            "alert.delivery_failed": alerts.AlertDeliveryFailed,
            "alert.acknowledged": alerts.AlertAcknowledged,
            "alert.promise_broken": alerts.AlertPromiseBroken,
            "alert.escalated": alerts.AlertEscalated,
            "alert.closed": alerts.AlertClosed,
            "alert.reopened": alerts.AlertReopened,
        },
    ),
    *_rows("alerts.v1", {"silence.put": alerts.SilencePut}, keyed_by_unit=False),
]
CATALOGUE: dict[str, EventType] = {row.type: row for row in _ALL}
_BY_MODEL = {row.model: row for row in _ALL}


def by_model(model: type[BaseModel]) -> EventType:
    """The catalogue's row of a data model. Raises KeyError for a model that is no event."""
    return _BY_MODEL[model]
