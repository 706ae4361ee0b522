"""What scoring answers over HTTP, on faust's web server: health, metrics, and the description of both. Added by
wiring."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from services.scoring.stream import Scorer
from shared.clock import Clock
from shared.health import Health
from shared.telemetry import Metrics, lag_gauge

View = Callable[[Any, Any], Awaitable[Any]]
TEXT = "text/plain; version=0.0.4; charset=utf-8"
ROUTES = {
    "/health/live": "200 while the worker moves, 503 when it is behind and nothing has moved for a while",
    "/health/ready": "200 once every assigned partition is prepared, else 503 with the failing part named",
    "/metrics": "metrics in Prometheus' text format",
    "/openapi.json": "this description",
}


class Pages:
    """The four routes. `stalled_s`: how long nothing may move before the process counts as dead; `now`: the machine's
    clock, by which the broker stamps records.
    """

    def __init__(self, scorer: Scorer, health: Health, metrics: Metrics, stalled_s: float, now: Clock) -> None:
        self._scorer = scorer
        self._health = health
        self._metrics = metrics
        self._stalled_s = stalled_s
        self._now = now
        self._folded = metrics.gauge("keycounty_scoring_folded", "Records folded since the start of the process.")
        self._dead = metrics.gauge("keycounty_scoring_dead_lettered", "Records put away since the process began.")
        self._lag = metrics.gauge("keycounty_scoring_lag", "Records not folded yet, by partition.", ("partition",))
        self._lag_s = lag_gauge(metrics).labels("scoring")
        self._stalled = metrics.gauge(
            "keycounty_scoring_stalled_seconds", "For how long nothing has moved that should."
        )

    def add_to(self, app: Any) -> None:
        """Registers the routes with a faust app."""
        views: dict[str, View] = {
            "/health/live": self.live,
            "/health/ready": self.ready,
            "/metrics": self.metrics,
            "/openapi.json": self.openapi,
        }
        for path, view in views.items():
            app.page(path, name=path.strip("/").replace("/", "_"))(_handler(view))

    async def live(self, web: Any, _request: Any) -> Any:
        still = self._scorer.stalled_s()
        if still <= self._stalled_s:
            return web.json({"status": "live"})
        return web.json({"status": "stalled", "stalled_s": round(still)}, status=503)

    async def ready(self, web: Any, _request: Any) -> Any:
        parts = await self._health.report()
        wrong = {name: text for name, text in parts.items() if text is not None}
        body = {"status": "not ready" if wrong else "ready", "parts": parts, "failing": wrong}
        return web.json(body, status=503 if wrong else 200)

    async def metrics(self, web: Any, _request: Any) -> Any:
        self._folded.set(self._scorer.folded)
        self._dead.set(self._scorer.dead_lettered)
        self._stalled.set(self._scorer.stalled_s())
        self._lag_s.set(self._scorer.lag_s(self._now().timestamp() * 1000))
        self._lag.clear()
        for partition, lag in self._scorer.lag().items():
            self._lag.labels(str(partition)).set(lag)
        return web.bytes(self._metrics.render(), headers={"content-type": TEXT})

    async def openapi(self, web: Any, _request: Any) -> Any:
        return web.bytes(json.dumps(description()).encode(), content_type="application/json")


def description() -> dict[str, Any]:
    """OpenAPI 3.1 of the four routes."""
    paths = {
        path: {"get": {"summary": text, "responses": {"200": {"description": "OK"}, "503": {"description": "Not now"}}}}
        for path, text in ROUTES.items()
    }
    return {"openapi": "3.1.0", "info": {"title": "Key County scoring", "version": "1"}, "paths": paths}


def _handler(view: View) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handle(web: Any, request: Any) -> Any:
        return await view(web, request)

    return handle
