"""Every other service, through Apprise: the contact's target is an Apprise URL."""

from urllib.parse import urlsplit

from services.notify.channels.egress import Egress, posting
from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact

OWN = ("wecombot", "dingtalk", "feishu", "lark", "mailto", "mailtos")
LOCAL = ("file", "syslog", "windows", "macosx", "dbus", "qt", "kde", "glib", "gnome", "exec")


class AppriseChannel:
    """Apprise is loaded by the first message, for it is large. Hosts that a URL names are checked like webhooks'."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def send(self, contact: Contact, message: Message) -> Sent:
        scheme = urlsplit(contact.target).scheme
        if scheme in (*OWN, *LOCAL):
            return Sent("failed", f"refused: {scheme} has a channel of its own or stays on this machine")
        return await posting(lambda: self._send(contact, message))

    async def _send(self, contact: Contact, message: Message) -> Sent:
        await self._check(contact.target)
        import apprise

        service = apprise.Apprise()
        if not service.add(contact.target):
            return Sent("failed", "Apprise does not know this kind of address")
        taken = await service.async_notify(title=message.subject, body=message.text)
        return Sent("delivered", "taken") if taken else Sent("again", "not taken")

    async def _check(self, url: str) -> None:
        # Many Apprise URLs carry a token where others have a host; only what looks like a host is looked up.
        host = urlsplit(url).hostname or ""
        if "." in host or ":" in host or host == "localhost":
            await self._egress.checked(host, 443)
