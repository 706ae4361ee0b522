"""What changes of the registry and the passing of days put on the log. Pure: the same change always announces the same
events.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from services.intake.rules.standing import moment
from shared.events.base import Data, GuidanceClass, RuleSetRef, Stage, Window, name_id
from shared.events.inspections import (
    DayStarted,
    EnterpriseWithdrawn,
    ImportantPeriod,
    KeyTask,
    RoundClosed,
    RoundOpened,
)
from shared.events.registry import RegistryDeleted, RegistryPut

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the registry. `revision` counts all changes from 1 without gaps; `object` None means deleted; `by`
    is the key's id.
    """

    revision: int
    kind: str
    id: str
    object: Object | None
    at: datetime
    by: str
    correlation_id: str | None = None
    rule_sets: tuple[RuleSetRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something to publish: data, its computed id, its subject, when it happened and whose request it was."""

    data: Data | RegistryPut | RegistryDeleted
    id: uuid.UUID
    subject: str
    time: datetime
    key: str
    correlation_id: str | None = None


class RegistryState(Protocol):
    """The registry before a change."""

    def get(self, kind: str, id: str) -> Object | None: ...

    def all(self, kind: str) -> Mapping[str, Object]: ...


def registry_event(change: Change) -> RegistryPut | RegistryDeleted:
    """The change as `registry.v1` carries it."""
    told = {"kind": change.kind, "id": change.id, "revision": change.revision, "updated_at": change.at}
    return (
        RegistryDeleted.model_validate(told)
        if change.object is None
        else RegistryPut.model_validate({**told, "object": change.object})
    )


def announced(change: Change, before: RegistryState, zone: ZoneInfo) -> Iterator[Announcement]:
    """The change itself, then what follows from it on `inspections.v1`, given the registry as it stood before."""
    name = f"{change.kind}/{change.id}"
    yield Announcement(
        registry_event(change),
        name_id("registry", name, str(change.revision)),
        name,
        change.at,
        name,
        change.correlation_id,
    )
    if change.kind == "rounds":
        for enrolment in list(before.all("enrolments").values()):
            if enrolment["round_id"] == change.id:
                yield _round_event(change, change.object, enrolment, zone)
    elif change.kind == "enrolments":
        yield from _enrolment_changed(change, before, zone)
    elif change.kind == "enterprises":
        yield from _enterprise_changed(change, before)


def _enrolment_changed(change: Change, before: RegistryState, zone: ZoneInfo) -> Iterator[Announcement]:
    round_id = change.id.partition(":")[0]
    if change.object is not None:
        yield _round_event(change, before.get("rounds", round_id), change.object, zone)
    elif (old := before.get("enrolments", change.id)) is not None:
        yield _closed(change, old)


def _enterprise_changed(change: Change, before: RegistryState) -> Iterator[Announcement]:
    old = before.get("enterprises", change.id)
    if old is None or (change.object is not None and change.object["unit_id"] == old["unit_id"]):
        return
    reason = "deleted from the registry" if change.object is None else f"moved to {change.object['unit_id']}"
    data = EnterpriseWithdrawn(unit_id=old["unit_id"], enterprise_id=change.id, reason=reason)
    id = name_id("enterprise.withdrawn", change.id, old["unit_id"], str(change.revision))
    yield Announcement(data, id, change.id, change.at, old["unit_id"], change.correlation_id)


def _round_event(change: Change, round_: Object | None, enrolment: Object, zone: ZoneInfo) -> Announcement:
    if round_ is None or round_["status"] == "closed":
        return _closed(change, enrolment)
    unit, round_id = enrolment["unit_id"], enrolment["round_id"]
    data = RoundOpened(
        unit_id=unit,
        round_id=round_id,
        year=round_["year"],
        number=round_["number"],
        revision=change.revision,
        windows={Stage(stage): _window(span, zone) for stage, span in round_["windows"].items()},
        important_periods=tuple(
            ImportantPeriod.model_validate({**period, "name": _one_name(period["name"])})
            for period in round_["important_periods"]
        ),
        key_tasks=tuple(KeyTask(id=task["id"], name=_one_name(task["name"])) for task in round_["key_tasks"]),
        guidance_class=GuidanceClass(enrolment["guidance_class"]) if enrolment.get("guidance_class") else None,
        team_id=enrolment.get("team_id"),
        expert_target=enrolment.get("expert_target") or 0,
        enterprises=tuple(enrolment["enterprises"]),
        rule_sets=change.rule_sets,
    )
    id = name_id("round.opened", round_id, unit, str(change.revision))
    return Announcement(data, id, unit, change.at, unit, change.correlation_id)


def _closed(change: Change, enrolment: Object) -> Announcement:
    unit, round_id = enrolment["unit_id"], enrolment["round_id"]
    data = RoundClosed(unit_id=unit, round_id=round_id, revision=change.revision)
    return Announcement(
        data,
        name_id("round.closed", round_id, unit, str(change.revision)),
        unit,
        change.at,
        unit,
        change.correlation_id,
    )


def _window(span: Object, zone: ZoneInfo) -> Window:
    return Window(
        from_=moment(span["from"], zone).astimezone(UTC), to=moment(span["to"], zone, end=True).astimezone(UTC)
    )


def _one_name(name: Any) -> str:
    return str(name if isinstance(name, str) else name.get("zh") or name.get("en"))


def days_due(last: date | None, today: date) -> list[date]:
    """The days to start, oldest first: those after `last` up to today; only today for a unit that has had none."""
    if last is None:
        return [today]
    return [last + timedelta(days=ahead) for ahead in range(1, (today - last).days + 1)]


def day_started(unit_id: str, day: date, zone: ZoneInfo) -> Announcement:
    """Midnight of the day for one unit; its id follows from unit and day."""
    midnight = datetime.combine(day, time(), zone).astimezone(UTC)
    return Announcement(
        DayStarted(unit_id=unit_id, day=day),
        name_id("day.started", unit_id, day.isoformat()),
        unit_id,
        midnight,
        unit_id,
    )
