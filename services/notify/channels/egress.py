"""HTTP to receivers that others have named: connects to the very address it has checked and follows no redirect."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

import httpx

from services.notify.channels.addresses import Address, Network, fit
from services.notify.ports import Sent

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
ANSWER_LIMIT = 64 * 1024
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 8.0
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
    """Every address of a host, by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Egress:
    """Posts to URLs of contacts. `allow` are networks that count as fit although they are private. `now` is the real
    time, whatever clock the service goes by: receivers hold a signature's time against theirs.
    """

    def __init__(self, allow: Sequence[Network], now: Callable[[], datetime], resolve: Resolve = resolve) -> None:
        self.now = now
        self._allow = tuple(allow)
        self._resolve = resolve
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=16),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answered:
        """Raises `Refused` for an address that must not be reached, httpx.HTTPError and OSError as they come."""
        target = _parsed(url)
        address = await self.checked(target.host, target.port or (443 if target.scheme == "https" else 80))
        request = self._client.build_request(
            "POST",
            target.copy_with(host=str(address)),
            content=content,
            # Nothing is unpacked: a small answer may be made to swell.
            headers={**headers, "host": target.netloc.decode(), "accept-encoding": "identity"},
            extensions={"sni_hostname": target.host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            return Answered(answer.status_code, await _beginning(answer), _retry_after(answer.headers, self.now()))
        finally:
            await answer.aclose()

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


def _parsed(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as wrong:
        raise Refused("this is no address") from wrong
    if target.scheme not in ("http", "https") or not target.host:
        raise Refused(f"only http and https lead to a receiver, not {target.scheme or 'nothing'!r}")
    return target


async def _beginning(answer: httpx.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            break
    return body[:ANSWER_LIMIT]


def _retry_after(headers: httpx.Headers, now: datetime) -> timedelta | None:
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
    except httpx.TimeoutException as wrong:
        return Sent("again", f"no answer: {type(wrong).__name__}")
    except (httpx.HTTPError, OSError) as wrong:
        return Sent("again", f"{type(wrong).__name__}: {str(wrong)[:200]}")
    except ValueError as wrong:
        # What a registry holds as address or secret must not stop the messages of everybody else.
        return Sent("failed", f"the contact cannot be used: {str(wrong)[:200]}")
