"""Builds notify on the real store and broker, and runs it: `build(settings)`."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from time import monotonic

from services.notify.assembly import Adapters, Assembled, assemble
from services.notify.channels.bots import bots
from services.notify.channels.egress import Egress
from services.notify.channels.long_tail import AppriseChannel
from services.notify.channels.sealed import Unsealing
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.webhook import WebhookChannel
from services.notify.ports import Channel
from services.notify.republishing import Republishing
from services.notify.scoring_watch import ScoringWatch
from services.notify.settings import NotifySettings, alert_policy, operators, working_days
from services.notify.store_clock import StoreClock
from services.notify.stores.mongo import MongoAlertStore, MongoBeats, MongoLedger, MongoSilences
from services.notify.watchdog import Watchdog
from shared import garbage, mongo
from shared.bus import Publisher
from shared.clock import clock, real
from shared.errors import Unavailable
from shared.http.serve import HttpServer, run_until_stopped
from shared.kafka_bus import KafkaConsumer, KafkaPublisher
from shared.secrets import read_key
from shared.settings import Settings
from shared.telemetry import configure_logging, configure_tracing, log

RETRY_SECONDS = 1.0
REBUILT = "rebuilt from alerts.v1"


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
        garbage.seldom()
        await self._publisher.start()
        try:
            server = HttpServer(self._found.app, self._settings)
            await run_until_stopped([self._time, self._watchdog, *self._found.parts, server])
        finally:
            await self._publisher.stop()
            await self._egress.close()
            await self._database.close()

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
        new_id=uuid.uuid4,
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
        lambda: own_channels(settings, key),
        real,
        uuid.uuid4,
        # A deployment that names no address of scoring has none that could be asked.
        scoring=ScoringWatch(settings.public_url_scoring, monotonic).seconds
        if "public_url_scoring" in settings.model_fields_set
        else None,
    )
    return NotifyService(settings, found, publisher, database, time, egress, watchdog)


@asynccontextmanager
async def republishing(settings: Settings) -> AsyncGenerator[Republishing]:
    """What puts the history of alerts on an empty broker again: for `keycounty restore`."""
    async with mongo.connect(settings, "notify") as database:
        yield Republishing(database, KafkaPublisher(settings))


@asynccontextmanager
async def own_channels(settings: NotifySettings, key: bytes) -> AsyncGenerator[Mapping[str, Channel]]:
    """Channels that share nothing with those of the service: for another event loop."""
    egress = Egress(settings.egress_allow, real)
    try:
        yield channels(settings, egress, key)
    finally:
        await egress.close()


def channels(settings: NotifySettings, egress: Egress, key: bytes) -> dict[str, Channel]:
    """Every channel by name; e-mail only with a relay."""
    found: dict[str, Channel] = {"webhook": WebhookChannel(egress), "apprise": AppriseChannel(egress), **bots(egress)}
    if settings.smtp_url is not None:
        found["email"] = SmtpChannel(settings.smtp_url.get_secret_value(), settings.smtp_from)
    return {name: Unsealing(key, channel) for name, channel in found.items()}
