"""The load of `make bench-intake`, in a process of its own: orders come as JSON lines on its input, figures go out as
JSON lines.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.rulesets.uscc import with_check_digit
from tests.intake_world import inspection

ENTERPRISES = 200
CODES = [with_check_digit(f"91370305MA4{number:06}") for number in range(ENTERPRISES)]
ANSWER_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Order:
    """A load: closed loop, or paced at `rate` submissions per second over all clients."""

    port: int
    path: str
    key: str | None
    clients: int
    seconds: float
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a load gave: submissions accepted, per second, and the 99th percentile of the latency in seconds."""

    count: int
    rate: float
    p99_s: float


class Posts:
    """Requests as raw bytes of HTTP/1.1; the bodies are made before the clock starts."""

    def __init__(self) -> None:
        self._bodies = [json.dumps(inspection(code, supersedes_reason="again")).encode() for code in CODES]
        self._sent = 0

    def next(self, order: Order) -> bytes:
        self._sent += 1
        body = self._bodies[self._sent % len(self._bodies)]
        key = f"authorization: Bearer {order.key}\r\n" if order.key else ""
        head = (
            f"POST {order.path} HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nidempotency-key: {os.getpid()}-{time.time_ns()}-{self._sent}\r\n{key}\r\n"
        )
        return head.encode() + body


async def one_client(order: Order, posts: Posts, until: float, found: list[float]) -> None:
    gap_s = order.clients / order.rate if order.rate else 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", order.port)
    next_at = time.perf_counter()
    while (now := time.perf_counter()) < until:
        if gap_s and now < next_at:
            await asyncio.sleep(next_at - now)
        next_at += gap_s
        began = max(next_at - gap_s, now) if gap_s else now
        writer.write(posts.next(order))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError((head + answer)[:600].decode())
        found.append(time.perf_counter() - began)
    writer.close()


async def load(order: Order, posts: Posts) -> Found:
    found: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(one_client(order, posts, began + order.seconds, found) for _ in range(order.clients)))
    p99 = statistics.quantiles(found, n=100)[98] if len(found) > 1 else found[0]
    return Found(len(found), len(found) / (time.perf_counter() - began), p99)


class Generator:
    """The process, seen from the benchmark."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self, order: Order) -> Found:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the load's process has ended")
        return Found(**json.loads(answer))


@contextmanager
def generator() -> Iterator[Generator]:
    """Starts the process and ends it."""
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.performance.intake_load"],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Generator(process)
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    posts = Posts()
    for line in sys.stdin:
        found = asyncio.run(asyncio.wait_for(load(Order(**json.loads(line)), posts), ANSWER_WITHIN_S))
        print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main()
