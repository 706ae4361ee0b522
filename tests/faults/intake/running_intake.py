"""Intake as processes of its own on a real broker and store, a load of submissions, and what must hold of them in
the end.

Knows intake by HTTP, the topic by Kafka, receipts by their published form: nothing of ours is imported.
"""

import asyncio
import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import rfc8785
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from stdnum.cn import uscc

KEYCOUNTY = Path(sys.executable).with_name("keycounty")
ROOT = Path(__file__).parents[3]
ADMIN = "kc_" + "c" * 64
UNITS = ("linzi", "fangshan", "lucheng", "nangang")
FIRST = [f"91370305MA5{number:06}" for number in range(24)]
ENTERPRISES = [first + uscc.calc_check_digit(first) for first in FIRST]
UNIT_OF = {code: UNITS[place % len(UNITS)] for place, code in enumerate(ENTERPRISES)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(probe: Callable[[], Any], seconds: float, what: str) -> Any:
    """Polls until the probe answers something true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class Replica:
    """One intake process; `kill` is kill -9, `start` starts it again on its port."""

    def __init__(self, folder: Path, environment: dict[str, str], name: str) -> None:
        self.port = free_port()
        self.name = name
        self._folder = folder
        self._environment = environment | {"KEYCOUNTY_PORT": str(self.port), "KEYCOUNTY_INSTANCE": name}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / f"{self.name}.log").open("ab") as log:
            argv = [sys.executable, "-m", "services.intake"]
            self.process = subprocess.Popen(argv, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
        eventually(lambda: self.call("GET", "/health/ready").status == 200, 30, f"{self.name} ready")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(15)

    def call(self, method: str, path: str, body: Any = None, key: str = ADMIN, **headers: str) -> Answer:
        """Status 0 when nobody answers."""
        sent = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return Answer(answer.status, json.loads(answer.read() or b"null"), dict(answer.headers))
        except urllib.error.HTTPError as error:
            raw = error.read()
            return Answer(error.code, json.loads(raw) if raw else None, dict(error.headers))
        except (OSError, ValueError, http.client.HTTPException):
            return Answer(0, None, {})


@dataclass
class Deployment:
    """A broker, a store, secrets, and replicas of intake on them."""

    folder: Path
    kafka: str
    mongo: str
    replicas: list[Replica] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    prefix: str = field(default_factory=lambda: f"f{os.urandom(4).hex()}.")

    def environment(self) -> dict[str, str]:
        signing = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        contents = {"SIGNING_KEY_FILE": signing, "CONTACT_KEY_FILE": base64.b64encode(os.urandom(32))}
        contents["SESSION_SECRET_FILE"] = os.urandom(32)
        for name, content in contents.items():
            (self.folder / name).write_bytes(content)
        values = {name: str(self.folder / name) for name in contents} | {
            "KAFKA_BOOTSTRAP": self.kafka,
            "MONGO_URI": self.mongo,
            "MONGO_DATABASE_PREFIX": self.prefix.replace(".", "_"),
            "TOPIC_PREFIX": self.prefix,
            "TOPIC_PARTITIONS": "3",
            "TOPIC_REPLICATION": "1",
            "ADMIN_KEY_SHA256": hashlib.sha256(ADMIN.encode()).hexdigest(),
            "CLOCK_START": "2023-02-20T08:00:00+08:00",
            "CLOCK_ANCHOR": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return os.environ | {"PYTHONPATH": str(ROOT)} | {f"KEYCOUNTY_{name}": value for name, value in values.items()}

    def start(self, replicas: int = 1) -> None:
        environment = self.environment()
        subprocess.run([KEYCOUNTY, "topics", "ensure"], env=environment, check=True, stdout=subprocess.DEVNULL)
        self.replicas = [Replica(self.folder, environment, f"intake-{place}") for place in range(replicas)]
        for replica in self.replicas:
            replica.start()
        self._register()

    def stop(self) -> None:
        for replica in self.replicas:
            replica.stop()

    def _register(self) -> None:
        def ok(method: str, path: str, body: Any) -> Any:
            answer = self.replicas[0].call(method, path, body)
            assert answer.status in (200, 201), answer
            return answer.body

        for unit in UNITS:
            ok("PUT", f"/v1/registry/units/{unit}", {"name": "synthetic", "kind": "district"})
        for code, unit in UNIT_OF.items():
            ok("PUT", f"/v1/registry/enterprises/{code}", {"name": "synthetic", "unit_id": unit})
            wanted = {"role": "enterprise", "scope": {"enterprises": [code]}}
            self.keys[code] = ok("POST", "/v1/keys", wanted)["key"]
        last = self.keys[ENTERPRISES[-1]]
        for replica in self.replicas:
            known = f"{replica.name} knows every key"
            eventually(lambda replica=replica: replica.call("GET", "/v1/checklists", key=last).status == 200, 2, known)

    def records(self) -> list[tuple[int, dict[str, bytes], bytes]]:
        """(partition, headers, value) of every submission on `inspections.v1`, in order per partition."""
        found = asyncio.run(_read(self.kafka, f"{self.prefix}inspections.v1"))
        return [each for each in found if each[1]["ce_type"].endswith(b"hazard_unit.declared.v1")]

    def public_keys(self) -> dict[str, Ed25519PublicKey]:
        listed = self.replicas[0].call("GET", "/.well-known/receipt-keys.json").body["keys"]
        return {jwk["kid"]: Ed25519PublicKey.from_public_bytes(unb64(jwk["x"])) for jwk in listed}

    def receipts(self, code: str) -> list[Any]:
        found: list[Any] = []
        cursor = ""
        while True:
            answer = self.replicas[0].call("GET", f"/v1/receipts/{code}?limit=500{cursor}", key=self.keys[code])
            found += answer.body["items"]
            if answer.body["next_cursor"] is None:
                return found
            cursor = f"&cursor={answer.body['next_cursor']}"


class Load:
    """Threads that post hazard units, each for enterprises of its own, and repeat what got no answer with the same
    key.
    """

    def __init__(self, deployment: Deployment, threads: int = 8, failing: tuple[int, ...] = (0, 503)) -> None:
        import threading

        self.deployment = deployment
        self.accepted: dict[str, Any] = {}
        self.unexpected: list[Answer] = []
        self.slowest_s = 0.0
        self._failing = failing
        self._stopping = threading.Event()
        shares = [ENTERPRISES[place::threads] for place in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(share, place)) for place, share in enumerate(shares)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self, codes: list[str], place: int) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            code = codes[number % len(codes)]
            self._until_answered(code, f"{place}-{number}", number)

    def _until_answered(self, code: str, key: str, number: int) -> None:
        body = hazard_unit(code, f"HU-{key}")
        for attempt in range(600):
            replicas = self.deployment.replicas
            began = time.monotonic()
            replica = replicas[(number + attempt) % len(replicas)]
            answer = replica.call("POST", "/v1/hazard-units", body, self.deployment.keys[code], idempotency_key=key)
            if answer.status == 201:
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                self.accepted[answer.body["submission_id"]] = answer.body
                return
            if answer.status not in self._failing:
                self.unexpected.append(answer)
                return
            time.sleep(0.1)
        self.unexpected.append(Answer(0, f"never answered: {key}", {}))


def hazard_unit(code: str, id: str) -> Any:
    return {
        "hazard_unit_id": id,
        "enterprise_id": code,
        "unit_id": UNIT_OF[code],
        "kind": "storage",
        "exposed_population": 60,
        "substances": [{"seq": 12, "quantity_t": 5.0}, {"seq": 1, "quantity_t": 5.0}],
        "responsible": {},
        "declared_on": "2023-02-01",
    }


def assert_kept(deployment: Deployment, load: Load) -> dict[str, int]:
    """Every 201 is on the topic, copies are identical, subjects in order, receipts unbroken, numbers without gap."""
    assert not load.unexpected, load.unexpected[:3]

    def missing() -> set[str]:
        on_topic = {json.loads(value)["submission_id"] for _, _, value in deployment.records()}
        return set(load.accepted) - on_topic

    eventually(lambda: not missing(), 60, "every accepted submission on the topic")
    records = deployment.records()
    copies: dict[bytes, set[Any]] = defaultdict(set)
    sequences: dict[bytes, list[int]] = defaultdict(list)
    for partition, headers, value in records:
        copies[headers["ce_id"]].add((partition, tuple(sorted(headers.items())), value))
        sequences[headers["ce_subject"]].append(json.loads(value)["seq"])
    assert all(len(found) == 1 for found in copies.values()), "copies differ"
    for subject, seen in sequences.items():
        assert_in_order(subject.decode(), seen)
    keys = deployment.public_keys()
    for code in ENTERPRISES:
        assert_unbroken(code, deployment.receipts(code), keys)
    return {"accepted": len(load.accepted), "records": len(records), "copies": len(records) - len(copies)}


def assert_in_order(subject: str, seen: list[int]) -> None:
    """Each number first appears right after the one before it; repeats may follow."""
    reached = 0
    for seq in seen:
        assert seq <= reached + 1, f"{subject}: {seq} came when {reached} was the last"
        reached = max(reached, seq)


def assert_unbroken(code: str, chain: list[Any], keys: dict[str, Ed25519PublicKey]) -> None:
    prev = None
    for number, receipt in enumerate(chain, 1):
        assert (receipt["subject"], receipt["seq"], receipt["prev"]) == (code, number, prev)
        unsigned = {name: value for name, value in receipt.items() if name != "signature"}
        keys[receipt["kid"]].verify(unb64(receipt["signature"]), rfc8785.dumps(unsigned))
        prev = hashlib.sha256(rfc8785.dumps(receipt)).hexdigest()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def _read(bootstrap: str, topic: str) -> list[tuple[int, dict[str, bytes], bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(3)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[tuple[int, dict[str, bytes], bytes]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                found += [(partition.partition, dict(record.headers), record.value) for record in records]
        return found
    finally:
        await consumer.stop()
