"""A small registry for reporting's tests: four units under one province, keys of several roles. Synthetic, and says
so.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.events.base import name_id
from shared.events.envelope import Event, make
from shared.events.registry import Kind, RegistryPut
from shared.http.auth import hash_key
from shared.registry import Registry
from tests import builders as build

AT = datetime(2023, 1, 1, tzinfo=UTC)
UNITS = tuple(f"unit-{number:02d}" for number in range(4))
KEYS = {
    "national": "kc_national",
    "county": "kc_county",
    "enterprise": "kc_enterprise",
    "viewer": "kc_viewer",
    "expert": "kc_expert",
}
ADMIN = "kc_admin"


def puts(enterprises: Iterable[tuple[str, str]], accepted: int, units: Sequence[str] = UNITS) -> list[RegistryPut]:
    """The objects; `enterprises` are (id, unit id). The county's key is that of `unit-01`, as is the team's."""
    owned = sorted(enterprises)
    found: list[RegistryPut] = [_put("authorities", "national", build.authority("national", "national"))]
    for name in units:
        found.append(_put("authorities", f"{name}-county", build.authority(f"{name}-county", "county", "national")))
        found.append(_put("units", name, build.unit(name, synthetic=True)))
    found += [_put("enterprises", name, build.enterprise(unit)) for name, unit in owned]
    found += [_put("rounds", f"2023-{number}", build.round_(2023, number)) for number in (1, 2)]
    found.append(_put("teams", "team-x", build.team(["unit-01"])))
    found.append(
        _put("counts", "intake-1", {"accepted": accepted, "published": accepted, "oldest_unpublished_at": None})
    )
    in_county = [name for name, unit in owned if unit == "unit-01"]
    scopes: dict[str, dict[str, Any]] = {
        "national": {"authority": "national"},
        "county": {"authority": "unit-01-county"},
        "enterprise": {"enterprises": in_county[:1]},
        "viewer": {"units": ["unit-02"]},
        "expert": {"team": "team-x"},
    }
    return found + [_put("keys", role, _key(role, scope)) for role, scope in scopes.items()]


def registry(enterprises: Iterable[tuple[str, str]], accepted: int = 0, units: Sequence[str] = UNITS) -> Registry:
    """The objects as a service holds them."""
    found = Registry()
    for put in puts(enterprises, accepted, units):
        found.apply(put)
    return found


def as_event(put: RegistryPut) -> Event:
    """The object as intake publishes it."""
    key = f"{put.kind}/{put.id}"
    return make(
        put, id=name_id("registry", key, str(put.revision)), source=build.SOURCE, subject=put.id, time=AT, key=key
    )


def _put(kind: Kind, name: str, content: dict[str, Any]) -> RegistryPut:
    return RegistryPut(kind=kind, id=name, revision=1, object=content, updated_at=AT)


def _key(role: str, scope: dict[str, Any]) -> dict[str, Any]:
    empty = {"units": None, "enterprises": None, "authority": None, "team": None}
    return {"sha256": hash_key(KEYS[role]), "role": role, **empty, **scope, "label": role, "revoked": False}
