"""`make bench-intake`: intake against a bare baseline in the same run, on the real broker and the local runtime's
store.

Prints a table and, as its last line, one JSON object with the figures and whether each bar was met.
"""

import asyncio
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
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
from shared.settings import Settings
from tests.intake_world import LINZI, STAGES, WINDOW, hazard_unit
from tests.performance.intake_baseline import TOPIC
from tests.performance.intake_load import CODES, ENTERPRISES, Generator, Order, generator

SECONDS = float(os.environ.get("BENCH_SECONDS", "24"))
TURNS = int(os.environ.get("BENCH_TURNS", "8"))
SETTLES_S = 0.2
BATCH_LINES = int(os.environ.get("BENCH_LINES", "100000"))
CLIENTS = 64
ADMIN = "kc_" + "b" * 64
INTAKE_PORT, BASELINE_PORT = 18751, 18752


@dataclass(frozen=True, slots=True)
class Slice:
    """A short load of one server: accepted per second, p99 in seconds, CPU seconds of the server and store calls per
    submission.
    """

    rate: float
    p99_s: float
    cpu_s: float
    calls: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load."""

    pid: int
    port: int
    path: str
    key: str | None = None

    def take(self, generator: Generator, clients: int, seconds: float, rate: float | None = None) -> Slice:
        process = psutil.Process(self.pid)
        cpu, calls = sum(process.cpu_times()[:2]), store_calls()
        found = generator.load(Order(self.port, self.path, self.key, clients, seconds, rate))
        used = (sum(process.cpu_times()[:2]) - cpu) / found.count
        return Slice(found.rate, found.p99_s, used, (store_calls() - calls) / found.count)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Slices of the baseline and of intake in turn, so that whatever else the machine does meets both."""

    base: Sequence[Slice]
    ours: Sequence[Slice]

    def ratio(self, name: str) -> float:
        """The median over the turns of ours divided by the baseline's."""
        return float(median(getattr(b, name) / getattr(a, name) for a, b in zip(self.base, self.ours, strict=True)))


def in_turn(generator: Generator, base: Server, ours: Server, clients: int, rate: float | None = None) -> Pairs:
    slices: tuple[list[Slice], list[Slice]] = ([], [])
    for turn in range(TURNS):
        for place in (0, 1) if turn % 2 == 0 else (1, 0):
            slices[place].append((base, ours)[place].take(generator, clients, SECONDS / TURNS, rate))
            time.sleep(SETTLES_S)
    return Pairs(*slices)


def store_calls() -> float:
    lines = httpx.get(f"http://127.0.0.1:{INTAKE_PORT}/metrics").text.splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("keycounty_intake_store_calls_total{")
    )


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
        base = Server(base_pid, BASELINE_PORT, "/submissions")
        ours = Server(pid, INTAKE_PORT, "/v1/inspections", keys["enterprise"])
        with generator() as load:
            for server in (base, ours):
                server.take(load, CLIENTS, 2.0)
            many, one = in_turn(load, base, ours, CLIENTS), in_turn(load, base, ours, 1)
            half = in_turn(load, base, ours, CLIENTS, median(each.rate for each in many.base) / 2)
        found = figures(many, one, half)
        if BATCH_LINES:
            found |= batch(pid, keys["enterprise"], BATCH_LINES, folder)
    return found


def figures(many: Pairs, one: Pairs, half: Pairs) -> dict[str, float]:
    """Medians; every `times_` is the median of the ratios of neighbouring slices."""
    found: dict[str, float] = {}
    for clients, pairs in ((CLIENTS, many), (1, one)):
        for name, slices in (("baseline", pairs.base), ("intake", pairs.ours)):
            found[f"{name}_{clients}"] = median(each.rate for each in slices)
            found[f"{name}_{clients}_cpu_ms"] = median(each.cpu_s for each in slices) * 1000
        found[f"times_rate_{clients}"] = pairs.ratio("rate")
    found["times_cpu"] = many.ratio("cpu_s")
    found["store_calls"] = median(each.calls for each in many.ours)
    found["baseline_p99_ms"] = median(each.p99_s for each in half.base) * 1000
    found["intake_p99_ms"] = median(each.p99_s for each in half.ours) * 1000
    found["times_p99"] = half.ratio("p99_s")
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
    many, one, cpu, p99 = (found[f"times_{name}"] for name in (f"rate_{CLIENTS}", "rate_1", "cpu", "p99"))
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
