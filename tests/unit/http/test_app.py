"""The app factory: health, problems, correlation id, security headers, sign-in."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel

from shared.errors import Unavailable
from shared.events.registry import RegistryPut
from shared.health import Health
from shared.http.app import SUBMISSION_LIMIT, create_app
from shared.http.auth import Access, Authenticator, Current, hash_key
from shared.http.limiting import RateLimit
from shared.http.permissions import Action
from shared.http.problems import unavailable
from shared.registry import Registry
from shared.settings import Settings
from shared.telemetry import Metrics, configure_logging
from shared.web.pages import Pages, page_access

NOW = datetime(2023, 2, 20, 9, tzinfo=UTC)
PER_MINUTE = 5
SETTINGS = Settings(kafka_bootstrap="x:1", mongo_uri="mongodb://x", port=0)


class Body(BaseModel):
    count: int
    name: str


def routes(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/mine")
    def mine(access: Current) -> dict[str, str]:
        access.require(Action.READ_RISK, "linzi")
        return {"key": access.principal.key_id}

    @router.post("/v1/things")
    def things(body: Body, limit: Annotated[int, Query(ge=1)] = 1) -> Body:
        return body

    @router.post("/v1/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.post("/v1/batch")
    async def batch(request: Request) -> int:
        return len(await request.body())

    @router.get("/v1/away")
    def away() -> None:
        raise Unavailable("store", "nobody answers", 3)

    @router.get("/v1/bug")
    def bug() -> None:
        raise RuntimeError("the secret inside")

    @router.get("/away")
    def page_away() -> None:
        raise Unavailable("store", "nobody answers", 3)

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret inside")

    @router.get("/page")
    def page(request: Request, access: Annotated[Access, Depends(page_access)]) -> Any:
        return pages.render(request, "problem.html", 404, problem=None, status=404)

    return router


@pytest.fixture
def app() -> FastAPI:
    registry = Registry()
    object_ = {"sha256": hash_key("good"), "role": "viewer", "units": ["linzi"], "label": "<b>duty</b>"}
    registry.apply(RegistryPut(kind="keys", id="k1", revision=1, object=object_, updated_at=NOW))
    pages = Pages(Path(__file__).parent, SETTINGS, lambda: NOW)
    health = Health()

    async def broken() -> str | None:
        return "the broker does not answer"

    health.add("broker", broken)
    auth = Authenticator(registry, None, b"s" * 32, lambda: NOW, limit=RateLimit(PER_MINUTE))
    made = create_app(
        service="reporting",
        title="Test",
        health=health,
        metrics=Metrics(),
        auth=auth,
        routers=[routes(pages)],
        large={"/v1/batch": 4 * SUBMISSION_LIMIT},
    )
    pages.install(made)
    return made


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://site")


SIGNED = {"authorization": "Bearer good"}


async def test_readiness_names_the_failing_part(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["failing"] == {"broker": "the broker does not answer"}
    assert (await client.get("/health/live")).status_code == 200


async def test_every_answer_has_the_callers_correlation_id_and_the_security_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/mine", headers=SIGNED | {"x-correlation-id": "from-me"})
    assert answer.json() == {"key": "k1"}
    assert answer.headers["x-correlation-id"] == "from-me"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_correlation_id_that_could_forge_a_log_line_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/health/live", headers={"x-correlation-id": "a b;c"})
    assert answer.headers["x-correlation-id"] != "a b;c"


@pytest.mark.parametrize(
    ("make", "status", "code"),
    [
        (lambda c: c.get("/v1/mine"), 401, "not_signed_in"),
        (lambda c: c.get("/v1/mine", headers={"authorization": "Bearer bad"}), 401, "not_signed_in"),
        (lambda c: c.get("/v1/nowhere"), 404, "not_found"),
        (lambda c: c.delete("/v1/mine"), 405, "method_not_allowed"),
        (lambda c: c.get("/v1/away"), 503, "store_unavailable"),
        (lambda c: c.post("/v1/raw", content=b"x" * (SUBMISSION_LIMIT + 1)), 413, "too_large"),
    ],
)
async def test_each_refusal_is_a_problem(
    client: httpx.AsyncClient, make: Callable[[httpx.AsyncClient], Any], status: int, code: str
) -> None:
    answer = await make(client)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:keycounty:problem:{code}"


async def test_a_store_that_is_away_says_when_to_try_again(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/away")).headers["retry-after"] == "3"


async def test_an_invalid_body_gets_all_errors_with_pointers_and_no_echo(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/things", json={"count": "many secrets"})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/count", "/name"}
    assert "many secrets" not in answer.text


async def test_an_invalid_parameter_or_field_is_said_in_both_languages(client: httpx.AsyncClient) -> None:
    def details(answer: httpx.Response) -> dict[str, str]:
        return {error["pointer"]: error["detail"] for error in answer.json()["errors"]}

    chinese = details(await client.post("/v1/things?limit=0&lang=zh-CN", json={"count": 1}))
    assert chinese == {"query:limit": "不得小于 1。", "/name": "此项必填。"}
    english = details(await client.post("/v1/things?limit=0&lang=en", json={"count": 1}))
    assert english.keys() == chinese.keys()
    assert all(text.isascii() for text in english.values())


@pytest.mark.usefixtures("logging_as_before")
async def test_a_bug_says_nothing_of_the_inside_and_is_logged_under_its_correlation_id(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("reporting", SETTINGS)
    answer = await client.get("/v1/bug", headers={"x-correlation-id": "the-one"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-correlation-id"] == "the-one"
    assert answer.headers["x-content-type-options"] == "nosniff"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    bug = next(line for line in lines if line["event"] == "bug")
    assert (bug["correlation_id"], bug["route"]) == ("the-one", "/v1/bug")
    assert "RuntimeError" in bug["exception"]


async def test_a_requests_time_is_kept_by_its_declared_path_and_status(app: FastAPI, client: httpx.AsyncClient) -> None:
    await client.get("/v1/mine", headers=SIGNED)
    await client.get("/v1/nowhere/at/all")
    await client.request("BREW", "/v1/mine")
    shown = (await client.get("/metrics")).text
    assert 'keycounty_http_request_seconds_count{method="GET",route="/v1/mine",status="200"} 1.0' in shown
    assert 'keycounty_http_request_seconds_count{method="GET",route="other",status="404"} 1.0' in shown
    assert "nowhere" not in shown
    assert "BREW" not in shown


async def test_a_store_that_is_away_behind_a_page_is_a_page_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/away?lang=en", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "The store is away" in answer.text
    chinese = await client.get("/away?lang=zh-CN", headers={"accept": "text/html"})
    assert "存储暂不可用" in chinese.text
    assert "The store" not in chinese.text


@pytest.mark.parametrize(("part", "status", "code"), [("store", 503, "store_unavailable"), ("disk", 507, "disk_full")])
async def test_what_is_away_is_said_in_both_languages(part: str, status: int, code: str) -> None:
    problem = unavailable(Unavailable(part, "inside", 2))
    assert (problem.status, problem.code, problem.headers["Retry-After"]) == (status, code, "2")
    english, chinese = (problem.document("/x", language) for language in ("en", "zh-CN"))
    assert english["detail"].isascii()
    assert not chinese["detail"].isascii()
    assert (english["title"] == "Store is full") == (chinese["title"] == "存储空间已满") == (status == 507)


async def test_a_bug_behind_a_page_is_a_page_too(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken?lang=en", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert "This did not work" in answer.text
    assert "secret" not in answer.text


async def test_the_limit_counts_bytes_that_no_header_declares(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(SUBMISSION_LIMIT // 65536 + 2):
            yield b"x" * 65536

    assert (await client.post("/v1/raw", content=chunks())).status_code == 413


async def test_a_batch_may_be_larger(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/batch", content=b"x" * (SUBMISSION_LIMIT + 1))
    assert answer.json() == SUBMISSION_LIMIT + 1


async def test_a_page_without_a_session_leads_to_sign_in_and_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/page?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/page%3Fx%3D1"
    signed = await client.post("/login", data={"key": "good", "next": "/page?x=1"})
    assert signed.headers["location"] == "/page?x=1"
    assert "HttpOnly" in signed.headers["set-cookie"]
    page = await client.get("/page")
    assert page.status_code == 404
    assert "&lt;b&gt;duty&lt;/b&gt;" in page.text


async def test_a_wrong_key_stays_on_the_sign_in_page_and_is_not_echoed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/login?lang=en", data={"key": "kc_wrong", "next": "/"})
    assert answer.status_code == 401
    assert "unknown or revoked" in answer.text
    assert "kc_wrong" not in answer.text


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example"])
async def test_sign_in_never_leads_to_another_site(client: httpx.AsyncClient, target: str) -> None:
    assert (await client.post("/login", data={"key": "good", "next": target})).headers["location"] == "/"


async def test_a_session_cannot_be_used_from_another_sites_page(client: httpx.AsyncClient) -> None:
    await client.post("/login", data={"key": "good"})
    assert (await client.get("/v1/mine")).status_code == 200
    refused = await client.post("/logout", headers={"origin": "http://evil.example"})
    assert refused.status_code == 303, "signing out is harmless"


@pytest.mark.parametrize(("lang", "text"), [("en", "Sign in with the API key"), ("zh-CN", "请使用")])
async def test_the_sign_in_page_speaks_both_languages(client: httpx.AsyncClient, lang: str, text: str) -> None:
    answer = await client.get(f"/login?lang={lang}")
    assert text in answer.text
    assert f'<html lang="{lang}">' in answer.text


@pytest.mark.parametrize("path", ["/v1/mine", "/page"])
async def test_a_key_over_its_rate_is_told_when_to_come_back(client: httpx.AsyncClient, path: str) -> None:
    statuses = [(await client.get(path, headers=SIGNED)).status_code for _ in range(PER_MINUTE)]
    assert 429 not in statuses
    refused = await client.get(path, headers=SIGNED)
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:keycounty:problem:too_many_requests")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await client.get("/health/live", headers=SIGNED)).status_code == 200
