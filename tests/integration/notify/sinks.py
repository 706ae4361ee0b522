"""Receivers on 127.0.0.1: an SMTP sink and a webhook endpoint that checks signatures; both may be told to be slow."""

import asyncio
import email
import email.policy
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Hook:
    path: str
    id: str
    body: dict[str, Any]
    at: float


@dataclass(frozen=True)
class Mail:
    to: str
    id: str
    subject: str
    text: str
    html: str


@dataclass
class Sinks:
    """What arrived, in order. `answer` gives the status for a webhook (default 204)."""

    hooks: list[Hook] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    slow_s: float = 0.0
    answer: Any = None
    under_way: int = 0
    secret: str = "whsec_" + b64encode(b"x" * 24).decode()

    async def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._smtp = Controller(self, hostname="127.0.0.1", port=port)
        await asyncio.to_thread(self._smtp.start)
        self.smtp_url = f"smtp://127.0.0.1:{port}"
        app = web.Application()
        app.router.add_post("/hook/{name}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.hook_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        await self._runner.cleanup()
        await asyncio.to_thread(self._smtp.stop)

    async def _take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.under_way += 1
        try:
            await asyncio.sleep(self.slow_s)
        finally:
            self.under_way -= 1
        answer = self.answer(request) if self.answer else None
        if answer is not None:
            return answer
        Webhook(self.secret).verify(raw, dict(request.headers))
        at = asyncio.get_running_loop().time()
        self.hooks.append(Hook(request.match_info["name"], request.headers["webhook-id"], orjson.loads(raw), at))
        return web.Response(status=204)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        plain, html = (message.get_body((kind,)) for kind in ("plain", "html"))
        self.mails.append(
            Mail(
                envelope.rcpt_tos[0],
                str(message["Message-ID"]),
                str(message["Subject"]),
                plain.get_content(),
                html.get_content(),
            )
        )
        return "250 taken"
