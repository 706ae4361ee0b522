"""Notify's parts on any adapters: the real ones come of `wiring`, tests bring their own into one process."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from services.notify.api import alerts as alert_routes
from services.notify.api import cap as cap_routes
from services.notify.api import contacts as contact_routes
from services.notify.api import deliveries as delivery_routes
from services.notify.api import silences as silence_routes
from services.notify.directory import RegistryDirectory
from services.notify.dispatch import Dispatcher
from services.notify.handlers import Handlers
from services.notify.links import AckLinks
from services.notify.messages import MessageWriter
from services.notify.notices import Notices
from services.notify.opening import Opening
from services.notify.outbox import Relay
from services.notify.pages.acknowledging import AckPages
from services.notify.pages.routes import DutyPages
from services.notify.ports import AlertStore, Channel, Ledger, SilenceStore
from services.notify.rebuilding import Rebuilding
from services.notify.receivers import Receivers
from services.notify.replicas import Beats, Replicas
from services.notify.rules.alert import Alert
from services.notify.rules.routing import Contact
from services.notify.settings import NotifySettings
from services.notify.stages import Stages
from shared.bus import Consumer, Publisher
from shared.clock import Clock
from shared.consume import Consuming
from shared.health import Health
from shared.http import oidc
from shared.http.app import create_app
from shared.http.auth import Authenticator
from shared.http.limiting import RateLimit
from shared.http.serve import Part
from shared.registry import Registry, RegistryFeed
from shared.rulesets.alert_policy import AlertPolicy
from shared.rulesets.working_days import WorkingDays
from shared.telemetry import Metrics
from shared.web.pages import Pages

PACKAGE = Path(__file__).parent / "pages"


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
    new_id: Callable[[], UUID]


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


def assemble(settings: NotifySettings, adapters: Adapters) -> Assembled:
    """The parts on any adapters."""
    health, metrics, registry, now = Health(), Metrics(), Registry(), adapters.now
    feed = RegistryFeed(adapters.registry, registry)
    zone = ZoneInfo(settings.timezone)
    directory = RegistryDirectory(registry, adapters.policy, zone, adapters.calendar, adapters.operators)
    pages = Pages(PACKAGE, settings, now)
    links = AckLinks(adapters.session_secret, settings.public_url_notify, timedelta(hours=settings.ack_link_hours))
    replicas = Replicas(adapters.beats, settings.instance, now)
    outboxes = [adapters.alerts, adapters.silences]
    behind = asyncio.Lock()
    relay = Relay(outboxes, adapters.ledger, adapters.publisher, now, replicas.mine, behind)
    attempts = metrics.counter(
        "keycounty_delivery_attempts_total", "Attempts at deliveries, by channel and outcome.", ("channel", "outcome")
    )
    stages = Stages(
        adapters.alerts,
        adapters.ledger,
        adapters.silences,
        directory,
        adapters.channels,
        MessageWriter(pages.fragment, links, settings.public_url_notify),
        Receivers(settings.receiver_rate, now, lambda: len(replicas.alive)),
        now,
        f"{settings.instance}/{adapters.life}",
        behind,
        relay.wake,
        lambda channel, outcome: attempts.labels(channel, outcome).inc(),
    )
    dispatcher = Dispatcher(
        adapters.alerts,
        stages,
        now,
        settings.sends_at_once,
        lambda: registry.complete and replicas.known,
        replicas.mine,
    )

    metrics.gauge("keycounty_replicas_alive", "Replicas of this service as this one sees them.").set_function(
        lambda: len(replicas.alive)
    )
    metrics.gauge("keycounty_steps_overdue_seconds", "How long the longest waiting step has been due.").set_function(
        dispatcher.overdue_seconds
    )

    def stored(alerts: Iterable[Alert]) -> None:
        dispatcher.offer(alert for alert in alerts if _due(alert, now()))
        relay.wake()

    opening = Opening(adapters.alerts, adapters.silences, stages.claims, dispatcher, now)
    handlers = Handlers(adapters.alerts, directory, now, opening.store, stored)
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
            contact_routes.router(
                contact_routes.Contacts(registry, directory, adapters.channels, now, adapters.new_id)
            ),
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
