"""The registry's objects: their shapes, what they refer to, what a change announces on `inspections.v1`. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from services.intake.rules.bodies import Body, Id, Name, Uscc
from services.intake.rules.checks import enterprise_code
from services.intake.rules.faults import Fault, fault
from services.intake.rules.standing import RegistryView
from shared.events.base import Day, GuidanceClass, Instant, RoundId, Stage, Text, UnitId

RegistryKind = Literal["units", "authorities", "teams", "parks", "enterprises", "rounds", "enrolments"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class Names(Body):
    """A name in both languages; one is enough."""

    zh: Name | None = None
    en: Name | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "Names":
        if self.zh is None and self.en is None:
            raise ValueError("a name in zh or en is needed")
        return self


Named = Names | Name


class Unit(Body):
    """A guidance unit; its county authority, from which the chain follows `parent`. `synthetic` units say so
    everywhere.
    """

    name: Named
    kind: str | None = Field(default=None, max_length=50)
    division_code: str | None = Field(default=None, max_length=20)
    division_list: str | int | None = None
    authority: Id | None = None
    synthetic: bool = False


class Hours(Body):
    """When a contact is on duty: days such as `mon-fri` or `sat,sun`, local times."""

    days: str = Field(min_length=3, max_length=60)
    from_: Clock = Field(alias="from")
    to: Clock


class Contact(Body):
    """Somebody to tell. `target` and `secret` are write-only."""

    id: Id
    channel: Literal["email", "webhook", "wecom", "dingtalk", "feishu", "apprise"]
    target: str | None = Field(default=None, min_length=1, max_length=2000)
    secret: str | None = Field(default=None, max_length=500)
    locale: str | None = Field(default=None, max_length=20)
    hours: tuple[Hours, ...] | None = None
    name: str | None = Field(default=None, max_length=200)


class Authority(Body):
    """An authority of one tier. `units` null: those whose county authority it is, and those of the authorities below
    it.
    """

    name: Named
    tier: Literal["county", "prefecture", "province", "national"]
    parent: Id | None = None
    units: tuple[UnitId, ...] | None = None
    contacts: tuple[Contact, ...] = ()


class Member(Body):
    """A member of an expert team."""

    name: Name
    field: str | None = Field(default=None, max_length=200)
    lead: bool = False


class Team(Body):
    """An expert team and the units it is assigned to."""

    name: Named
    units: tuple[UnitId, ...] = ()
    members: tuple[Member, ...] = ()


class Park(Body):
    """A chemical park of a unit."""

    name: Named
    unit_id: UnitId


class Enterprise(Body):
    """An enterprise, identified by its USCC."""

    name: Named
    unit_id: UnitId
    category: Literal["production", "storage", "user", "pharma"] | None = None
    park_id: Id | None = None


class Span(Body):
    """A span of time: RFC 3339 bounds (`to` exclusive), or days (`to` inclusive)."""

    from_: Instant | Day = Field(alias="from")
    to: Instant | Day


class Period(Body):
    """An important period, days inclusive."""

    name: Named
    from_: Day = Field(alias="from")
    to: Day


class KeyTask(Body):
    """A key task of a round."""

    id: Id
    name: Named


class Round(Body):
    """A round of guidance."""

    year: int = Field(ge=2019, le=2100)
    number: int = Field(ge=1, le=9)
    status: Literal["open", "closed"] = "open"
    windows: dict[Stage, Span]
    important_periods: tuple[Period, ...] = ()
    key_tasks: tuple[KeyTask, ...] = ()
    synthetic: bool = False


class Enrolment(Body):
    """A unit's part in a round; its id is `round_id:unit_id`."""

    round_id: RoundId
    unit_id: UnitId
    guidance_class: GuidanceClass | None = None
    decided_by: str | None = Field(default=None, max_length=200)
    reason: Text | None = None
    team_id: Id | None = None
    expert_target: int = Field(default=0, ge=0, le=1_000_000)
    enterprises: tuple[Uscc, ...] = Field(default=(), max_length=30_000)


SHAPES: Mapping[RegistryKind, type[Body]] = {
    "units": Unit,
    "authorities": Authority,
    "teams": Team,
    "parks": Park,
    "enterprises": Enterprise,
    "rounds": Round,
    "enrolments": Enrolment,
}
_ID_SHAPES: Mapping[str, Any] = {"units": UnitId, "rounds": RoundId}


def faults_of(kind: RegistryKind, id: str, found: Body, registry: RegistryView) -> list[Fault]:
    """What is wrong with an object against its id and the registry."""
    special = _CHECKS.get(kind)
    return [] if special is None else list(special(id, found, registry))


def references_to(kind: str, id: str, registry: Any) -> list[str]:
    """The objects that would dangle if this one went: `kind/id`, at most ten."""
    found: Iterator[str] = (
        f"{other}/{key}"
        for other, field in _REFERRED_BY.get(kind, ())
        for key, value in registry.all(other).items()
        if _names(value, field, id)
    )
    return [name for name, _ in zip(found, range(10), strict=False)]


