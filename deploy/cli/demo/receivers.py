"""The demo's own receivers on 127.0.0.1: an SMTP sink, and a webhook endpoint that checks the signatures."""

import asyncio
import email
import email.policy
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

Envelope = Any


@dataclass
class Received:
    """What arrived: `message_id` is the same in every repeat of one message; `at` is seconds of the monotonic clock."""

    channel: str
    to: str
    message_id: str
    subject: str
    body: dict[str, Any] | str
    at: float


@dataclass
class Receivers:
    """Both receivers and everything they took. `secret` is the webhook secret (`whsec_...`)."""

    secret: str
    taken: list[Received] = field(default_factory=list)
    refused: int = 0
    smtp_port: int = 0
    webhook_port: int = 0

    async def start(self) -> None:
        """Listens on free ports."""
        self._smtp = Controller(_Sink(self), hostname="127.0.0.1", port=_free_port())
        self._smtp.start()
        self.smtp_port = self._smtp.port
        app = web.Application()
        app.router.add_post("/hook/{contact}", self._take_webhook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.webhook_port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()
        await asyncio.to_thread(self._smtp.stop)

    @property
    def webhook_url(self) -> str:
        return f"http://127.0.0.1:{self.webhook_port}/hook"

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp_port}"

    def effective(self) -> dict[str, Received]:
        """First arrival of each message id: a repeat after a crash carries the same id."""
        found: dict[str, Received] = {}
        for one in self.taken:
            found.setdefault(one.message_id, one)
        return found

    async def _take_webhook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            body = Webhook(self.secret).verify(raw, dict(request.headers))
        except WebhookVerificationError:
            self.refused += 1
            return web.Response(status=401)
        contact = request.match_info["contact"]
        self.taken.append(
            Received("webhook", contact, request.headers["webhook-id"], body["type"], body, time.monotonic())
        )
        return web.Response(status=204)


class _Sink:
    def __init__(self, receivers: Receivers) -> None:
        self.receivers = receivers

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:  # noqa: N802 - the name aiosmtpd calls
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = message.get_body(("plain",))
        body = text.get_content() if text is not None else ""
        received = Received(
            "email", envelope.rcpt_tos[0], str(message["Message-ID"]), str(message["Subject"]), body, time.monotonic()
        )
        self.receivers.taken.append(received)
        return "250 taken"


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
