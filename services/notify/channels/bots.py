"""Group bots of WeCom, DingTalk and Feishu. They answer HTTP 200 whatever happened: the code in the body counts."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson

from services.notify.channels.egress import Answered, Egress, posting, sent_of
from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact

# Codes worth another attempt: frequency limits and the makers' own "system busy".
WORTH_ANOTHER: Mapping[str, frozenset[int]] = {
    "wecom": frozenset({-1, 45009, 45033}),
    "dingtalk": frozenset({-1, 130101, 130102, 410100}),
    "feishu": frozenset({9499, 11232, 99991400}),
}
LIMITED_FOR = timedelta(minutes=1)
Build = Callable[[Contact, Message, datetime], tuple[str, dict[str, Any]]]


class BotChannel:
    """One kind of bot; `build` gives URL and body for a contact."""

    def __init__(self, kind: str, build: Build, egress: Egress) -> None:
        self._kind = kind
        self._build = build
        self._egress = egress

    async def send(self, contact: Contact, message: Message) -> Sent:
        async def post() -> Sent:
            url, body = self._build(contact, message, self._egress.now())
            headers = {"content-type": "application/json"}
            return read(self._kind, await self._egress.post(url, orjson.dumps(body), headers))

        return await posting(post)


def bots(egress: Egress) -> dict[str, BotChannel]:
    """The three kinds by channel name."""
    builds: dict[str, Build] = {"wecom": wecom, "dingtalk": dingtalk, "feishu": feishu}
    return {kind: BotChannel(kind, build, egress) for kind, build in builds.items()}


def read(kind: str, answered: Answered) -> Sent:
    """The outcome that a bot's answer states: `errcode` (WeCom, DingTalk) or `code` (Feishu), 0 being good."""
    status = sent_of(answered)
    if status.outcome != "delivered":
        return status
    body = _object(answered.body)
    code = next((body[name] for name in ("errcode", "code", "StatusCode") if isinstance(body.get(name), int)), None)
    said = str(body.get("errmsg") or body.get("msg") or "")[:200]
    if code is None:
        return Sent("again", "HTTP 200 without a code in its body")
    if code == 0:
        return Sent("delivered", "code 0")
    again = code in WORTH_ANOTHER[kind]
    return Sent("again" if again else "failed", f"code {code} {said}", LIMITED_FOR if again else None)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; an empty one for anything else."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def wecom(contact: Contact, message: Message, _: datetime) -> tuple[str, dict[str, Any]]:
    """The key is part of the address; at most 4,096 bytes of markdown."""
    return contact.target, {"msgtype": "markdown", "markdown": {"content": _cut(message.text, 4000)}}


def dingtalk(contact: Contact, message: Message, now: datetime) -> tuple[str, dict[str, Any]]:
    """With a secret the address carries timestamp (ms) and base64 of HMAC-SHA-256(secret, timestamp newline secret)."""
    text = {"title": message.subject, "text": _cut(message.text, 18_000)}
    body = {"msgtype": "markdown", "markdown": text}
    if not contact.secret:
        return contact.target, body
    stamp = str(int(now.timestamp() * 1000))
    mac = hmac.new(contact.secret.encode(), f"{stamp}\n{contact.secret}".encode(), hashlib.sha256).digest()
    query = urlencode({"timestamp": stamp, "sign": base64.b64encode(mac).decode()})
    return f"{contact.target}{'&' if '?' in contact.target else '?'}{query}", body


def feishu(contact: Contact, message: Message, now: datetime) -> tuple[str, dict[str, Any]]:
    """With a secret the body carries timestamp (s) and base64 of HMAC-SHA-256(timestamp newline secret, nothing)."""
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": _cut(message.text, 18_000)}}
    if contact.secret:
        stamp = str(int(now.timestamp()))
        mac = hmac.new(f"{stamp}\n{contact.secret}".encode(), b"", hashlib.sha256).digest()
        body |= {"timestamp": stamp, "sign": base64.b64encode(mac).decode()}
    return contact.target, body


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
