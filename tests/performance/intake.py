"""`make bench-intake`: intake against a bare baseline in the same run, on the real broker and the local runtime's
store.

Prints a table and, as its last line, one JSON object with the figures and whether each bar was met.
"""

import asyncio
import base64
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table

from deploy.local.kafka import LocalKafka
from deploy.local.store import LocalStore
from shared import topics
from shared.rulesets.uscc import with_check_digit
from shared.settings import Settings
from tests.intake_world import LINZI, STAGES, WINDOW, hazard_unit, inspection
from tests.performance.intake_baseline import TOPIC

SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
BATCH_LINES = int(os.environ.get("BENCH_LINES", "100000"))
ENTERPRISES, CLIENTS = 200, 64
ADMIN = "kc_" + "b" * 64
INTAKE_PORT, BASELINE_PORT = 18751, 18752
CODES = [with_check_digit(f"91370305MA4{number:06}") for number in range(ENTERPRISES)]


@dataclass
class Figures:
    """What one run of a load gave: accepted per second, latencies in seconds, CPU seconds of the server per
    submission.
    """

    rate: float
    latencies: list[float]
    cpu_s: float
    count: int

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.latencies, n=100)[98] if len(self.latencies) > 1 else self.latencies[0]


class Posts:
    """Prepared requests: raw bytes of HTTP/1.1, made before the clock starts."""

    def __init__(self, port: int, path: str, key: str | None) -> None:
        self._port, self._path, self._key = port, path, key
        self._bodies = [json.dumps(inspection(code, supersedes_reason="again")).encode() for code in CODES]
        self._sent = 0

    def next(self) -> bytes:
        self._sent += 1
        body = self._bodies[self._sent % len(self._bodies)]
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"host: 127.0.0.1:{self._port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"idempotency-key: {os.getpid()}-{time.time_ns()}-{self._sent}",
        ]
        if self._key:
            lines.append(f"authorization: Bearer {self._key}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def one_client(port: int, posts: Posts, until: float, gap_s: float, found: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    next_at = time.perf_counter()
    while (now := time.perf_counter()) < until:
        if gap_s and now < next_at:
            await asyncio.sleep(next_at - now)
        next_at += gap_s
        began = max(next_at - gap_s, now) if gap_s else now
        writer.write(posts.next())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError((head + answer)[:600].decode())
        found.append(time.perf_counter() - began)
    writer.close()


async def load(pid: int, port: int, posts: Posts, clients: int, seconds: float, rate: float | None = None) -> Figures:
    """Closed loop, or paced at `rate` per second over all clients."""
    process, found = psutil.Process(pid), list[float]()
    gap = clients / rate if rate else 0.0
    cpu, began = sum(process.cpu_times()[:2]), time.perf_counter()
    await asyncio.gather(*(one_client(port, posts, began + seconds, gap, found) for _ in range(clients)))
    taken = time.perf_counter() - began
    return Figures(len(found) / taken, found, (sum(process.cpu_times()[:2]) - cpu) / len(found), len(found))


def store_calls() -> float:
    lines = httpx.get(f"http://127.0.0.1:{INTAKE_PORT}/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("intake_store_calls_total{"))


@contextmanager
def child(argv: Sequence[str], folder: Path, ready: str, **env: str) -> Iterator[int]:
    root = str(Path(__file__).parents[2])
    log = (folder / f"{argv[1]}.log").open("wb")
    environment = {**os.environ, "PYTHONPATH": root, **env}
    process = subprocess.Popen([sys.executable, *argv], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(200):
            try:
                if httpx.get(ready).status_code < 500:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(15)
        log.close()


def secrets_in(folder: Path) -> dict[str, str]:
    signing = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    contents = {"SIGNING_KEY_FILE": signing, "CONTACT_KEY_FILE": base64.b64encode(os.urandom(32))}
    contents["SESSION_SECRET_FILE"] = os.urandom(32)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {f"KEYCOUNTY_{name}": str(folder / name) for name in contents}


def register() -> dict[str, str]:
    """One county with all enterprises, and a key for the county and for one enterprise."""
    with httpx.Client(base_url=f"http://127.0.0.1:{INTAKE_PORT}", headers={"authorization": f"Bearer {ADMIN}"}) as http:

        def ok(method: str, path: str, body: Any) -> Any:
            answer = http.request(method, path, json=body)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()

        ok("PUT", "/v1/registry/authorities/county-linzi", {"name": "x", "tier": "county"})
        ok("PUT", f"/v1/registry/units/{LINZI}", {"name": "x", "kind": "district", "authority": "county-linzi"})
        for code in CODES:
            ok("PUT", f"/v1/registry/enterprises/{code}", {"name": "sample", "unit_id": LINZI})
        windows = dict.fromkeys(STAGES, WINDOW)
        ok("PUT", "/v1/registry/rounds/2023-1", {"year": 2023, "number": 1, "windows": windows})
        enrolment = {"round_id": "2023-1", "unit_id": LINZI, "enterprises": CODES}
        ok("PUT", f"/v1/registry/enrolments/2023-1:{LINZI}", enrolment)
        scope = {"role": "enterprise", "scope": {"enterprises": CODES}}
        return {"enterprise": ok("POST", "/v1/keys", scope)["key"]}


def batch(pid: int, key: str, lines: int, folder: Path) -> dict[str, float]:
    """A batch of hazard units: rate in lines per second, peak of the resident memory in MB."""
    file = folder / "batch.ndjson"
    with file.open("wb") as out:
        for number in range(lines):
            body = hazard_unit(CODES[number % ENTERPRISES], hazard_unit_id=f"HU-{number}")
            out.write(json.dumps(body).encode() + b"\n")
    process, peak, taken, rejected = psutil.Process(pid), 0, 0, 0
    began = time.perf_counter()
    with file.open("rb") as content, httpx.Client(timeout=httpx.Timeout(60, read=900, write=900)) as http:
        url = f"http://127.0.0.1:{INTAKE_PORT}/v1/hazard-units/batch"
        headers = {"authorization": f"Bearer {key}", "content-type": "application/x-ndjson"}
        with http.stream("POST", url, content=content, headers=headers) as answer:
            for line in answer.iter_lines():
                taken += 1
                rejected += b"submission_id" not in line.encode()
                if taken % 500 == 0:
                    peak = max(peak, process.memory_info().rss)
    assert rejected == 0, f"{rejected} lines were rejected"
    return {"batch_rate": taken / (time.perf_counter() - began), "batch_peak_mb": peak / 1e6, "batch_lines": taken}


def measure(folder: Path, kafka: str, mongo: str) -> dict[str, float]:
    settings = Settings(kafka_bootstrap=kafka, mongo_uri=mongo, topic_replication=1)
    asyncio.run(topics.ensure(settings))
    make_topic(kafka)
    env = secrets_in(folder) | {
        "KEYCOUNTY_KAFKA_BOOTSTRAP": kafka,
        "KEYCOUNTY_MONGO_URI": mongo,
        "KEYCOUNTY_ADMIN_KEY_SHA256": hashlib.sha256(ADMIN.encode()).hexdigest(),
        "KEYCOUNTY_PORT": str(INTAKE_PORT),
        "KEYCOUNTY_CLOCK_START": "2023-02-20T08:00:00+08:00",
        "KEYCOUNTY_TOPIC_REPLICATION": "1",
        "KEYCOUNTY_REQUESTS_PER_MINUTE": "100000000",
        "KEYCOUNTY_LOG_LEVEL": "WARNING",
    }
    intake = ("-m", "services.intake")
    baseline = ("-m", "tests.performance.intake_baseline", str(BASELINE_PORT), kafka, mongo)
    found: dict[str, float] = {}
    with (
        child(intake, folder, f"http://127.0.0.1:{INTAKE_PORT}/health/ready", **env) as pid,
        child(baseline, folder, f"http://127.0.0.1:{BASELINE_PORT}/openapi.json") as base_pid,
    ):
        keys = register()
        base = Posts(BASELINE_PORT, "/submissions", None)
        ours = Posts(INTAKE_PORT, "/v1/inspections", keys["enterprise"])
        for server, port, posts in ((base_pid, BASELINE_PORT, base), (pid, INTAKE_PORT, ours)):
            asyncio.run(load(server, port, posts, CLIENTS, 2.0))
        figures: dict[str, Figures] = {}
        calls = 0.0
        for clients in (CLIENTS, 1):
            figures[f"baseline_{clients}"] = asyncio.run(load(base_pid, BASELINE_PORT, base, clients, SECONDS))
            before = store_calls()
            figures[f"intake_{clients}"] = asyncio.run(load(pid, INTAKE_PORT, ours, clients, SECONDS))
            if clients == CLIENTS:
                calls = (store_calls() - before) / figures[f"intake_{clients}"].count
        half = figures[f"baseline_{CLIENTS}"].rate / 2
        base_half = asyncio.run(load(base_pid, BASELINE_PORT, base, CLIENTS, SECONDS, half))
        ours_half = asyncio.run(load(pid, INTAKE_PORT, ours, CLIENTS, SECONDS, half))
        found = {name: figure.rate for name, figure in figures.items()}
        found |= {f"{name}_cpu_ms": figure.cpu_s * 1000 for name, figure in figures.items()}
        found |= {"store_calls": calls, "baseline_p99_ms": base_half.p99 * 1000, "intake_p99_ms": ours_half.p99 * 1000}
        if BATCH_LINES:
            found |= batch(pid, keys["enterprise"], BATCH_LINES, folder)
    return found


def make_topic(kafka: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    async def make() -> None:
        client = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await client.start()
        await client.create_topics([NewTopic(TOPIC, 12, 1)])
        await client.close()

    asyncio.run(make())


def bars(found: dict[str, float]) -> list[tuple[str, float, str, bool]]:
    """(what, figure, bar, met)."""
    many, one = found[f"intake_{CLIENTS}"] / found[f"baseline_{CLIENTS}"], found["intake_1"] / found["baseline_1"]
    cpu = found[f"intake_{CLIENTS}_cpu_ms"] / found[f"baseline_{CLIENTS}_cpu_ms"]
    p99 = found["intake_p99_ms"] / found["baseline_p99_ms"]
    rows = [
        (f"accepted/s at {CLIENTS} clients, times the baseline", many, ">= 1.2", many >= 1.2),
        ("store calls per submission", found["store_calls"], "<= 0.2", found["store_calls"] <= 0.2),
        ("CPU per submission, times the baseline", cpu, "<= 1.5", cpu <= 1.5),
        ("accepted/s at 1 client, times the baseline", one, ">= 0.6", one >= 0.6),
        ("p99 at half load, times the baseline", p99, "<= 2", p99 <= 2),
    ]
    if "batch_rate" in found:
        faster = found["batch_rate"] / found["intake_1"]
        rows += [
            ("a batch's lines/s, times the one-client rate", faster, ">= 5", faster >= 5),
            (
                "peak of the resident memory in a batch, MB",
                found["batch_peak_mb"],
                "< 150",
                found["batch_peak_mb"] < 150,
            ),
        ]
    return rows


def main() -> int:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with LocalKafka(folder / "kafka") as kafka, LocalStore(folder / "store") as store:
            found = measure(folder, kafka.bootstrap, store.uri)
    table, rows = Table("figure", "value", "bar", "met"), bars(found)
    for name, value in found.items():
        table.add_row(name, f"{value:.2f}", "", "")
    for what, value, bar, met in rows:
        table.add_row(what, f"{value:.2f}", bar, "yes" if met else "NO")
    Console().print(table)
    passed = all(met for *_, met in rows)
    print(
        json.dumps(
            {"name": "bench-intake", "passed": passed} | {name: round(value, 3) for name, value in found.items()}
        )
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
