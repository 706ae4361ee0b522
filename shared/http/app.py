"""The app factory of the three HTTP services: health, metrics, problem details, correlation id, security headers."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.health import Health
from shared.http import problems
from shared.http.answering import handle_errors
from shared.http.auth import Authenticator
from shared.http.correlation import HEADER, correlation_of
from shared.telemetry import Metrics, correlation_id, log, span, traceparent

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
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


class Edge:
    """ASGI wrapper around all of an app: correlation id in and out, security headers, the size limit of a body,
    the request's log line and its time. A bug is logged here, under the request's correlation id.
    """

    def __init__(self, app: ASGIApp, large: Mapping[str, int], metrics: Metrics) -> None:
        self.app = app
        self.large = large
        self.log = log("http")
        self.seconds = metrics.histogram(
            "keycounty_http_request_seconds",
            "From a request to the beginning of its answer.",
            ("method", "route", "status"),
            BUCKETS_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        known = correlation_of(headers.get(HEADER))
        parent = _trace(headers)
        tokens = correlation_id.set(known), traceparent.set(parent)
        try:
            with span(f"http {scope['method']}", parent):
                await self._answer(scope, receive, send, known)
        except Exception:  # a bug ends the request, which was answered with 500, not the service
            self.log.exception("bug", method=scope["method"], route=_route(scope))
        finally:
            correlation_id.reset(tokens[0])
            traceparent.reset(tokens[1])

    async def _answer(self, scope: Scope, receive: Receive, send: Send, known: str) -> None:
        begun = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = known
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                self._note(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        limit = next((size for path, size in self.large.items() if scope["path"].startswith(path)), SUBMISSION_LIMIT)
        if _declared_length(scope) > limit:
            await problems.respond(Request(scope), problems.too_large(limit // 1024))(scope, receive, sending)
            return
        await self.app(scope, _limited(receive, limit), sending)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.seconds.labels(method, _route(scope), status).observe(seconds)
        if not scope["path"].startswith(("/health", "/metrics", "/static", "/ack/")):
            took = round(seconds, 4)
            self.log.info("request", method=scope["method"], path=scope["path"], status=status, seconds=took)


def _route(scope: Scope) -> str:
    """The path as declared: a caller's own could name any number of metrics, or a secret of a link in the log."""
    return getattr(scope.get("route"), "path", "other")


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


class _App(FastAPI):
    """With the edge around everything, the answer to a bug too."""

    def __init__(self, edge: Callable[[ASGIApp], Edge], **options: Any) -> None:
        super().__init__(**options)
        self._edge = edge

    def build_middleware_stack(self) -> ASGIApp:
        return self._edge(super().build_middleware_stack())


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
    app = _App(
        partial(Edge, large=large, metrics=metrics),
        title=title,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    app.state.auth = auth
    app.state.service = service
    handle_errors(app)
    _add_health(app, health, metrics)
    for router in routers:
        app.include_router(router)
    return app


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
