"""Acknowledgement links: one alert, one contact, an end. Nothing usable is stored; a token carries its own seal."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

_SEAL_BYTES, _CONTACT_BYTES = 16, 8


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for; `contact` is a hash of the contact's key (`authority/contact`)."""

    alert_id: str
    contact: bytes
    expires: datetime


class AckLinks:
    """Makes and reads tokens: alert id (16 bytes), end (4), contact hash (8), HMAC-SHA-256 of these (16 of 32)."""

    def __init__(self, secret: bytes, base_url: str, valid: timedelta) -> None:
        self._key = hmac.new(secret, b"keycounty ack link", hashlib.sha256).digest()
        self._base = base_url.rstrip("/")
        self._valid = valid

    def url(self, alert_id: str, contact_key: str, since: datetime) -> str:
        """The link of a contact, valid for its time from `since` on."""
        end = int((since + self._valid).timestamp())
        body = UUID(alert_id).bytes + end.to_bytes(4, "big") + contact_hash(contact_key)
        return f"{self._base}/ack/{base64.urlsafe_b64encode(body + self._seal(body)).decode().rstrip('=')}"

    def read(self, token: str) -> Grant | None:
        """The grant of a genuine token, expired or not; None for anything else."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        body, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
        if len(body) != 20 + _CONTACT_BYTES or not hmac.compare_digest(seal, self._seal(body)):
            return None
        end = datetime.fromtimestamp(int.from_bytes(body[16:20], "big"), UTC)
        return Grant(str(UUID(bytes=body[:16])), body[20:], end)

    def _seal(self, body: bytes) -> bytes:
        return hmac.new(self._key, body, hashlib.sha256).digest()[:_SEAL_BYTES]


def contact_hash(contact_key: str) -> bytes:
    return hashlib.sha256(contact_key.encode()).digest()[:_CONTACT_BYTES]
