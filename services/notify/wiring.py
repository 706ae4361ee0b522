"""Builds notify: `build(settings)` on the real store and broker, `assemble` on any adapters (tests in one process)."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.notify.api import alerts as alert_routes
from services.notify.api import cap as cap_routes
from services.notify.api import contacts as contact_routes
from services.notify.api import deliveries as delivery_routes
from services.notify.api import silences as silence_routes
from services.notify.channels.bots import bots
from services.notify.channels.egress import Egress
from services.notify.channels.long_tail import AppriseChannel
from services.notify.channels.sealed import Unsealing
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.webhook import WebhookChannel
from services.notify.directory import RegistryDirectory
from services.notify.dispatch import Dispatcher
from services.notify.handlers import Handlers
from services.notify.links import AckLinks
from services.notify.messages import MessageWriter
from services.notify.notices import Notices
from services.notify.outbox import Relay
from services.notify.pages.acknowledging import AckPages
from services.notify.pages.routes import DutyPages
from services.notify.ports import AlertStore, Channel, Ledger, SilenceStore
from services.notify.rebuilding import Rebuilding
from services.notify.receivers import Receivers
from services.notify.replicas import Beats, Replicas
from services.notify.republishing import Republishing
from services.notify.rules.alert import Alert
from services.notify.rules.routing import Contact
from services.notify.scoring_watch import ScoringWatch
from services.notify.settings import NotifySettings, alert_policy, operators, working_days
from services.notify.stages import Stages
from services.notify.store_clock import StoreClock
from services.notify.stores.mongo import MongoAlertStore, MongoBeats, MongoLedger, MongoSilences
from services.notify.watchdog import Watchdog
from shared import mongo
from shared.bus import Consumer, Publisher
from shared.clock import Clock, clock, real
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
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays
from shared.secrets import read_key
from shared.settings import Settings
from shared.telemetry import Metrics, configure_logging, configure_tracing, log
from shared.web.pages import Pages

PACKAGE = Path(__file__).parent / "pages"
RETRY_SECONDS = 1.0
REBUILT = "rebuilt from alerts.v1"


@dataclass(frozen=True, slots=True)
class Adapters:
    """What stands between notify and the world. `life` tells one run of a replica from the next."""

    alerts: AlertStore
    ledger: Ledger
    silences: SilenceStore
    beats: Beats
    hazards: Consumer
    registry: Consumer
    publisher: Publisher
    channels: Mapping[str, Channel]
    policy: Callable[[], AlertPolicy]
    calendar: WorkingDays
    now: Clock
    session_secret: bytes
    operators: tuple[Contact, ...]
    life: str


@dataclass(frozen=True, slots=True)
class Assembled:
    """Notify's parts, put together."""

    app: FastAPI
    handlers: Handlers
    stages: Stages
    dispatcher: Dispatcher
    relay: Relay
    consuming: Consuming
    feed: RegistryFeed
    registry: Registry
    links: AckLinks
    rebuilding: Rebuilding
    others: tuple[Part, ...]
    health: Health
    metrics: Metrics

    @property
    def parts(self) -> list[Part]:
        return [*self.others, self.relay, self.feed, self.dispatcher, self.consuming]


class NotifyService:
    """The running service."""

    def __init__(
        self,
        settings: NotifySettings,
        found: Assembled,
        publisher: Publisher,
        database: mongo.Database,
        time: StoreClock,
        egress: Egress,
        watchdog: Watchdog,
    ) -> None:
        self._settings = settings
        self._found = found
        self._publisher = publisher
        self._database = database
        self._time = time
        self._egress = egress
        self._watchdog = watchdog

    async def run(self) -> None:
        """Until SIGTERM or Ctrl-C; an unexpected error in any part ends the process."""
        await self._store_ready()
        await self._publisher.start()
        try:
            server = HttpServer(self._found.app, self._settings)
            await run_until_stopped([self._time, self._watchdog, *self._found.parts, server])
        finally:
            await self._publisher.stop()
            await self._egress.close()
            self._database.close()

    async def _store_ready(self) -> None:
        while True:
            try:
                await self._time.measure()
                await MongoAlertStore(self._database).prepare()
                await MongoLedger(self._database).prepare()
                await MongoSilences(self._database).prepare()
                await self._rebuild()
            except Unavailable as away:
                log("notify").warning("waiting for the store", error=str(away))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _rebuild(self) -> None:
        """An empty store is filled from the bus, once; a deployment that begins has nothing there."""
        beats = MongoBeats(self._database)
        if await beats.done(REBUILT):
            return
        logs = (KafkaConsumer(self._settings, [topic], None) for topic in ("alerts.v1", "hazards.v1"))
        count = await self._found.rebuilding.run(*logs)
        await beats.note_done(REBUILT, real())
        if count:
            log("notify").warning("the store was empty: rebuilt from the bus", alerts=count)


