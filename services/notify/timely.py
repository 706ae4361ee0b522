"""One attempt at one message, which ends in time whatever the receiver does. Used wherever a message is sent."""

import asyncio

from services.notify.ports import Channel, Message, Sent
from services.notify.rules.routing import Contact

SEND_SECONDS = 10.0


async def send_in_time(channel: Channel | None, contact: Contact, message: Message) -> Sent:
    """How it ended after `SEND_SECONDS` at most. `channel`: None where this deployment has none of the kind."""
    if channel is None:
        return Sent("failed", f"no channel {contact.channel} here")
    try:
        async with asyncio.timeout(SEND_SECONDS):
            return await channel.send(contact, message)
    except TimeoutError:
        return Sent("again", f"no answer in {SEND_SECONDS:g} s")
