"""Every route of every service with every role, against the table "Who may do what" of the product's semantics."""

import http.client
import json
import re
import urllib.parse
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system import ROUND, County, call, eventually, make_uscc, results

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

ROLES = ("admin", "national", "province", "prefecture", "county", "expert", "enterprise", "viewer")
# Per role, in this order: y it may; h hidden (404: out of its scope, or nothing there); n its role never may (403).
EVERYBODY, NOBODY_BUT_ADMIN = "yyyyyyyy", "ynnnnnnn"
OFFICE, OFFICE_AND_COUNTY = "yynnnnnn", "yynnynnn"
READERS, RISK_READERS, UNIT_READERS = "nyyyyyyn", "nyyyyyyy", "nyyyyyhy"
OFFICERS = "nyyyynnn"
SENDERS, ENTERPRISE, COUNTY, EXPERT = "nnnnyyyn", "nnnnnnyn", "nnnnynnn", "nnnnnynn"
TABLE = {
    "intake": {
        "POST /v1/inspections": SENDERS,
        "POST /v1/inspections/batch": SENDERS,
        "POST /v1/hazard-units": ENTERPRISE,
        "POST /v1/hazard-units/batch": ENTERPRISE,
        "POST /v1/hazard-units/assess": EVERYBODY,
        "POST /v1/installations": ENTERPRISE,
        "POST /v1/rectifications": SENDERS,
        "POST /v1/rectifications/batch": SENDERS,
        "POST /v1/accidents": "nnnnynyn",
        "POST /v1/park-assessments": COUNTY,
        "POST /v1/key-task-progress": COUNTY,
        "POST /v1/guidance-records": EXPERT,
        "DELETE /v1/hazard-units/none": "nnnnnnhn",
        "DELETE /v1/installations/none": "nnnnnnhn",
        "GET /v1/inspections": READERS,
        "GET /v1/inspections/{submission}": READERS,
        "GET /v1/inspections/{submission}/record": READERS,
        "GET /v1/receipts/{enterprise}": READERS,
        "GET /v1/receipts/linzi": "nyyyyyhn",
        "POST /v1/evidence": SENDERS,
        "GET /v1/evidence/{evidence}": READERS,
        "GET /v1/checklists": EVERYBODY,
        "GET /v1/checklists/mhd-2017-121": EVERYBODY,
        "GET /v1/checklists/mhd-2017-121/template.xlsx": EVERYBODY,
        "GET /v1/hazard-units/template.xlsx": EVERYBODY,
        "GET /v1/rectifications/template.xlsx": EVERYBODY,
        "GET /v1/registry/enterprises": EVERYBODY,
        "GET /v1/registry/units/linzi": EVERYBODY,
        "PUT /v1/registry/enterprises/{enterprise}": OFFICE_AND_COUNTY,
        "PUT /v1/registry/parks/p": OFFICE_AND_COUNTY,
        "PUT /v1/registry/units/linzi": OFFICE,
        "PUT /v1/registry/authorities/county-linzi": OFFICE,
        "PUT /v1/registry/teams/team-1": OFFICE,
        "PUT /v1/registry/rounds/2023-1": OFFICE,
        "PUT /v1/registry/enrolments/2023-1:linzi": OFFICE,
        "DELETE /v1/registry/enterprises/none": "hhnnhnnn",
        "DELETE /v1/registry/parks/none": "hhnnhnnn",
        "DELETE /v1/registry/units/none": "hhnnnnnn",
        "DELETE /v1/registry/rounds/none": "hhnnnnnn",
        "POST /v1/keys": OFFICE_AND_COUNTY,
        "DELETE /v1/keys/none": "hhnnhnnn",
        "DELETE /v1/persons/none?reason=asked": "hhnnnnnn",
        "GET /v1/audit": NOBODY_BUT_ADMIN,
        "GET /v1/audit/submissions": NOBODY_BUT_ADMIN,
        "GET /v1/audit/erasures": NOBODY_BUT_ADMIN,
    },
    "notify": {
        "GET /v1/alerts": RISK_READERS,
        "GET /v1/alerts/{alert}": RISK_READERS,
        "POST /v1/alerts/{alert}/ack": OFFICERS,
        "POST /v1/alerts/{alert}/close": OFFICERS,
        "POST /v1/alerts/{alert}/reopen": OFFICERS,
        "GET /v1/alerts/{alert}/cap.xml": RISK_READERS,
        "GET /v1/alerts/{alert}/history.csv": RISK_READERS,
        "GET /v1/alerts/{alert}/history.ndjson": RISK_READERS,
        "GET /v1/cap/feed.atom": RISK_READERS,
        "GET /v1/deliveries": RISK_READERS,
        "POST /v1/deliveries/{delivery}/retry": OFFICERS,
        "GET /v1/silences": RISK_READERS,
        "GET /v1/silences/s1": UNIT_READERS,
        "PUT /v1/silences/s1": OFFICERS,
        "DELETE /v1/silences/s1": OFFICERS,
        "POST /v1/contacts/test": "yyhhynnn",
        "GET /v1/routes?unit_id=linzi": UNIT_READERS,
    },
    "reporting": {
        "GET /v1/units": RISK_READERS,
        "GET /v1/units/linzi/risk": UNIT_READERS,
        "GET /v1/units/linzi/risk/explain": UNIT_READERS,
        "GET /v1/units/linzi/findings": "nyyyyyhn",
        "GET /v1/enterprises/{enterprise}": RISK_READERS,
        "GET /v1/enterprises/{enterprise}/findings": READERS,
        "GET /v1/rounds/2023-1": RISK_READERS,
        "GET /v1/rounds/2023-1/indicators": RISK_READERS,
        "POST /v1/evaluations": "nynnnynn",
        "GET /v1/evaluations/{evaluation}": UNIT_READERS,
        "POST /v1/evaluations/verify": RISK_READERS,
        "GET /v1/completeness": OFFICE,
        "GET /v1/rebuilds": NOBODY_BUT_ADMIN,
        "POST /v1/rebuilds": NOBODY_BUT_ADMIN,
        "GET /v1/stream": RISK_READERS,
    },
}
# The link of a message needs no key: it is one.
PUBLIC = {
    *("GET /.well-known/receipt-keys.json", "GET /health/live", "GET /health/ready"),
    *("GET /ack/{token}", "POST /ack/{token}"),
}
PNG = b"\x89PNG\r\n\x1a\n" + b"1" * 100