def build(settings: NotifySettings) -> NotifyService:
    """Notify on the real store and broker; connects to nothing before it runs."""
    configure_logging("notify", settings)
    configure_tracing("notify", settings)
    database = mongo.connect(settings, "notify")
    time = StoreClock(database, real)
    now = clock(settings, time.now)
    egress = Egress(settings.egress_allow, real)
    publisher = KafkaPublisher(settings)
    key = read_key(settings.contact_key_file)
    adapters = Adapters(
        alerts=MongoAlertStore(database),
        ledger=MongoLedger(database),
        silences=MongoSilences(database),
        beats=MongoBeats(database),
        hazards=KafkaConsumer(settings, ["hazards.v1"], "notify"),
        registry=KafkaConsumer(settings, ["registry.v1"], None),
        publisher=publisher,
        channels=channels(settings, egress, key),
        policy=alert_policy(settings, now),
        calendar=working_days(settings, now),
        now=now,
        session_secret=settings.session_secret_file.read_bytes(),
        operators=operators(settings, key),
        life=uuid.uuid4().hex[:12],
    )
    found = assemble(settings, adapters)
    found.health.add("store", mongo.check(database))
    watchdog = Watchdog(
        lambda: {
            "hazards_waiting": found.consuming.lag_seconds,
            "steps_overdue": found.dispatcher.overdue_seconds(),
            "events_unpublished": found.relay.waiting_seconds(),
        },
        adapters.operators,
        lambda: channels(settings, Egress(settings.egress_allow, real), key),
        real,
        uuid.uuid4,
        # A deployment that names no address of scoring has none that could be asked.
        scoring=ScoringWatch(settings.public_url_scoring, monotonic).seconds
        if "public_url_scoring" in settings.model_fields_set
        else None,
    )
    return NotifyService(settings, found, publisher, database, time, egress, watchdog)


def republishing(settings: Settings) -> Republishing:
    """What puts the history of alerts on an empty broker again: for `keycounty restore`."""
    return Republishing(mongo.connect(settings, "notify"), KafkaPublisher(settings))


def assemble(settings: NotifySettings, adapters: Adapters) -> Assembled:
    """The parts on any adapters."""
    health, metrics, registry, now = Health(), Metrics(), Registry(), adapters.now
    feed = RegistryFeed(adapters.registry, registry)
    zone = ZoneInfo(settings.timezone)
    directory = RegistryDirectory(registry, adapters.policy, zone, adapters.calendar, adapters.operators)
    pages = Pages(PACKAGE, settings, now)
    links = AckLinks(adapters.session_secret, settings.public_url_notify, timedelta(hours=settings.ack_link_hours))
    relay = Relay([adapters.alerts, adapters.silences], adapters.ledger, adapters.publisher)
    attempts = metrics.counter(
        "keycounty_delivery_attempts_total", "Attempts at deliveries, by channel and outcome.", ("channel", "outcome")
    )
    replicas = Replicas(adapters.beats, settings.instance, now)
    stages = Stages(
        adapters.alerts,
        adapters.ledger,
        adapters.silences,
        directory,
        adapters.channels,
        MessageWriter(pages.fragment, links, settings.public_url_notify),
        Receivers(settings.receiver_rate, now, lambda: replicas.alive),
        now,
        f"{settings.instance}/{adapters.life}",
        relay.wake,
        lambda channel, outcome: attempts.labels(channel, outcome).inc(),
    )
    dispatcher = Dispatcher(adapters.alerts, stages, now, settings.sends_at_once, lambda: feed.ready)

    metrics.gauge("keycounty_steps_overdue_seconds", "How long the longest waiting step has been due.").set_function(
        dispatcher.overdue_seconds
    )

    def stored(alerts: Iterable[Alert]) -> None:
        dispatcher.offer(alert for alert in alerts if _due(alert, now()))
        relay.wake()

    handlers = Handlers(adapters.alerts, directory, now, stored)
    consuming = Consuming(
        "notify", adapters.hazards, adapters.publisher, handlers.on_hazards, metrics=metrics, health=health
    )
    health.add("registry", feed.check)
    health.add("dispatcher", dispatcher.check)
    auth = Authenticator(
        registry,
        settings.admin_key_sha256,
        adapters.session_secret,
        now,
        oidc.tokens(settings),
        RateLimit(settings.requests_per_minute),
    )
    alerts = alert_routes.Alerts(adapters.alerts, adapters.ledger, handlers)
    acknowledging = AckPages(adapters.alerts, adapters.ledger, handlers, links, pages, now)
    app = create_app(
        service="notify",
        title="Key County: notify",
        health=health,
        metrics=metrics,
        auth=auth,
        routers=[
            alert_routes.router(alerts),
            cap_routes.router(alerts, directory, settings.public_url_notify, now, zone),
            delivery_routes.router(adapters.ledger, handlers),
            silence_routes.router(silence_routes.Silences(adapters.silences, now, relay.wake)),
            contact_routes.router(contact_routes.Contacts(registry, directory, adapters.channels, now, uuid.uuid4)),
            acknowledging.router(),
            DutyPages(alerts, directory, pages, now).router(),
        ],
    )
    pages.install(app)
    notices = Notices(adapters.alerts, adapters.silences, now, lambda: stored(()))
    others = (replicas, notices)
    rebuilding = Rebuilding(adapters.alerts, adapters.ledger, adapters.silences, handlers, directory, now)
    return Assembled(
        app, handlers, stages, dispatcher, relay, consuming, feed, registry, links, rebuilding, others, health, metrics
    )


def _due(alert: Alert, now: datetime) -> bool:
    return alert.next_due is not None and alert.next_due <= now


def channels(settings: NotifySettings, egress: Egress, key: bytes) -> dict[str, Channel]:
    """Every channel by name; e-mail only with a relay."""
    found: dict[str, Channel] = {"webhook": WebhookChannel(egress), "apprise": AppriseChannel(egress), **bots(egress)}
    if settings.smtp_url is not None:
        found["email"] = SmtpChannel(settings.smtp_url.get_secret_value(), settings.smtp_from)
    return {name: Unsealing(key, channel) for name, channel in found.items()}
