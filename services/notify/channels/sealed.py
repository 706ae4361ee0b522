"""Opens a contact's sealed target and secret just before its channel sends."""

from dataclasses import replace

from services.notify.ports import Channel, Message, Sent
from services.notify.rules.routing import Contact
from shared.errors import Rejected
from shared.secrets import unseal


class Unsealing:
    """A channel in front of another. Operators' contacts come from the settings and are not sealed."""

    def __init__(self, key: bytes, inner: Channel) -> None:
        self._key = key
        self._inner = inner

    async def send(self, contact: Contact, message: Message) -> Sent:
        try:
            target = unseal(self._key, contact.target)
            secret = unseal(self._key, contact.secret) if contact.secret else None
        except Rejected as wrong:
            return Sent("failed", f"the contact cannot be read: {wrong.detail}")
        return await self._inner.send(replace(contact, target=target, secret=secret), message)
