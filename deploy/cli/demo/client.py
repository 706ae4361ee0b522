"""The demo's HTTP client: everything goes through the services' public APIs, as any user's calls would."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from deploy.cli.demo.world import Body, Post, World

AT_ONCE = 4


class DemoFailed(Exception):
    """An answer that the demo did not expect; the text says which."""


@dataclass
class Sent:
    """One accepted submission: what was posted, the answer, and when the POST began (seconds, monotonic clock)."""

    post: Post
    answer: Body
    began: float


@dataclass
class Client:
    """Calls the services of a `run.json`; holds the keys it was given."""

    services: dict[str, str]
    admin_key: str
    keys: dict[str, str] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.http = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=AT_ONCE * 2))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def call(self, method: str, service: str, path: str, key: str, **options: Any) -> httpx.Response:
        """One call with a named key. Waits out 429 and 503 for as long as they ask, five times."""
        headers = {"Authorization": f"Bearer {self.keys.get(key, self.admin_key)}", **options.pop("headers", {})}
        url = self.services[service] + path
        answer = await self.http.request(method, url, headers=headers, **options)
        for _ in range(4):
            if answer.status_code not in (429, 503):
                break
            await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
            answer = await self.http.request(method, url, headers=headers, **options)
        return answer

    async def ask(self, service: str, path: str, key: str = "national") -> Any:
        """The JSON of a GET. Raises DemoFailed for anything but 200."""
        answer = await self.call("GET", service, path, key)
        return expect(answer, 200).json()

    async def register(self, world: World) -> None:
        """Puts every registry object, in order."""
        for kind, id_, body in world.registry:
            expect(await self.call("PUT", "intake", f"/v1/registry/{kind}/{id_}", "admin", json=body), 200, 201)

    async def make_keys(self, world: World) -> None:
        """A key for each caller of the demo."""

        async def one(name: str, wanted: Body) -> None:
            answer = expect(await self.call("POST", "intake", "/v1/keys", "admin", json=wanted), 201)
            self.keys[name] = answer.json()["key"]

        await in_parallel(one(name, wanted) for name, wanted in world.keys.items())

    async def submit(self, post: Post) -> None:
        """Posts one submission and keeps the answer."""
        began = time.monotonic()
        headers = {"Idempotency-Key": post.idempotency_key}
        answer = expect(await self.call("POST", "intake", post.path, post.key, json=post.body, headers=headers), 201)
        self.sent.append(Sent(post, answer.json(), began))


def expect(answer: httpx.Response, *wanted: int) -> httpx.Response:
    """The answer itself. Raises DemoFailed, with the problem's text, for another status."""
    if answer.status_code not in wanted:
        asked = f"{answer.request.method} {answer.request.url}"
        raise DemoFailed(f"{asked} answered {answer.status_code}, not {wanted}: {answer.text[:2000]}")
    return answer


async def in_parallel(calls: Iterable[Any]) -> None:
    """Runs the calls, a few at once; the first failure ends it."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(call: Any) -> None:
        async with gate:
            await call

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))
