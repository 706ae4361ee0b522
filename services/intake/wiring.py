"""The only place that constructs intake's adapters: `build(settings)` for real, `assemble` also for tests in one
process.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.intake.announcer import Announcer
from services.intake.api import audit as audit_routes
from services.intake.api import batches as batch_routes
from services.intake.api import checklists as checklist_routes
from services.intake.api import evidence as evidence_routes
from services.intake.api import keys as key_routes
from services.intake.api import persons as person_routes
from services.intake.api import reads as read_routes
from services.intake.api import receipts as receipt_routes
from services.intake.api import registry as registry_routes
from services.intake.api import submissions as submission_routes
from services.intake.api import templates as template_routes
from services.intake.book import Book
from services.intake.committer import Committer
from services.intake.counting import Counter
from services.intake.handlers import Intake
from services.intake.leases import Leases
from services.intake.metering import IntakeMetrics, metered
from services.intake.outbox import Outbox
from services.intake.pages.routes import Site
from services.intake.ports import EvidenceStore, LeaseStore, RegistryStore, SubmissionStore
from services.intake.republishing import Republishing
from services.intake.sealing import sealer
from services.intake.settings import IntakeSettings, contact_key, signing_keys
from services.intake.stores.accepted import MongoAccepted
from services.intake.stores.mongo import (
    MongoEvidenceStore,
    MongoLeaseStore,
    MongoRegistryStore,
    ensure_indexes,
)
from services.intake.stores.submissions import MongoSubmissionStore
from shared import mongo, rulesets
from shared.bus import Publisher
from shared.clock import Clock, clock
from shared.errors import Unavailable
from shared.health import Health
from shared.http import oidc
from shared.http.app import create_app
from shared.http.auth import Authenticator
from shared.http.limiting import RateLimit
from shared.http.serve import HttpServer, Part, run_until_stopped
from shared.kafka_bus import KafkaPublisher
from shared.receipts import SigningKeys
from shared.registry import Registry
from shared.rulesets import RuleSets
from shared.settings import Settings
from shared.telemetry import Metrics, configure_logging, configure_tracing, log
from shared.web.pages import Pages

PACKAGE = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Adapters:
    """What stands between intake and the world."""

    submissions: SubmissionStore
    changes: RegistryStore
    leases: LeaseStore
    evidence: EvidenceStore
    publisher: Publisher
    now: Clock
    keys: SigningKeys
    rules: RuleSets
    contact_key: bytes
    session_secret: bytes
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


@dataclass(frozen=True, slots=True)
class Assembled:
    """Intake's parts, put together."""

    app: FastAPI
    intake: Intake
    book: Book
    leases: Leases
    outbox: Outbox
    announcer: Announcer
    counter: Counter
    health: Health
    metrics: Metrics


class IntakeService:
    """The running service."""

    def __init__(
        self, settings: IntakeSettings, found: Assembled, adapters: Adapters, database: mongo.Database
    ) -> None:
        self._settings = settings
        self._found = found
        self._adapters = adapters
        self._database = database

    async def run(self) -> None:
        """Serves until a signal; an unexpected error in any part ends the process."""
        await self._store_ready()
        await self._adapters.publisher.start()
        found = self._found
        parts: list[Part] = [
            found.leases,
            found.announcer,
            found.counter,
            found.outbox,
            found.book,
            HttpServer(found.app, self._settings),
        ]
        try:
            await run_until_stopped(parts)
        finally:
            await self._adapters.publisher.stop()
            await self._database.close()

    async def _store_ready(self) -> None:
        while True:
            try:
                await ensure_indexes(self._database)
                return
            except Unavailable as away:
                log("intake").warning("waiting for the store", error=str(away))
                await asyncio.sleep(1.0)


def build(settings: IntakeSettings) -> IntakeService:
    """Intake on the real store and broker."""
    configure_logging("intake", settings)
    configure_tracing("intake", settings)
    database = mongo.connect(settings, "intake")
    adapters = Adapters(
        submissions=MongoSubmissionStore(database),
        changes=MongoRegistryStore(database),
        leases=MongoLeaseStore(database),
        evidence=MongoEvidenceStore(database),
        publisher=KafkaPublisher(settings),
        now=clock(settings),
        keys=signing_keys(settings.signing_key_file),
        rules=rulesets.load(settings.rulesets_dir),
        contact_key=contact_key(settings.contact_key_file),
        session_secret=settings.session_secret_file.read_bytes(),
    )
    found = assemble(settings, adapters)
    found.health.add("store", mongo.check(database))
    return IntakeService(settings, found, adapters, database)


@asynccontextmanager
async def republishing(settings: Settings) -> AsyncGenerator[Republishing]:
    """What puts intake's log on an empty broker again: for `keycounty restore`."""
    async with mongo.connect(settings, "intake") as database:
        stores = MongoAccepted(database), MongoSubmissionStore(database), MongoRegistryStore(database)
        yield Republishing(*stores, KafkaPublisher(settings), ZoneInfo(settings.timezone))


def assemble(settings: IntakeSettings, adapters: Adapters) -> Assembled:
    """The parts on any adapters."""
    zone = ZoneInfo(settings.timezone)
    health, metrics, registry = Health(), Metrics(), Registry()
    told = IntakeMetrics(metrics)
    submissions = metered(adapters.submissions, told)
    leases = Leases(adapters.leases, settings.instance)
    announcer = Announcer(adapters.changes, adapters.publisher, leases, adapters.now, zone)
    book = Book(adapters.changes, registry, adapters.rules.refs(), announcer.changed)
    outbox = Outbox(submissions, adapters.publisher, leases, announcer.cursor, told)
    committer = Committer(submissions, adapters.keys, outbox.stored)
    counter = Counter(submissions, adapters.publisher, leases, outbox, adapters.now, told)
    intake = Intake(
        book=book,
        rules=adapters.rules,
        committer=committer,
        outbox=outbox,
        submissions=submissions,
        evidence=adapters.evidence,
        metrics=told,
        now=adapters.now,
        zone=zone,
        person_key=adapters.contact_key,
    )
    auth = Authenticator(
        registry,
        settings.admin_key_sha256,
        adapters.session_secret,
        adapters.now,
        oidc.tokens(settings),
        RateLimit(settings.requests_per_minute),
    )
    health.add("registry", book.check)
    pages = Pages(PACKAGE, settings, adapters.now)
    app = create_app(
        service="intake",
        title="Key County intake",
        health=health,
        metrics=metrics,
        auth=auth,
        routers=[
            batch_routes.router(intake),
            submission_routes.router(intake),
            read_routes.router(intake),
            checklist_routes.router(adapters.rules),
            template_routes.router(adapters.rules),
            evidence_routes.router(intake),
            audit_routes.router(adapters.changes, submissions),
            registry_routes.router(book, adapters.now, sealer(adapters.contact_key)),
            person_routes.router(intake),
            key_routes.router(book, adapters.now, adapters.random_bytes),
            receipt_routes.router(submissions, adapters.keys),
            Site(intake, pages).router(),
        ],
        large={"/v1/evidence": evidence_routes.LIMIT, **dict.fromkeys(batch_routes.PATHS, batch_routes.LIMIT)},
    )
    pages.install(app)
    return Assembled(app, intake, book, leases, outbox, announcer, counter, health, metrics)
