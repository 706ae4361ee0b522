"""HTTP to receivers that others have named: connects to the very address it has checked and follows no redirect.

Over aiohttp: a post costs it a fifth of what it costs httpx, and posting is most of what a replica does.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address

import aiohttp
import certifi
from yarl import URL

from services.notify.channels.addresses import Address, Network, fit
from services.notify.ports import Sent

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
ANSWER_LIMIT = 64 * 1024
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 8.0
# Shorter than most receivers keep an idle connection, so that none is closed just as a message is written.
IDLE_SECONDS = 4.0
LONGEST_RETRY_AFTER = timedelta(minutes=15)
_WORTH_ANOTHER = frozenset({408, 425, 429})


class Refused(Exception):
    """The address must not be connected to; the message says why."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A receiver's answer: status, body (its first 64 KiB), and how long it asked to wait."""

    status: int
    body: bytes
    retry_after: timedelta | None


async def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host, by the system's resolver; an address is its own."""
    with contextlib.suppress(ValueError):
        return [str(ip_address(host))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Egress:
    """Posts to URLs of contacts. `allow` are networks that count as fit although they are private. `now` is the real
    time, whatever clock the service goes by: receivers hold a signature's time against theirs. `trust`: whose
    certificates are believed, by default those of the authorities that certifi lists.
    """

    def __init__(
        self,
        allow: Sequence[Network],
        now: Callable[[], datetime],
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.now = now
        self._allow = tuple(allow)
        self._resolve = resolve
        self._trust = trust
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answered:
        """Raises `Refused` for an address that must not be reached; aiohttp.ClientError, TimeoutError, OSError and
        ValueError as they come.
        """
        target = _parsed(url)
        host = target.raw_host or ""
        address = await self.checked(host, target.port or 0)
        async with self._session.post(
            _at(address, target, url),
            data=content,
            # Nothing is unpacked: a small answer may be made to swell.
            headers={**headers, "host": target.host_port_subcomponent or "", "accept-encoding": "identity"},
            server_hostname=host if target.scheme == "https" else None,
            allow_redirects=False,
        ) as answer:
            return Answered(answer.status, await _beginning(answer.content), _retry_after(answer.headers, self.now()))

    @property
    def _session(self) -> aiohttp.ClientSession:
        # It belongs to the event loop, which runs only now.
        if self._opened is None:
            trust = self._trust or ssl.create_default_context(cafile=certifi.where())
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trust, limit=200, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS),
            )
        return self._opened

    async def checked(self, host: str, port: int) -> Address:
        """An address of the host that may be connected to. One bad address among several refuses them all."""
        try:
            found = [ip_address(text.partition("%")[0]) for text in await self._resolve(host, port)]
        except (socket.gaierror, UnicodeError) as wrong:
            raise OSError(f"{host} cannot be resolved") from wrong
        bad = [address for address in found if not self.fit(address)]
        if bad or not found:
            raise Refused(f"{host} leads to the private address {bad[0]}" if bad else f"{host} has no address")
        return found[0]

    def fit(self, address: Address) -> bool:
        """Whether an address may be connected to."""
        return fit(address, self._allow)


def _parsed(url: str) -> URL:
    try:
        target = URL(url)
    except ValueError as wrong:
        raise Refused("this is no address") from wrong
    if target.scheme not in ("http", "https") or not target.host:
        raise Refused(f"only http and https lead to a receiver, not {target.scheme or 'nothing'!r}")
    return target


def _at(address: Address, target: URL, url: str) -> URL:
    """The URL at that address; path and query as they were given, for a receiver may sign or compare them."""
    plain = url.isascii() and url.isprintable() and " " not in url
    given = URL(url, encoded=True) if plain else target
    return URL.build(
        scheme=target.scheme,
        user=target.raw_user,
        password=target.raw_password,
        host=f"[{address}]" if isinstance(address, IPv6Address) else str(address),
        port=target.explicit_port,
        path=given.raw_path,
        query_string=given.raw_query_string,
        encoded=True,
    )


async def _beginning(answer: aiohttp.StreamReader) -> bytes:
    body = b""
    async for chunk in answer.iter_any():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            break
    return body[:ANSWER_LIMIT]


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    text = headers.get("retry-after", "")
    try:
        wait = timedelta(seconds=int(text)) if text.isdecimal() else parsedate_to_datetime(text) - now
    except OverflowError:
        return LONGEST_RETRY_AFTER
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


def sent_of(answered: Answered) -> Sent:
    """What a status means: 2xx taken; 408, 425, 429 and 5xx worth another attempt; a redirect or another 4xx is not."""
    status = answered.status
    if 200 <= status < 300:
        return Sent("delivered", f"HTTP {status}")
    again = status in _WORTH_ANOTHER or status >= 500
    why = f"HTTP {status}" + (" (redirects are not followed)" if 300 <= status < 400 else "")
    return Sent("again" if again else "failed", why, answered.retry_after if again else None)


async def posting(post: Callable[[], Awaitable[Sent]]) -> Sent:
    """`post`, with what a receiver or the network may do to it as an outcome."""
    try:
        return await post()
    except Refused as wrong:
        return Sent("failed", f"refused: {wrong}")
    except TimeoutError as wrong:
        return Sent("again", f"no answer: {type(wrong).__name__}")
    except (aiohttp.ClientError, OSError) as wrong:
        return Sent("again", f"{type(wrong).__name__}: {str(wrong)[:200]}")
    except ValueError as wrong:
        # What a registry holds as address or secret must not stop the messages of everybody else.
        return Sent("failed", f"the contact cannot be used: {str(wrong)[:200]}")
