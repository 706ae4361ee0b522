"""Every other service, through Apprise: the contact's target is an Apprise URL."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from services.notify.channels.addresses import Address
from services.notify.channels.egress import Egress, posting
from services.notify.ports import Message, Sent
from services.notify.rules.routing import Contact

OWN = ("wecombot", "dingtalk", "feishu", "lark", "mailto", "mailtos")
LOCAL = ("file", "syslog", "windows", "macosx", "dbus", "qt", "kde", "glib", "gnome", "exec")
SECONDS = 8.0


class AppriseChannel:
    """Apprise is loaded by the first message, for it is large. It looks hosts up and follows redirects by itself, so
    every address it connects to is held against what may be reached.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def send(self, contact: Contact, message: Message) -> Sent:
        return await posting(lambda: self._send(contact, message))

    async def _send(self, contact: Contact, message: Message) -> Sent:
        scheme = urlsplit(contact.target).scheme
        if scheme in (*OWN, *LOCAL):
            return Sent("failed", f"refused: {scheme} has a channel of its own or stays on this machine")
        with _guarded(self._egress.fit) as guard:
            sent = await asyncio.to_thread(_notify, contact.target, message)
        return Sent("failed", f"refused: leads to the private address {guard.refused[0]}") if guard.refused else sent


def _notify(url: str, message: Message) -> Sent:
    import apprise

    # Its complaints name the address, which may be a secret.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    service = apprise.Apprise()
    if not service.add(url):
        return Sent("failed", "Apprise does not know this kind of address")
    taken = service.notify(title=message.subject, body=message.text, timeout=SECONDS)
    return Sent("delivered", "taken") if taken else Sent("again", "not taken")


@dataclass
class _Guard:
    """Which addresses the code it stands before may connect to, and those that were refused."""

    fit: Callable[[Address], bool]
    refused: list[str] = field(default_factory=list)

    def look(self, address: object) -> None:
        """Raises `PermissionError` for an address that must not be reached: a socket of this machine is none."""
        host = str(address[0] if isinstance(address, tuple) else address)
        try:
            allowed = self.fit(ip_address(host.partition("%")[0]))
        except ValueError:
            allowed = False
        if not allowed:
            self.refused.append(host)
            raise PermissionError(f"{host} must not be reached")


_guard: ContextVar[_Guard | None] = ContextVar("guard", default=None)


@contextmanager
def _guarded(fit: Callable[[Address], bool]) -> Iterator[_Guard]:
    """What this context, and threads that it starts with a copy of itself, connects to is looked at first."""
    _watch_sockets()
    guard = _Guard(fit)
    token = _guard.set(guard)
    try:
        yield guard
    finally:
        _guard.reset(token)


@cache
def _watch_sockets() -> None:
    # The interpreter tells of every connect with the very address, after any look-up: nothing can change in between.
    sys.addaudithook(_on_event)


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto") and (guard := _guard.get()) is not None:
        guard.look(arguments[1])
