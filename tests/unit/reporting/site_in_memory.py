"""Reporting's app over read models in memory, and the headers of each role. For tests and the benchmark."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI

import services.reporting.pages
from services.reporting.api import routes
from services.reporting.bus_view import BusView, QuietBus
from services.reporting.changes import ChangeFeed
from services.reporting.documents import ReadModels
from services.reporting.freezing import Freezer
from services.reporting.generations import rebuild
from services.reporting.pages.routes import page_routes
from services.reporting.pages.site import Site
from services.reporting.parts import Parts
from services.reporting.queries import Reads
from services.reporting.render.files import Renderings
from services.reporting.render.pdf_file import PdfRenderer
from services.reporting.stores.memory import MemoryEvaluations, MemoryGenerations, MemoryReadModels
from services.reporting.suggestions import load_suggestions
from shared.health import Health
from shared.http.app import create_app
from shared.http.auth import Authenticator, hash_key
from shared.registry import Registry
from shared.rulesets import load
from shared.settings import Settings
from shared.telemetry import Metrics
from shared.web.pages import Pages
from tests.unit.reporting.registered import ADMIN, KEYS

NOW = datetime(2023, 7, 1, tzinfo=UTC)


def now() -> datetime:
    return NOW


def app_of(models: ReadModels, known: Registry, bus: BusView | None = None) -> FastAPI:
    """The whole app, its stores in memory."""
    evaluations, generations, health = MemoryEvaluations(), MemoryGenerations(), Health()

    async def ask() -> Any:
        return await rebuild(generations, lambda _: MemoryReadModels())

    parts = Parts(
        Reads(models, known),
        evaluations,
        Freezer(models, evaluations, known, load(), load_suggestions(), now),
        Renderings(evaluations, PdfRenderer()),
        ChangeFeed(models),
        generations,
        ask,
    )
    pages = Pages(
        Path(services.reporting.pages.__file__).parent, Settings(kafka_bootstrap="x:1", mongo_uri="mongodb://x"), now
    )
    site = Site(parts, pages, ZoneInfo("Asia/Shanghai"), health, bus or QuietBus())
    auth = Authenticator(known, hash_key(ADMIN), b"secret" * 8, now)
    routers = [*routes(parts), *page_routes(site)]
    app = create_app(service="reporting", title="t", health=health, metrics=Metrics(), auth=auth, routers=routers)
    pages.install(app)
    return app


def signed(role: str | None) -> dict[str, str]:
    key = ADMIN if role == "admin" else KEYS.get(role or "", "")
    return {"authorization": f"Bearer {key}"} if key else {}
