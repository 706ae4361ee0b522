"""What is done to intake under load, and what must hold afterwards. The campaigns of `make faults` and the short rounds
of `make test` differ in numbers only.
"""

import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.kafka import LocalKafka
from deploy.local.store import LocalStore
from tests.faults.intake.running_intake import (
    ENTERPRISES,
    Answer,
    Deployment,
    Load,
    assert_kept,
    eventually,
    hazard_unit,
)

NO_ROOM = 64 * 1024
MORE = 20


def kills(deployment: Deployment, rounds: int) -> dict[str, int]:
    """kill -9 at random moments, so many times; answers what was kept."""
    chance = random.Random(20230220)
    with Load(deployment) as load:
        for _ in range(rounds):
            time.sleep(chance.uniform(0.3, 1.5))
            deployment.replicas[0].kill()
            deployment.replicas[0].start()
        goes_on(load)
    kept = assert_kept(deployment, load)
    assert kept["accepted"] > rounds * 10
    return kept


def takeover(deployment: Deployment) -> float:
    """One of two replicas is killed; the seconds until the other publishes for all of its shards."""
    with Load(deployment) as load:
        goes_on(load)
        deployment.replicas[1].kill()
        killed = time.monotonic()
        dead = deployment.replicas.pop()
        posted = [(code, sent(deployment, code, "takeover")) for code in ENTERPRISES[:4]]
        eventually(lambda: all(published(deployment, *each) for each in posted), 10, "the dead replica's shards")
        took_s = time.monotonic() - killed
    assert_kept(deployment, load)
    dead.stop()
    return took_s


def freeze(deployment: Deployment, seconds: float) -> None:
    """One of two replicas stands still for longer than its leases last, and wakes up."""
    with Load(deployment) as load:
        goes_on(load)
        frozen = deployment.replicas.pop()
        assert frozen.process is not None
        frozen.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        frozen.process.send_signal(signal.SIGCONT)
        goes_on(load)
    deployment.replicas.append(frozen)
    assert_kept(deployment, load)


def broker_outage(folder: Path, mongo_uri: str, seconds: float) -> dict[str, int]:
    """The broker is killed and back after so long: no request fails, what waited goes out in order."""
    with LocalKafka(folder / "kafka") as kafka, deployed(folder, kafka.bootstrap, mongo_uri) as deployment:
        with Load(deployment, failing=()) as load:
            goes_on(load)
            kafka.kill(0)
            time.sleep(seconds)
            kafka.start_node(0)
            goes_on(load)
        return assert_kept(deployment, load)


def store_away(folder: Path, kafka_bootstrap: str) -> None:
    """The store is killed and back: 503 meanwhile, nothing half done."""
    with LocalStore(folder / "store") as store, deployed(folder, kafka_bootstrap, store.uri) as deployment:
        with Load(deployment) as load:
            goes_on(load)
            store.kill()
            assert_refused(post(deployment, ENTERPRISES[0], "away"))
            store.start()
            goes_on(load)
        assert_kept(deployment, load)


def disk_full(folder: Path, kafka_bootstrap: str) -> None:
    """The store finds no more room for a byte, then does: the reason meanwhile, nothing half done, and it goes on."""
    with LocalStore(folder / "store") as store, deployed(folder, kafka_bootstrap, store.uri) as deployment:
        with Load(deployment, failing=(0, 503, 507)) as load:
            goes_on(load)
            with no_room(store):
                refused = eventually(lambda: refusal(deployment, len(load.accepted)), 30, "a refusal")
                assert_refused(refused)
            store.kill()  # a store that has met a full disk in the middle of a write is started again
            store.start()
            goes_on(load)
        assert_kept(deployment, load)


@contextmanager
def no_room(store: LocalStore) -> Iterator[None]:
    """No file of the store's may grow: to the writer the same as a disk without room, and it needs no root."""
    assert store.pid is not None
    _, hard = resource.prlimit(store.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (NO_ROOM, hard))
    yield
    resource.prlimit(store.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def deployed(folder: Path, kafka: str, mongo: str) -> Iterator[Deployment]:
    found = Deployment(folder, kafka, mongo)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def goes_on(load: Load) -> None:
    """Waits until the load has been accepted some times more."""
    before = len(load.accepted)
    eventually(lambda: len(load.accepted) >= before + MORE, 60, f"{MORE} more accepted after {before}")


def post(deployment: Deployment, code: str, key: str) -> Answer:
    body = hazard_unit(code, f"HU-{key}")
    return deployment.replicas[0].call("POST", "/v1/hazard-units", body, deployment.keys[code], idempotency_key=key)


def refusal(deployment: Deployment, number: int) -> Answer | None:
    answer = post(deployment, ENTERPRISES[0], f"full-{number}")
    return answer if answer.status != 201 else None


def assert_refused(answer: Answer) -> None:
    """503 or 507, with the reason and when to come back."""
    reasons = {503: "urn:keycounty:problem:store_unavailable", 507: "urn:keycounty:problem:disk_full"}
    assert answer.body["type"] == reasons[answer.status]
    assert answer.body["detail"]
    assert int(answer.headers["retry-after"]) >= 1


def sent(deployment: Deployment, code: str, key: str) -> str:
    """The id of an accepted submission."""
    answer = post(deployment, code, key)
    assert answer.status == 201, answer
    return str(answer.body["submission_id"])


def published(deployment: Deployment, code: str, id: str) -> Any:
    answer = deployment.replicas[0].call("GET", f"/v1/inspections/{id}", key=deployment.keys[code])
    return answer.status == 200 and answer.body["status"] == "published"