@dataclass
class Ground:
    """A county where every route has something to find, and what fills the blanks of the paths."""

    county: County
    names: dict[str, str]

    def status(self, service: str, route: str, who: str | None) -> int:
        """The status alone: of the stream, nothing is read."""
        method, _, path = route.format(**self.names).partition(" ")
        run = self.county.system.run
        headers = {"content-type": "application/json", "idempotency-key": "who", "accept": "application/json"}
        if who is not None:
            headers["authorization"] = f"Bearer {run['admin_key'] if who == 'admin' else self.county.system.keys[who]}"
        body = self._body(route)
        host = urllib.parse.urlsplit(run["services"][service]).netloc
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            connection.request(method, path, body, headers | ({"content-type": "image/png"} if body == PNG else {}))
            return connection.getresponse().status
        finally:
            connection.close()

    def _body(self, route: str) -> bytes | None:
        if route == "POST /v1/evidence":
            return PNG
        bodies: dict[str, Any] = {
            "POST /v1/keys": {"role": "enterprise", "scope": {"enterprises": [self.names["enterprise"]]}},
            "POST /v1/alerts/{alert}/ack": {"note": "x", "promise_by": None},
            "POST /v1/alerts/{alert}/close": {"reason": "put right on site"},
            "POST /v1/alerts/{alert}/reopen": {"reason": "seen again"},
            "PUT /v1/silences/s1": silence("linzi"),
            "POST /v1/contacts/test": {"authority_id": "county-linzi", "contact_id": "county-linzi-hook"},
            "POST /v1/evaluations": {"round_id": ROUND, "unit_id": "linzi"},
        }
        return json.dumps(bodies.get(route, {})).encode() if not route.startswith("GET") else None


def silence(unit: str) -> Any:
    return {"unit_id": unit, "matcher": {}, "reason": "maintenance", "to": "2023-02-25T00:00:00+08:00"}


@pytest.fixture(scope="module")
def ground(county: County) -> Ground:
    system, enterprise = county.system, county.enterprises[7]
    issue(county, "prefecture", authority="prefecture-3703")
    issue(county, "province", authority="province-37")
    issue(county, "viewer", units=["linzi"])
    system.keys["enterprise"] = system.keys[enterprise]
    strangers(county)
    file = system.call("POST", "intake", "/v1/evidence", enterprise, PNG, content_type="image/png").json["id"]
    answers = results("3")
    answers[2]["evidence"] = [file]
    taken = system.submit("/v1/inspections", enterprise, county.inspection(enterprise, results=answers)).json
    finding = taken["findings"][0]["finding_id"]

    def alert() -> Any:
        listed = system.ok("GET", "notify", "/v1/alerts?limit=500", "county")["items"]
        return next((each["id"] for each in listed if each["facts"].get("finding_id") == finding), None)

    def delivery() -> Any:
        listed = system.ok("GET", "notify", f"/v1/deliveries?alert_id={eventually(alert)}", "county")["items"]
        return listed and listed[0]["id"]

    told = {"alert": eventually(alert, what="the alert"), "delivery": eventually(delivery, what="its message")}
    system.ok("PUT", "notify", "/v1/silences/s1", "county", silence("linzi"))
    wanted = {"round_id": ROUND, "unit_id": "linzi"}
    frozen = eventually(lambda: frozen_by(county, wanted), what="an evaluation")
    names = {"enterprise": enterprise, "submission": taken["submission_id"], "evidence": file, "evaluation": frozen}
    return Ground(county, names | told)


