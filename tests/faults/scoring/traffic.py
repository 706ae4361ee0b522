"""A synthetic log sent to the source topic at an even pace, with duplicates, gaps and bad records. Used by the
rounds."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

BAD = "x-synthetic-bad"
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Sent:
    """A record on its way; `bad` names why nobody can take it."""

    key: bytes
    value: bytes
    headers: Headers
    bad: str = ""

    def marked(self) -> Headers:
        return [*self.headers, (BAD, self.bad.encode())] if self.bad else self.headers


def log(seed: int, units: int = 6, enterprises: int = 6) -> list[Sent]:
    """The events of a synthetic log, good ones only."""
    asked = [sys.executable, "-m", "tests.log_records", "--seed", str(seed), "--units", str(units)]
    done = subprocess.run([*asked, "--enterprises", str(enterprises)], capture_output=True, check=True)
    return [_sent(json.loads(line)) for line in done.stdout.splitlines()]


def _sent(line: dict[str, object]) -> Sent:
    headers = [(str(name), str(value).encode()) for name, value in line["headers"]]  # type: ignore[attr-defined]
    return Sent(str(line["key"]).encode(), str(line["value"]).encode(), headers)


def spoiled(events: list[Sent], seed: int, share: float = 0.01) -> Iterator[Sent]:
    """With 1 % bad records, 3 % duplicates and a few events missing from their sequences."""
    chance = random.Random(seed)
    for event in events:
        if _stands_alone(event) and chance.random() < 0.03:
            continue
        yield event
        if chance.random() < 0.03:
            yield event
        if chance.random() < share:
            yield bad_one(event, chance)


def _stands_alone(event: Sent) -> bool:
    """No other event refers to it: it can be missing without making others bad."""
    kind = dict(event.headers)["ce_type"]
    return kind.split(b".")[1] in (b"guidance", b"key_task", b"park", b"rectification", b"installation")


def bad_one(event: Sent, chance: random.Random) -> Sent:
    """One of the ways in which a record can be bad."""
    kind = chance.choice(("bytes", "no JSON", "type", "schema", "key", "large", "no headers"))
    value, key, headers = event.value, event.key, event.headers
    if kind == "bytes":
        value = bytes(chance.randrange(256) for _ in range(200))
    elif kind == "no JSON":
        value = b"{" + value
    elif kind == "type":
        headers = [(name, b"keycounty.unheard.of.v1" if name == "ce_type" else text) for name, text in headers]
    elif kind == "schema":
        value = b'{"unit_id": "' + key + b'"}'
    elif kind == "key":
        key = b"another-unit"
    elif kind == "large":
        value = b'{"unit_id": "' + key + b'", "text": "' + b"x" * 700_000 + b'"}'
    else:
        headers = []
    return Sent(key, value, headers, kind)


async def send(bootstrap: str, topic: str, records: Iterator[Sent], per_second: float) -> int:
    """Sends them all, whatever happens to the broker meanwhile; answers how many. Copies are possible, losses not."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, request_timeout_ms=90_000)
    await producer.start()
    count = 0
    try:
        for record in records:
            await _patiently(producer, topic, record)
            count += 1
            await asyncio.sleep(1 / per_second)
    finally:
        await producer.stop()
    return count


async def _patiently(producer: AIOKafkaProducer, topic: str, record: Sent) -> None:
    while True:
        try:
            await producer.send_and_wait(topic, record.value, key=record.key, headers=record.marked())
            return
        except KafkaError:
            await asyncio.sleep(0.2)