def _names(value: Mapping[str, Any], field: str, id: str) -> bool:
    held = value.get(field)
    return id in held if isinstance(held, (list, tuple)) else held == id


_REFERRED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "units": (("enterprises", "unit_id"), ("parks", "unit_id"), ("enrolments", "unit_id"), ("teams", "units")),
    "authorities": (("units", "authority"), ("authorities", "parent")),
    "teams": (("enrolments", "team_id"),),
    "parks": (("enterprises", "park_id"),),
    "rounds": (("enrolments", "round_id"),),
}


def _known(registry: RegistryView, kind: str, id: str | None, pointer: str) -> Iterator[Fault]:
    if id is not None and registry.get(kind, id) is None:
        yield fault(pointer, "unknown_reference", kind=kind, id=id)


def _authority(id: str, found: Authority, registry: RegistryView) -> Iterator[Fault]:
    if found.parent == id:
        yield fault("/parent", "own_parent", id=id)
    seen: set[str] = set()
    before = {contact["id"]: contact for contact in (registry.get("authorities", id) or {}).get("contacts") or ()}
    for index, contact in enumerate(found.contacts):
        if contact.id in seen:
            yield fault(f"/contacts/{index}/id", "twice", id=contact.id)
        seen.add(contact.id)
        if contact.target is None and not before.get(contact.id, {}).get("target"):
            yield fault(f"/contacts/{index}/target", "missing")


def _team(_: str, found: Team, registry: RegistryView) -> Iterator[Fault]:
    for index, unit in enumerate(found.units):
        yield from _known(registry, "units", unit, f"/units/{index}")


def _park(_: str, found: Park, registry: RegistryView) -> Iterator[Fault]:
    yield from _known(registry, "units", found.unit_id, "/unit_id")


def _enterprise(id: str, found: Enterprise, registry: RegistryView) -> Iterator[Fault]:
    yield from enterprise_code("", id)
    yield from _known(registry, "units", found.unit_id, "/unit_id")
    yield from _known(registry, "parks", found.park_id, "/park_id")


def _round(id: str, found: Round, _: RegistryView) -> Iterator[Fault]:
    if id != f"{found.year}-{found.number}":
        yield fault("", "round_id_mismatch", id=id, expected=f"{found.year}-{found.number}")
    for stage, span in found.windows.items():
        if _order(span.from_) > _order(span.to) or (span.from_ == span.to and isinstance(span.to, datetime)):
            yield fault(f"/windows/{stage}/to", "ends_before_it_begins")
    for index, period in enumerate(found.important_periods):
        if period.to < period.from_:
            yield fault(f"/important_periods/{index}/to", "ends_before_it_begins")
    for index, task in enumerate(found.key_tasks):
        if task.id in {other.id for other in found.key_tasks[:index]}:
            yield fault(f"/key_tasks/{index}/id", "twice", id=task.id)


def _order(bound: datetime | date) -> tuple[int, float]:
    return (
        (bound.toordinal(), 0.0) if not isinstance(bound, datetime) else (bound.date().toordinal(), bound.timestamp())
    )


def _enrolment(id: str, found: Enrolment, registry: RegistryView) -> Iterator[Fault]:
    if id != f"{found.round_id}:{found.unit_id}":
        yield fault("", "enrolment_id_mismatch", id=id, expected=f"{found.round_id}:{found.unit_id}")
    yield from _known(registry, "rounds", found.round_id, "/round_id")
    yield from _known(registry, "units", found.unit_id, "/unit_id")
    yield from _known(registry, "teams", found.team_id, "/team_id")
    yield from _decision(id, found, registry)
    seen: set[str] = set()
    for index, code in enumerate(found.enterprises):
        enterprise = registry.get("enterprises", code)
        if enterprise is None:
            yield fault(f"/enterprises/{index}", "unknown_enterprise", enterprise=code)
        elif enterprise["unit_id"] != found.unit_id:
            yield fault(f"/enterprises/{index}", "unit_mismatch", unit=found.unit_id, registered=enterprise["unit_id"])
        if code in seen:
            yield fault(f"/enterprises/{index}", "twice", id=code)
        seen.add(code)


def _decision(id: str, found: Enrolment, registry: RegistryView) -> Iterator[Fault]:
    # The first class of a round may come from a list; changing one is a decision that somebody answers for.
    before = (registry.get("enrolments", id) or {}).get("guidance_class")
    if before is None or found.guidance_class is None or found.guidance_class.value == before:
        return
    if not (found.decided_by or "").strip():
        yield fault("/decided_by", "decided_by_required")
    if not (found.reason or "").strip():
        yield fault("/reason", "decision_reason_required")


_CHECKS: Mapping[str, Any] = {
    "authorities": _authority,
    "teams": _team,
    "parks": _park,
    "enterprises": _enterprise,
    "rounds": _round,
    "enrolments": _enrolment,
}