def frozen_by(county: County, wanted: Any) -> str | None:
    answer = county.system.call("POST", "reporting", "/v1/evaluations", "national", wanted)
    return answer.json["evaluation_id"] if answer.status == 201 else None


def issue(county: County, name: str, role: str | None = None, **scope: Any) -> None:
    wanted = {"role": role or name, "scope": scope, "label": name}
    county.system.keys[name] = county.system.ok("POST", "intake", "/v1/keys", "admin", wanted)["key"]


def strangers(county: County) -> None:
    """Another county with everything of its own, and a key for each of its roles."""
    put, code = county.system.ok, make_uscc("110111", 1)
    registry = "/v1/registry"
    put("PUT", "intake", f"{registry}/authorities/province-11", "admin", {"name": "p", "tier": "province"})
    away = {"name": "c", "tier": "county", "parent": "province-11"}
    put("PUT", "intake", f"{registry}/authorities/county-away", "admin", away)
    unit = {"name": "away", "kind": "district", "authority": "county-away"}
    put("PUT", "intake", f"{registry}/units/away", "admin", unit)
    put("PUT", "intake", f"{registry}/enterprises/{code}", "admin", {"name": "e", "unit_id": "away"})
    put("PUT", "intake", f"{registry}/teams/team-away", "admin", {"name": "t", "units": ["away"]})
    issue(county, "away-province", "province", authority="province-11")
    issue(county, "away-county", "county", authority="county-away")
    issue(county, "away-expert", "expert", team="team-away")
    issue(county, "away-enterprise", "enterprise", enterprises=[code])
    issue(county, "away-viewer", "viewer", units=["away"])


def described(county: County, service: str) -> set[str]:
    document = call("GET", f"{county.system.run['services'][service]}/openapi.json").json
    return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}


def matches(route: str, template: str) -> bool:
    pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, route.partition("?")[0]) is not None


@pytest.mark.parametrize("service", TABLE)
def test_no_route_is_missing_from_the_table(county: County, service: str) -> None:
    missing = {
        template
        for template in described(county, service) - PUBLIC
        if not any(matches(route, template) for route in TABLE[service])
    }
    assert missing == set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("service", TABLE)
def test_each_role_does_what_the_table_says_and_nothing_else(ground: Ground, service: str, role: str) -> None:
    place = ROLES.index(role)
    told = {route: ground.status(service, route, role) for route in TABLE[service]}
    wrong = {
        route: (status, TABLE[service][route][place])
        for route, status in told.items()
        if outcome(status) != TABLE[service][route][place]
    }
    assert wrong == {}


def outcome(status: int) -> str:
    """How a status reads in the table; ? for what is never right."""
    if status in (403, 404):
        return "n" if status == 403 else "h"
    return "y" if status < 500 and status != 401 else "?"


@pytest.mark.parametrize("service", TABLE)
def test_without_a_key_nothing_but_the_public_is_answered(ground: Ground, service: str) -> None:
    told = {route: ground.status(service, route, None) for route in TABLE[service]}
    assert {route for route, status in told.items() if status != 401} == set()


NAMING = ("{submission}", "{enterprise}", "{evidence}", "{alert}", "{delivery}", "{evaluation}", "linzi", "s1")
AWAY = ("province", "county", "expert", "enterprise", "viewer")


@pytest.mark.parametrize("role", AWAY)
@pytest.mark.parametrize("service", TABLE)
def test_what_is_not_theirs_reads_as_missing(ground: Ground, service: str, role: str) -> None:
    place = ROLES.index(role)
    theirs = {
        route: ground.status(service, route, f"away-{role}")
        for route, row in TABLE[service].items()
        if row[place] in "yh"
        and any(name in route for name in NAMING)
        and not route.startswith(("PUT /v1/registry", "POST /v1/contacts"))
    }
    assert {route: status for route, status in theirs.items() if status != 404} == {}


READABLE = {"intake": "/v1/checklists", "notify": "/v1/alerts", "reporting": "/v1/units"}
COUNTS_WITHIN_S = 1.0


def test_a_key_counts_and_once_revoked_counts_no_more_on_every_service_within_a_second(county: County) -> None:
    system = county.system
    wanted = {"role": "viewer", "scope": {"units": [county.unit]}, "label": "short-lived"}
    issued = system.ok("POST", "intake", "/v1/keys", "admin", wanted)
    system.keys["short-lived"] = issued["key"]

    def told() -> set[int]:
        return {system.call("GET", service, path, "short-lived").status for service, path in READABLE.items()}

    eventually(lambda: told() == {200}, COUNTS_WITHIN_S, "the new key on every service", every=0.02)
    system.ok("DELETE", "intake", f"/v1/keys/{issued['key_id']}", "admin")
    eventually(lambda: told() == {401}, COUNTS_WITHIN_S, "the revoked key on no service", every=0.02)
