"""The channels against receivers that misbehave: what is worth another attempt, what is refused, what is signed."""

import asyncio
import base64
import hashlib
import hmac
import ssl
from base64 import b64encode
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from standardwebhooks.webhooks import Webhook

from services.notify.channels.bots import bots, dingtalk
from services.notify.channels.egress import Egress, Refused
from services.notify.channels.long_tail import AppriseChannel
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.webhook import WebhookChannel
from services.notify.ports import Message
from services.notify.rules.routing import Contact
from shared.clock import real
from tests.certificates import certificate
from tests.integration.notify.sinks import Sinks

MESSAGE = Message(
    "msg_1", "open", "主题", "text\n", "<p>text</p>", {"id": "a"}, None, datetime(2023, 2, 20, tzinfo=UTC)
)
LOCAL = [ip_network("127.0.0.0/8")]


@pytest.fixture
async def sinks() -> AsyncGenerator[Sinks]:
    found = Sinks()
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def egress() -> AsyncGenerator[Egress]:
    found = Egress(LOCAL, real)
    yield found
    await found.close()


def to(url: str, secret: str | None = None, channel: str = "webhook") -> Contact:
    return Contact("county", "1", channel, url, secret)


async def test_both_keys_of_a_rotation_verify(sinks: Sinks, egress: Egress) -> None:
    new = "whsec_" + b64encode(b"y" * 24).decode()
    sent = await WebhookChannel(egress).send(to(f"{sinks.hook_url}/x", f"{new} {sinks.secret}"), MESSAGE)
    assert sent.outcome == "delivered"
    assert sinks.hooks[0].id == "msg_1"
    sinks.secret = new
    again = await WebhookChannel(egress).send(to(f"{sinks.hook_url}/x", f"{new} {Sinks().secret}"), MESSAGE)
    assert again.outcome == "delivered"
    assert Webhook(new) is not None


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "wait"),
    [
        (500, {}, "again", None),
        (503, {"retry-after": "7"}, "again", timedelta(seconds=7)),
        (429, {"retry-after": "99999"}, "again", timedelta(minutes=15)),
        (408, {}, "again", None),
        (404, {}, "failed", None),
        (401, {}, "failed", None),
        (302, {"location": "http://127.0.0.1:1/secret"}, "failed", None),
        (307, {"location": "/hook/elsewhere"}, "failed", None),
    ],
)
async def test_what_a_status_means(
    sinks: Sinks, egress: Egress, status: int, headers: dict[str, str], outcome: str, wait: timedelta | None
) -> None:
    sinks.answer = lambda _: web.Response(status=status, headers=headers)
    sent = await WebhookChannel(egress).send(to(f"{sinks.hook_url}/x", sinks.secret), MESSAGE)
    assert (sent.outcome, sent.retry_after) == (outcome, wait)
    assert sinks.hooks == []


async def test_a_receiver_that_closes_half_way_or_is_not_there_is_tried_again(egress: Egress) -> None:
    async def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sent = await WebhookChannel(egress).send(to(f"http://127.0.0.1:{port}/"), MESSAGE)
    assert sent.outcome == "again"
    server.close()
    await server.wait_closed()
    assert (await WebhookChannel(egress).send(to(f"http://127.0.0.1:{port}/"), MESSAGE)).outcome == "again"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "::ffff:10.0.0.1",
        "0.0.0.0",
        "224.0.0.1",
    ],
)
async def test_private_addresses_are_refused_whatever_name_leads_there(address: str) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return [address]

    egress = Egress([], real, resolve)
    with pytest.raises(Refused):
        await egress.checked("looks-public.example", 443)
    sent = await WebhookChannel(egress).send(to("https://looks-public.example/hook"), MESSAGE)
    assert (sent.outcome, "refused" in sent.detail) == ("failed", True)
    await egress.close()


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    egress = Egress([], real, resolve)
    with pytest.raises(Refused):
        await egress.checked("mixed.example", 443)
    await egress.close()


async def test_the_connection_goes_to_the_address_that_was_checked(sinks: Sinks) -> None:
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    egress = Egress(LOCAL, real, resolve)
    url = sinks.hook_url.replace("127.0.0.1", "receiver.example") + "/x"
    sent = await WebhookChannel(egress).send(to(url, sinks.secret), MESSAGE)
    assert (sent.outcome, asked) == ("delivered", ["receiver.example"])
    await egress.close()


