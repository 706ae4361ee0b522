"""Builds the reporting service: the only place that constructs its adapters."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.reporting.api import routes
from services.reporting.bus_reader import KafkaBusView
from services.reporting.changes import ChangeFeed
from services.reporting.freezing import Freezer
from services.reporting.generations import Live, Projector, rebuild
from services.reporting.handlers import BATCH, REBUILD_BATCH, on_events
from services.reporting.pages.routes import page_routes
from services.reporting.pages.site import Site
from services.reporting.parts import Parts
from services.reporting.queries import Reads
from services.reporting.render.files import LARGEST, Renderings
from services.reporting.render.pdf_file import PdfRenderer
from services.reporting.settings import ReportingSettings
from services.reporting.stores.mongo import MongoEvaluations, MongoGenerations, MongoReadModels
from services.reporting.suggestions import load_suggestions
from shared import mongo
from shared.clock import clock
from shared.consume import Consuming
from shared.errors import Unavailable
from shared.health import Health
from shared.http import oidc
from shared.http.app import create_app
from shared.http.auth import Authenticator
from shared.http.limiting import RateLimit
from shared.http.serve import HttpServer, Part, run_until_stopped
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.registry import Registry, RegistryFeed
from shared.rulesets import load
from shared.telemetry import Metrics, configure_logging, configure_tracing
from shared.web.pages import Pages

TOPICS = ("inspections.v1", "risk.v1", "hazards.v1", "alerts.v1")
PACKAGE = Path(__file__).parent / "pages"
RETRY_S = 1.0


class Projection:
    """Keeps a generation of read models in step with the topics, from the offset its consumer group has reached."""

    def __init__(
        self,
        settings: ReportingSettings,
        models: MongoReadModels,
        metrics: Metrics,
        health: Health,
        rebuilding: bool = False,
    ) -> None:
        self.models = models
        self._publisher = KafkaPublisher(settings)
        self._stopping = asyncio.Event()
        self.consuming = Consuming(
            f"reporting-g{models.generation}",
            KafkaConsumer(settings, TOPICS, f"reporting-g{models.generation}"),
            self._publisher,
            partial(on_events, models),
            metrics=metrics,
            health=health,
            max_records=REBUILD_BATCH if rebuilding else BATCH,
        )

    async def run(self) -> None:
        """Until `stop`; a store that is away at the start is waited for."""
        while not self._stopping.is_set():
            try:
                await self.models.prepare()
                break
            except Unavailable:
                await asyncio.sleep(RETRY_S)
        await self._publisher.start()
        try:
            await self.consuming.run()
        finally:
            await self._publisher.stop()

    async def stop(self) -> None:
        self._stopping.set()
        await self.consuming.stop()


class ReportingService:
    """The service's app and the parts that run beside it."""

    def __init__(self, app: FastAPI, settings: ReportingSettings, parts: list[Part], database: mongo.Database) -> None:
        self.app = app
        self._database = database
        self.parts: list[Part] = [*parts, HttpServer(app, settings)]

    async def run(self) -> None:
        """Until SIGTERM or Ctrl-C."""
        try:
            await run_until_stopped(self.parts)
        finally:
            await self._database.close()


def _ending(pdf: PdfRenderer) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        pdf.stop()

    return lifespan


def build(settings: ReportingSettings) -> ReportingService:
    """The service from its settings; connects to nothing before it runs."""
    configure_logging("reporting", settings)
    configure_tracing("reporting", settings)
    metrics, health, now = Metrics(), Health(), clock(settings)
    database = mongo.connect(settings, "reporting")
    models_of = lru_cache(partial(MongoReadModels, database))
    live, evaluations, generations = Live(), MongoEvaluations(database), MongoGenerations(database)
    projector = Projector(
        generations,
        live,
        models_of,
        lambda number, rebuilding: Projection(settings, models_of(number), metrics, health, rebuilding),
    )
    registry = Registry()
    registry_feed = RegistryFeed(KafkaConsumer(settings, ["registry.v1"], None), registry)
    changes, pdf = ChangeFeed(live), PdfRenderer()
    rule_sets, zone = load(settings.rulesets_dir), settings.timezone
    freezer = Freezer(live, evaluations, registry, rule_sets, load_suggestions(), now, timezone=zone)
    parts = Parts(
        Reads(live, registry),
        evaluations,
        freezer,
        Renderings(evaluations, pdf),
        changes,
        generations,
        partial(rebuild, generations, models_of),
    )
    auth = Authenticator(
        registry,
        settings.admin_key_sha256,
        settings.session_secret_file.read_bytes(),
        now,
        oidc.tokens(settings),
        RateLimit(settings.requests_per_minute),
    )
    health.add("store", mongo.check(database))
    health.add("registry", registry_feed.check)
    health.add("read models", live.check)
    pages = Pages(PACKAGE, settings, now)
    site = Site(parts, pages, ZoneInfo(settings.timezone), health, KafkaBusView(settings))
    routers = [*routes(parts), *page_routes(site)]
    title = "Key County: reporting"
    app = create_app(
        service="reporting",
        title=title,
        health=health,
        metrics=metrics,
        auth=auth,
        routers=routers,
        lifespan=_ending(pdf),
        large={"/v1/evaluations/verify": LARGEST},
    )
    pages.install(app)
    return ReportingService(app, settings, [projector, registry_feed, changes], database)
