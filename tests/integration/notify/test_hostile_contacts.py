"""Contacts and receivers as bad as they come: an outcome each time, and never an error that would stop the others."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from services.notify.channels.addresses import fit
from services.notify.channels.bots import bots, read
from services.notify.channels.egress import Answered, Egress
from services.notify.channels.long_tail import AppriseChannel
from services.notify.channels.smtp import SmtpChannel
from services.notify.channels.webhook import WebhookChannel
from services.notify.ports import Channel, Message
from services.notify.rules.routing import Contact
from shared.clock import real
from tests.integration.notify.sinks import Sinks

# Apprise imports a module that is to go with Python 3.13.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
MESSAGE = Message("msg_1", "open", "s", "text\n", "<p>text</p>", {"id": "a"}, None, datetime(2023, 2, 20, tzinfo=UTC))
LOCAL = [ip_network("127.0.0.0/8")]
OUTCOMES = {"delivered", "again", "failed"}
TARGETS = st.one_of(
    st.text(max_size=40),
    st.builds("{}://{}".format, st.sampled_from(["http", "https", "json", "mailto", ""]), st.text(max_size=80)),
    st.sampled_from(
        ["http://[", "json://[bad", "http://a..b/", f"http://{'a' * 70}.example/", "a@b\nBcc: c@d", '"@b', ""]
    ),
)


async def nowhere(_host: str, _port: int) -> list[str]:
    raise UnicodeError("label empty or too long")


def every_channel() -> dict[str, Channel]:
    """All of them, with nothing behind them."""
    egress = Egress([], real, nowhere)
    relay = SmtpChannel("smtp://127.0.0.1:1", "keycounty@example.org")
    return {"webhook": WebhookChannel(egress), "email": relay, "apprise": AppriseChannel(egress), **bots(egress)}


@hypothesis_settings(max_examples=150, deadline=None)
@given(TARGETS, st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["whsec_", "whsec_é", ","])))
def test_whatever_a_registry_holds_as_address_and_secret_an_attempt_ends_with_an_outcome(
    target: str, secret: str | None
) -> None:
    async def tried() -> None:
        for kind, channel in every_channel().items():
            sent = await channel.send(Contact("county", "1", kind, target, secret), MESSAGE)
            assert sent.outcome in {"again", "failed"}, (kind, sent)

    asyncio.run(tried())


@given(st.sampled_from(["wecom", "dingtalk", "feishu"]), st.binary(max_size=60))
def test_whatever_a_bot_answers_is_an_outcome(kind: str, body: bytes) -> None:
    assert read(kind, Answered(200, body, None)).outcome in OUTCOMES


@pytest.mark.parametrize(
    "body", [b'{"errcode": {}}', b'{"code": []}', b"[0]", b"0", b'{"errcode": "0"}', b'{"errcode": 1e999}', b"\xff"]
)
def test_a_code_that_is_no_number_is_no_code(body: bytes) -> None:
    assert read("wecom", Answered(200, body, None)).outcome == "again"


@pytest.fixture
async def sinks() -> AsyncGenerator[Sinks]:
    found = Sinks()
    await found.start()
    yield found
    await found.stop()


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("9" * 40, timedelta(minutes=15)),
        ("-5", None),
        ("²", None),
        ("soon", None),
        ("Mon, 01 Jan 9999 00:00:00 GMT", timedelta(minutes=15)),
        ("Mon, 01 Jan 2001 00:00:00 GMT", timedelta(0)),
        ("", None),
    ],
)
async def test_a_wait_of_any_length_is_understood_or_passed_over(
    sinks: Sinks, text: str, wait: timedelta | None
) -> None:
    sinks.answer = lambda _: web.Response(status=503, headers={"retry-after": text})
    egress = Egress(LOCAL, real)
    sent = await WebhookChannel(egress).send(Contact("c", "1", "webhook", f"{sinks.hook_url}/x", sinks.secret), MESSAGE)
    await egress.close()
    assert (sent.outcome, sent.retry_after) == ("again", wait)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:808:808::1", True),
        ("::ffff:10.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:a00:1::1", False),
        ("2002:7f00:1::1", False),
        ("::10.0.0.1", False),
        ("::8.8.8.8", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("2001:0:53aa:64c:0:0:0:1", False),
        ("::", False),
        ("::1", False),
        ("100.64.0.1", False),
        ("192.0.0.1", False),
        ("198.18.0.1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
    ],
)
def test_only_public_addresses_are_fit_in_whatever_form(address: str, expected: bool) -> None:
    assert fit(ip_address(address), []) is expected
    assert fit(ip_address(address), [ip_network("0.0.0.0/0"), ip_network("::/0")])


async def test_apprise_connects_to_allowed_addresses_alone_and_follows_no_redirect_elsewhere(sinks: Sinks) -> None:
    name, egress = sinks.hook_url.removeprefix("http://"), Egress([ip_network("127.0.0.1/32")], real)
    elsewhere = sinks.hook_url.replace("127.0.0.1", "127.0.0.2")
    taken: list[str] = []

    def answer(request: web.Request) -> web.Response:
        taken.append(request.host)
        return web.Response(status=307, headers={"location": f"{elsewhere}/x"}) if len(taken) == 2 else web.Response()

    sinks.answer = answer
    channel, contact = AppriseChannel(egress), Contact("c", "1", "apprise", f"json://{name}/x")
    assert (await channel.send(contact, MESSAGE)).outcome == "delivered"
    redirected = await channel.send(contact, MESSAGE)
    assert (redirected.outcome, "127.0.0.2" in redirected.detail) == ("failed", True)
    assert len(taken) == 2
    nowhere_near = await AppriseChannel(Egress([], real)).send(contact, MESSAGE)
    assert (nowhere_near.outcome, "refused" in nowhere_near.detail) == ("failed", True)
    await egress.close()
