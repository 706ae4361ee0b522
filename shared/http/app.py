"""The app factory of the three HTTP services: health, metrics, problem details, correlation id, security headers."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Unavailable
from shared.health import Health
from shared.http import problems
from shared.http.auth import Authenticator
from shared.telemetry import Metrics, correlation_id, log, traceparent

SUBMISSION_LIMIT = 768 * 1024
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    # Not `no-referrer`: with it a browser sends `Origin: null` with a form, and a session's change is refused.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_CORRELATION = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")


class Edge:
    """ASGI wrapper: correlation id in and out, security headers, the size limit of a body, and the request's log
    line.
    """

    def __init__(self, app: ASGIApp, large: Mapping[str, int]) -> None:
        self.app = app
        self.large = large
        self.log = log("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-correlation-id", "")
        known = given if _CORRELATION.match(given) else uuid.uuid4().hex
        tokens = correlation_id.set(known), traceparent.set(_trace(headers))
        try:
            await self._answer(scope, receive, send, known)
        finally:
            correlation_id.reset(tokens[0])
            traceparent.reset(tokens[1])

    async def _answer(self, scope: Scope, receive: Receive, send: Send, known: str) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-correlation-id"] = known
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                self._note(scope, message["status"])
            await send(message)

        limit = next((size for path, size in self.large.items() if scope["path"].startswith(path)), SUBMISSION_LIMIT)
        if _declared_length(scope) > limit:
            await problems.respond(Request(scope), problems.too_large(limit // 1024))(scope, receive, sending)
            return
        await self.app(scope, _limited(receive, limit), sending)

    def _note(self, scope: Scope, status: int) -> None:
        if not scope["path"].startswith(("/health", "/metrics", "/static", "/ack/")):
            self.log.info("request", method=scope["method"], path=scope["path"], status=status)


def _trace(headers: Headers) -> str | None:
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.match(given) else None


def _declared_length(scope: Scope) -> int:
    value = Headers(scope=scope).get("content-length", "0")
    return int(value) if value.isdigit() else 0


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise problems.too_large(limit // 1024)
        return message

    return receiving


def create_app(
    *,
    service: str,
    title: str,
    health: Health,
    metrics: Metrics,
    auth: Authenticator | None,
    routers: Sequence[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
    large: Mapping[str, int] = MappingProxyType({}),
) -> FastAPI:
    """The service's app. `large`: path prefixes whose bodies may have more bytes (batches, evidence), and how many."""
    app = FastAPI(
        title=title, version="1", lifespan=lifespan, docs_url=None, redoc_url=None, swagger_ui_oauth2_redirect_url=None
    )
    app.state.auth = auth
    app.state.service = service
    _handle_errors(app)
    _add_health(app, health, metrics)
    for router in routers:
        app.include_router(router)
    app.add_middleware(Edge, large=large)
    return app


def _handle_errors(app: FastAPI) -> None:
    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(Unavailable, problems.on_unavailable)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(Exception, problems.on_bug)


def _add_health(app: FastAPI, health: Health, metrics: Metrics) -> None:
    async def live() -> dict[str, str]:
        return {"status": "live"}

    async def ready() -> Response:
        parts = await health.report()
        wrong = {name: text for name, text in parts.items() if text is not None}
        return JSONResponse(
            {"status": "not ready" if wrong else "ready", "parts": parts, "failing": wrong}, 503 if wrong else 200
        )

    async def render() -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    routes: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
        ("/health/live", live),
        ("/health/ready", ready),
        ("/metrics", render),
    ]
    for path, answer in routes:
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=path != "/metrics", response_model=None)
