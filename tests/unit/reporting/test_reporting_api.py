"""The routes over read models in memory: what is answered, and that nobody sees what is not theirs."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from services.reporting.changes import encode, parse
from services.reporting.handlers import on_events
from services.reporting.stores.memory import MemoryReadModels
from tests.unit.reporting.folded import batches, folded
from tests.unit.reporting.registered import UNITS, registry
from tests.unit.reporting.site_in_memory import app_of, signed

WORLD = folded(units=3, enterprises=4, rounds=2)
OWNED = {
    (event.data.enterprise_id, event.key) for _, event in WORLD.deliveries if getattr(event.data, "enterprise_id", None)
}
OWN = min(name for name, unit in OWNED if unit == "unit-01")
OTHER = min(name for name, unit in OWNED if unit == "unit-02")


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return asyncio.run(build_app())


async def build_app() -> FastAPI:
    models = MemoryReadModels()
    for batch in batches(WORLD):
        await on_events(models, batch)
    return app_of(models, registry(OWNED, accepted=10))


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as found:
        yield found


# What each role is answered: county, expert and enterprise are those of unit-01, the viewer that of unit-02.
ROLES = ("national", "county", "viewer", "enterprise", "expert", "admin")
ANSWERS = {
    "/v1/units": (200, 200, 200, 200, 200, 403),
    "/v1/units/unit-01/risk": (200, 200, 404, 404, 200, 403),
    "/v1/units/unit-02/risk": (200, 404, 200, 404, 404, 403),
    "/v1/units/unit-01/risk/explain": (200, 200, 404, 404, 200, 403),
    "/v1/units/unit-02/findings": (200, 404, 403, 404, 404, 403),
    "/v1/units/unit-01/findings": (200, 200, 403, 404, 200, 403),
    f"/v1/enterprises/{OWN}": (200, 200, 404, 200, 200, 403),
    f"/v1/enterprises/{OTHER}": (200, 404, 200, 404, 404, 403),
    f"/v1/enterprises/{OWN}/findings": (200, 200, 403, 200, 200, 403),
    "/v1/rounds/2023-1": (200, 200, 200, 200, 200, 403),
    "/v1/rounds/2023-1/indicators": (200, 200, 200, 200, 200, 403),
    "/v1/completeness": (200, 403, 403, 403, 403, 200),
    "/v1/rebuilds": (403, 403, 403, 403, 403, 200),
    "/units/unit-01": (200, 200, 404, 404, 200, 403),
    "/units/unit-02": (200, 404, 200, 404, 404, 403),
    f"/enterprises/{OWN}": (200, 200, 404, 200, 200, 403),
    f"/enterprises/{OTHER}": (200, 404, 200, 404, 404, 403),
    "/rounds/2023-1": (200, 200, 200, 200, 200, 403),
    "/operations": (403, 403, 403, 403, 403, 200),
    "/": (200, 200, 200, 200, 200, 303),
}


@pytest.mark.parametrize(("path", "role"), [(path, role) for path in ANSWERS for role in ROLES])
async def test_every_route_and_page_keeps_to_the_callers_scope(http: httpx.AsyncClient, path: str, role: str) -> None:
    answer = await http.get(path, headers=signed(role))
    assert answer.status_code == ANSWERS[path][ROLES.index(role)], answer.text[:300]


def test_every_route_is_in_the_scope_table(app: FastAPI) -> None:
    known = {path.split("/")[1:3][-1] for path in ANSWERS} | {"evaluations", "stream", "login", "logout"}
    paths = [route.path for route in app.routes if hasattr(route, "path")]
    ours = {path for path in paths if not path.startswith(("/health", "/metrics", "/openapi", "/static"))}
    assert {path for path in ours if path != "/" and not set(path.split("/")) & known} == set()


async def test_without_a_key_the_api_answers_401_and_a_page_leads_to_sign_in(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/units")).status_code == 401
    answer = await http.get("/units/unit-01")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/units/unit-01")


async def test_a_unit_list_holds_only_the_callers_units(http: httpx.AsyncClient) -> None:
    async def names(role: str) -> list[str]:
        return [row["unit_id"] for row in (await http.get("/v1/units", headers=signed(role))).json()["items"]]

    assert await names("national") == list(UNITS)
    assert await names("county") == ["unit-01"]
    assert await names("viewer") == ["unit-02"]
    assert await names("enterprise") == []


async def test_lists_go_on_where_they_stopped(http: httpx.AsyncClient) -> None:
    whole = (await http.get("/v1/units/unit-01/findings?limit=500", headers=signed("county"))).json()["items"]
    found, cursor = [], ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        answer = (await http.get(f"/v1/units/unit-01/findings?limit=7{more}", headers=signed("county"))).json()
        found += answer["items"]
        cursor = answer["next_cursor"]
    assert found == whole
    assert len(whole) > 14


async def test_risk_as_known_at_a_time_stands_beside_what_has_been_corrected_since(http: httpx.AsyncClient) -> None:
    then = "2023-03-20T00:00:00Z"
    answer = (await http.get("/v1/units/unit-01/risk", params={"as_of": then}, headers=signed("county"))).json()
    assert answer["as_of"] <= then
    later = [row for row in answer["corrected_since"] if row["accepted_at"] > then]
    assert later == answer["corrected_since"] != []
    assert answer["corrected"]["log_position"]["offset"] > answer["log_position"]["offset"]


async def test_who_may_not_read_submissions_sees_what_differs_but_not_by_whom(http: httpx.AsyncClient) -> None:
    asked = {"url": "/v1/units/unit-02/risk", "params": {"as_of": "2023-03-20T00:00:00Z"}}
    office, viewer = [(await http.get(**asked, headers=signed(role))).json() for role in ("national", "viewer")]
    assert office["corrected_since"] != []
    assert viewer["corrected_since"] is None
    assert any(row["by"] for row in office["differences"])
    assert [row | {"by": None} for row in office["differences"]] == viewer["differences"] != []
    page = (await http.get("/units/unit-02?as_of=2023-03-20&lang=en", headers=signed("viewer"))).text
    assert "Known then" in page
    assert "Corrections in it" not in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("replaces", "adds to", "came after", "later")), ("zh-CN", ("替代", "补充", "补报", "事后"))],
)
async def test_the_page_of_a_day_names_each_figure_that_differs_and_the_corrections(
    http: httpx.AsyncClient, language: str, words: tuple[str, ...]
) -> None:
    kinds = dict(zip(("superseded", "supplement", "late", "reported_later"), words, strict=True))
    asked = {"as_of": "2023-03-20", "lang": language}
    answer = (
        await http.get("/v1/units/unit-01/risk?as_of=2023-03-20T23:59:59%2B08:00", headers=signed("county"))
    ).json()
    page = (await http.get("/units/unit-01", params=asked, headers=signed("county"))).text
    known = page[page.index('id="known"') :]
    assert known.count("<li>") >= len(answer["corrected_since"]) > 0
    assert all(kinds[row["kind"]] in known for row in answer["corrected_since"])
    index = next(row for row in answer["differences"] if row["figure"] == "index")
    assert f"<td>{index['before']:.1f}</td><td>{index['after']:.1f}</td>" in known


async def test_before_the_first_event_nothing_was_known(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/units/unit-01/risk?as_of=2020-01-01T00:00:00Z", headers=signed("county"))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "moment", ["2023", "1677628800", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2023-03-01", "x"]
)
async def test_a_time_that_is_none_is_named_as_wrong(http: httpx.AsyncClient, moment: str) -> None:
    for path in ("risk", "risk/explain"):
        params = {"as_of": moment}
        answer = await http.get(f"/v1/units/unit-01/{path}", params=params, headers=signed("county"))
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query:as_of")


async def test_explain_names_clauses_causes_and_the_smallest_change(http: httpx.AsyncClient) -> None:
    found = (await http.get("/v1/units/unit-01/risk/explain", headers=signed("county"))).json()
    assert all(row["clause"] for row in found["components"])
    assert found["colour_without_vetoes"] is not None
    assert all(veto["causes"] for veto in found["vetoes"])
    assert isinstance(found["smallest_change"], list)


async def test_only_experts_and_the_national_office_freeze_and_readers_need_the_scope(http: httpx.AsyncClient) -> None:
    body = {"round_id": "2023-2", "unit_id": "unit-01"}
    for role, status in (("county", 403), ("enterprise", 403), ("expert", 201), ("national", 201)):
        answer = await http.post("/v1/evaluations", json=body, headers=signed(role))
        assert answer.status_code == status, (role, answer.text)
    name = answer.json()["evaluation_id"]
    for role, status in (("county", 200), ("viewer", 404), ("enterprise", 404), ("national", 200)):
        assert (await http.get(f"/v1/evaluations/{name}", headers=signed(role))).status_code == status
        assert (await http.get(f"/evaluations/{name}", headers=signed(role))).status_code == status
    assert (
        await http.post("/v1/evaluations", json=body | {"unit_id": None}, headers=signed("expert"))
    ).status_code == 404
    assert (await http.post("/v1/evaluations", json={"round": 1}, headers=signed("national"))).status_code == 422
    other = await http.post("/v1/evaluations", json=body | {"unit_id": "unit-02"}, headers=signed("expert"))
    assert other.status_code == 404


async def test_an_evaluation_is_read_in_four_formats_and_verified(http: httpx.AsyncClient) -> None:
    body = {"round_id": "2023-2", "unit_id": "unit-01"}
    name = (await http.post("/v1/evaluations", json=body, headers=signed("national"))).json()["evaluation_id"]
    for form in ("json", "csv", "xlsx"):
        file = await http.get(f"/v1/evaluations/{name}.{form}", headers=signed("county"))
        assert f"evaluation-{name}.{form}" in file.headers["content-disposition"]
        sent = await http.post("/v1/evaluations/verify", content=file.content, headers=signed("county"))
        assert sent.json()["genuine"] is True
        form_sent = await http.post("/v1/evaluations/verify", files={"file": file.content}, headers=signed("county"))
        assert form_sent.json()["genuine"] is True
    assert (await http.get(f"/v1/evaluations/{name}.exe", headers=signed("county"))).status_code == 404


async def test_the_figure_on_the_page_is_the_figure_of_the_api_and_of_the_report(http: httpx.AsyncClient) -> None:
    risk = (await http.get("/v1/units/unit-01/risk", headers=signed("national"))).json()
    page = (await http.get("/units/unit-01?lang=en", headers=signed("national") | {"accept": "text/html"})).text
    body = {"round_id": risk["round_id"], "unit_id": "unit-01"}
    report = (await http.post("/v1/evaluations", json=body, headers=signed("national"))).json()
    rates = (await http.get(f"/v1/rounds/{risk['round_id']}/indicators", headers=signed("national"))).json()
    assert f"{risk['index']:.1f}" in page
    assert report["index"] == risk["index"]
    shown = {row["id"]: row for row in rates["units"]["unit-01"]}
    assert shown == {row["id"]: row for row in report["rates"]}
    by_id = {row["id"]: row for row in risk["components"]}
    rectification = next(row for row in report["rates"] if row["id"] == "rectification")
    assert rectification["share"] == by_id["rectification"]["score"]


async def test_no_page_asks_another_host_or_is_large(http: httpx.AsyncClient) -> None:
    for path in ("/", "/units/unit-01", f"/enterprises/{OWN}", "/rounds/2023-1?unit=unit-01"):
        page = await http.get(path, headers=signed("national"))
        assert len(page.content) < 100_000
        assert 'src="http' not in page.text
        assert " style=" not in page.text


def test_a_resume_position_survives_its_text() -> None:
    vector = {"risk.v1:3": 1042, "alerts.v1:0": 7}
    assert parse(encode(vector)) == vector
    assert parse("nonsense.r-1.rx-2") == {}