async def here(_host: str, _port: int) -> list[str]:
    """Every name leads to this machine."""
    return ["127.0.0.1"]


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncGenerator[tuple[int, ssl.SSLContext]]:
    """The port of a receiver with the certificate of receiver.example, and who trusts it."""
    key, chain = certificate(x509.DNSName("receiver.example"))
    (tmp_path / "both.pem").write_text(key + chain)
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(tmp_path / "both.pem")

    async def take(_request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/x", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=own).start()
    yield runner.addresses[0][1], ssl.create_default_context(cadata=chain)
    await runner.cleanup()


@pytest.mark.parametrize(
    ("name", "trusted", "outcome"),
    [("receiver.example", True, "delivered"), ("another.example", True, "again"), ("receiver.example", False, "again")],
)
async def test_a_certificate_must_be_of_that_name_and_from_somebody_trusted(
    secured: tuple[int, ssl.SSLContext], name: str, trusted: bool, outcome: str
) -> None:
    port, trust = secured
    egress = Egress(LOCAL, real, here, trust if trusted else None)
    sent = await WebhookChannel(egress).send(to(f"https://{name}:{port}/x"), MESSAGE)
    await egress.close()
    assert sent.outcome == outcome
    assert sent.outcome == "delivered" or "certificate" in sent.detail.lower()


async def test_a_connection_to_one_name_is_not_used_for_another(secured: tuple[int, ssl.SSLContext]) -> None:
    port, trust = secured
    egress = Egress(LOCAL, real, here, trust)
    channel, names = WebhookChannel(egress), ("receiver.example", "another.example", "receiver.example")
    outcomes = [(await channel.send(to(f"https://{name}:{port}/x"), MESSAGE)).outcome for name in names]
    await egress.close()
    assert outcomes == ["delivered", "again", "delivered"]


@pytest.mark.parametrize("query", ["sp=%2Ftriggers%2Frun&e=%7E&k=a%3Ab", "list[]=1", ""])
async def test_path_and_query_go_out_as_they_were_given(sinks: Sinks, egress: Egress, query: str) -> None:
    asked: list[str] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        return web.Response(status=204)

    sinks.answer = answer
    await WebhookChannel(egress).send(to(f"{sinks.hook_url}/%41%2D?{query}", sinks.secret), MESSAGE)
    assert asked == [f"/hook/%41%2D?{query}".removesuffix("?")]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://x", "http://", "nonsense"])
async def test_only_http_leads_anywhere(egress: Egress, url: str) -> None:
    assert (await WebhookChannel(egress).send(to(url), MESSAGE)).outcome == "failed"


@pytest.mark.parametrize("scheme", ["file", "syslog", "mailto"])
async def test_apprise_does_not_reach_this_machine(egress: Egress, scheme: str) -> None:
    assert (await AppriseChannel(egress).send(to(f"{scheme}://x"), MESSAGE)).outcome == "failed"


@pytest.mark.parametrize(
    ("kind", "answer", "outcome"),
    [
        ("wecom", {"errcode": 0, "errmsg": "ok"}, "delivered"),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, "failed"),
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, "again"),
        ("dingtalk", {"errcode": 310000, "errmsg": "sign not match"}, "failed"),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, "again"),
        ("feishu", {"code": 0, "msg": "success"}, "delivered"),
        ("feishu", {"code": 19021, "msg": "sign match fail"}, "failed"),
        ("feishu", {"code": 9499, "msg": "too many request"}, "again"),
        ("feishu", {"hello": 1}, "again"),
    ],
)
async def test_a_bots_200_counts_only_with_its_code(
    sinks: Sinks, egress: Egress, kind: str, answer: dict[str, Any], outcome: str
) -> None:
    sinks.answer = lambda _: web.json_response(answer)
    sent = await bots(egress)[kind].send(to(f"{sinks.hook_url}/{kind}", "secret", kind), MESSAGE)
    assert sent.outcome == outcome


def test_dingtalks_signature_is_encoded_once() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    url, _ = dingtalk(to("https://oapi.dingtalk.com/robot/send?access_token=t", "SEC1"), MESSAGE, now)
    stamp = str(int(now.timestamp() * 1000))
    mac = base64.b64encode(hmac.new(b"SEC1", f"{stamp}\nSEC1".encode(), hashlib.sha256).digest()).decode()
    from urllib.parse import parse_qs, urlsplit

    assert parse_qs(urlsplit(url).query) == {"access_token": ["t"], "timestamp": [stamp], "sign": [mac]}


async def test_a_mail_has_text_html_and_one_message_id(sinks: Sinks) -> None:
    channel = SmtpChannel(sinks.smtp_url, "keycounty@example.org")
    for _ in range(2):
        assert (await channel.send(to("duty@example.org", channel="email"), MESSAGE)).outcome == "delivered"
    first, second = sinks.mails
    assert (first.id, first.subject, first.to) == ("<msg_1@keycounty>", "主题", "duty@example.org")
    assert first.id == second.id
    assert "<p>text</p>" in first.html


async def test_a_mail_relay_that_refuses_or_is_away() -> None:
    async def answers(code: int) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hi\r\n")
            while line := await reader.readline():
                refused = line.upper().startswith(b"RCPT")
                writer.write(f"{code} no\r\n".encode() if refused else b"250 ok\r\n")
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        sent = await SmtpChannel(f"smtp://127.0.0.1:{port}", "a@b.c").send(to("x@y.z", channel="email"), MESSAGE)
        server.close()
        return sent.outcome

    assert await answers(450) == "again"
    assert await answers(550) == "failed"
    away = await SmtpChannel("smtp://127.0.0.1:1", "a@b.c").send(to("x@y.z", channel="email"), MESSAGE)
    assert away.outcome == "again"
