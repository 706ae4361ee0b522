"""Which page opens for whom, over HTTP: the scope is the API's, and nothing that was entered can run."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.intake_site import ServedIntake, served
from tests.intake_world import E1, FOREIGN, World, inspection

FORM = f"/fill?round_id=2023-1&enterprise_id={E1}&checklist=mhd-2017-121"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
ROLES = (E1, FOREIGN, "county", "other-county", "expert", "national", "viewer", "admin")
TABLE = {
    "/": (200, 200, 200, 200, 200, 200, 200, 200),
    f"/enterprises/{E1}": (200, 404, 200, 404, 200, 200, 403, 403),
    f"/enterprises/{E1}/receipts.ndjson": (200, 404, 200, 404, 200, 200, 403, 403),
    "/enterprises/none": (404, 404, 404, 404, 404, 404, 403, 403),
    FORM: (200, 404, 200, 404, 200, 404, 403, 403),
    FORM.replace("mhd-2017-121", "none"): (404, 404, 404, 404, 404, 404, 403, 403),
    "/rounds/new": (403, 403, 403, 403, 403, 200, 403, 200),
    "/rounds/2023-1": (403, 403, 403, 403, 403, 200, 403, 200),
    "/rounds/2099-1": (403, 403, 403, 403, 403, 404, 403, 404),
    "/rounds/2023-1/units/linzi": (403, 403, 403, 403, 403, 200, 403, 200),
    "/rounds/2023-1/units/none": (403, 403, 403, 403, 403, 404, 403, 404),
    "/keys": (403, 403, 200, 200, 403, 200, 403, 200),
}


async def hostile(world: World) -> None:
    enterprise = {"name": {"zh": HOSTILE}, "unit_id": "linzi", "category": "production"}
    await world.put("enterprises", E1, enterprise)
    body = inspection(E1, findings=("5",))
    body["results"][4] |= {"location": HOSTILE, "description": HOSTILE, "ref": HOSTILE}
    assert (await world.submit("/v1/inspections", E1, body)).status_code == 201
    await world.issue(HOSTILE, "enterprise", enterprises=[E1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedIntake]:
    with served(tmp_path_factory.mktemp("intake"), hostile) as running:
        yield running


@contextmanager
def browser_of(site: ServedIntake, who: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, headers={"accept": "text/html", "accept-language": "en"}) as client:
        assert client.post("/login", data={"key": site.key(who), "next": "/"}).status_code == 303
        yield client


@pytest.mark.parametrize("place", range(len(ROLES)), ids=ROLES)
def test_each_page_opens_for_the_roles_of_the_table(site: ServedIntake, place: int) -> None:
    with browser_of(site, ROLES[place]) as client:
        answers = {path: client.get(path).status_code for path in TABLE}
    assert answers == {path: expected[place] for path, expected in TABLE.items()}


def test_without_a_session_every_page_leads_to_sign_in_and_back(site: ServedIntake) -> None:
    with httpx.Client(base_url=site.url) as client:
        for path in TABLE:
            answer = client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login?next=")


@pytest.mark.parametrize("who", [E1, "county", "national"])
def test_what_was_entered_is_shown_as_text(site: ServedIntake, who: str) -> None:
    with browser_of(site, who) as client:
        for path in ("/", f"/enterprises/{E1}", FORM, "/rounds/2023-1/units/linzi", "/keys"):
            answer = client.get(path)
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text
            if answer.status_code == 200:
                assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_a_county_sees_its_own_enterprises_keys_only(site: ServedIntake) -> None:
    with browser_of(site, "county") as client:
        keys = client.get("/keys").text
        assert E1 in keys
        assert FOREIGN not in keys
        assert FOREIGN not in client.get("/").text


def test_the_list_of_enterprises_can_be_searched(site: ServedIntake) -> None:
    with browser_of(site, "national") as client:
        assert f"/enterprises/{FOREIGN}" in client.get("/", params={"q": FOREIGN[:8].lower()}).text
        assert "No enterprise in your area matches" in client.get("/", params={"q": "zzz"}).text


def test_a_change_by_session_from_another_site_is_refused(site: ServedIntake) -> None:
    with browser_of(site, "national") as client:
        answer = client.post("/v1/keys", json={"role": "viewer"}, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
