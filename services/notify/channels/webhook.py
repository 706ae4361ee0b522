"""Signed webhooks after the Standard Webhooks specification (standardwebhooks.com)."""

import binascii
import math
from datetime import datetime

import orjson
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from services.notify.channels.egress import Egress, posting, sent_of
from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact


class WebhookChannel:
    """Posts `{"type", "timestamp", "data"}`. A contact's secret may hold two keys, the new one first: both sign."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def send(self, contact: Contact, message: Message) -> Sent:
        body = orjson.dumps(
            {
                "type": f"keycounty.alert.{message.state}",
                "timestamp": message.at.isoformat(),
                "data": message.payload,
            }
        )
        try:
            headers = signed(contact.secret or "", message.id, self._egress.now(), body)
        except (binascii.Error, ValueError, EmptyWebhookSecretError):
            return Sent("failed", "the contact's secret is no webhook secret (whsec_ and base64)")

        async def post() -> Sent:
            return sent_of(await self._egress.post(contact.target, body, headers))

        return await posting(post)


def signed(secrets: str, id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message; without any secret it goes out unsigned."""
    text = body.decode()
    signatures = [Webhook(secret).sign(id, now, text) for secret in secrets.replace(",", " ").split()]
    headers = {
        "content-type": "application/json",
        "user-agent": "keycounty-notify/1",
        "webhook-id": id,
        "webhook-timestamp": str(math.floor(now.timestamp())),
    }
    return headers | ({"webhook-signature": " ".join(signatures)} if signatures else {})
