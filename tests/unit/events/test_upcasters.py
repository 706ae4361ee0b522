"""Events of an older major version are read through upcasters. The v0 here is synthetic: no such version was ever
written.
"""

import json
from datetime import date
from typing import Any

import pytest

from shared.errors import Rejected
from shared.events.base import name_id
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import Event, decode, headers
from shared.events.inspections import ParkAssessed
from shared.events.upcasters import UPCASTERS
from tests.builders import UNIT, park_assessed

V1 = "keycounty.park.assessed.v1"
PAYLOAD_V0 = {
    "unit": UNIT,
    "park": "park-1",
    "points": 725,
    "assessed_on": "2023-02-20",
    "submission_id": str(name_id("synthetic v0")),
    "seq": 1,
    "accepted_at": "2023-02-20T04:00:00Z",
    "submitted_by": UNIT,
}


def from_v0(raw: dict[str, Any]) -> dict[str, Any]:
    """v0 named the park and the unit shorter and counted tenths of points."""
    rest = {name: value for name, value in raw.items() if name not in ("unit", "park", "points")}
    return {**rest, "unit_id": raw["unit"], "park_id": raw["park"], "tenths": raw["points"]}


def from_v_minus(raw: dict[str, Any]) -> dict[str, Any]:
    """The second step of a chain: tenths become points."""
    return {**{name: value for name, value in raw.items() if name != "tenths"}, "score": raw["tenths"] / 10}


def both(raw: dict[str, Any]) -> dict[str, Any]:
    return from_v_minus(from_v0(raw))


STEPS = {("keycounty.park.assessed", 0): both}


def read(type_: str, payload: Any, upcasters: Any = STEPS) -> Event:
    attributes = [(name, type_.encode() if name == "ce_type" else text) for name, text in headers(park_assessed())]
    return decode(UNIT.encode(), json.dumps(payload).encode(), attributes, upcasters)


def refusal(type_: str, payload: Any = PAYLOAD_V0, upcasters: Any = STEPS) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(type_, payload, upcasters)
    return caught.value


def test_an_older_version_is_read_as_the_current_one() -> None:
    event = read("keycounty.park.assessed.v0", PAYLOAD_V0)
    assert event.type == V1
    assert isinstance(event.data, ParkAssessed)
    assert (event.data.park_id, event.data.score, event.data.assessed_on) == ("park-1", 72.5, date(2023, 2, 20))


def test_steps_are_taken_in_order_up_to_the_current_version(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = CATALOGUE[V1]
    later = type(spec)("keycounty.park.assessed.v2", spec.model, spec.topic)
    monkeypatch.setattr("shared.events.upcasters._CURRENT", {"keycounty.park.assessed": later})
    chain = {("keycounty.park.assessed", 0): from_v0, ("keycounty.park.assessed", 1): from_v_minus}
    event = read("keycounty.park.assessed.v0", PAYLOAD_V0, chain)
    assert isinstance(event.data, ParkAssessed)
    assert (event.type, event.data.score) == (later.type, 72.5)


def test_an_older_version_without_a_step_names_the_gap() -> None:
    found = refusal("keycounty.park.assessed.v0", upcasters={})
    assert (found.reason, found.detail) == ("unknown_version", "keycounty.park.assessed.v0 has no step to v1")


def test_a_newer_version_is_refused_as_such() -> None:
    found = refusal("keycounty.park.assessed.v2")
    assert found.reason == "unknown_version"
    assert "newer than keycounty.park.assessed.v1" in found.detail


@pytest.mark.parametrize(
    "type_", ["keycounty.weather.changed.v1", "keycounty.park.assessed", "park.assessed.v1", "", "x.v99999"]
)
def test_a_type_nobody_knows_is_unknown_whatever_its_version(type_: str) -> None:
    assert refusal(type_).reason == "unknown_type"


@pytest.mark.parametrize(
    "payload", [[], None, {"unit": UNIT}, {**PAYLOAD_V0, "points": "many"}, {**PAYLOAD_V0, "points": -1}]
)
def test_an_older_payload_that_is_wrong_is_a_schema_error(payload: Any) -> None:
    assert refusal("keycounty.park.assessed.v0", payload).reason == "schema"


def test_steps_are_registered_only_for_types_of_the_catalogue() -> None:
    current = {type_.rpartition(".v")[0]: int(type_.rpartition(".v")[2]) for type_ in CATALOGUE}
    assert all(name in current and version < current[name] for name, version in UPCASTERS)
