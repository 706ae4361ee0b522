"""What intake survives: kill -9 under load, a broker and a store that go away, a replica that dies or freezes.

Short rounds run in `make test`; `FAULT_ROUNDS=30` in the campaign.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.intake.running_intake import ENTERPRISES, Deployment, Load, assert_kept, eventually, hazard_unit

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(1500)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
OUTAGE_S = float(os.environ.get("FAULT_OUTAGE_S", "5"))


@pytest.fixture
def deployment(tmp_path: Path, kafka_bootstrap: str, mongo_uri: str) -> Iterator[Deployment]:
    found = Deployment(tmp_path, kafka_bootstrap, mongo_uri)
    yield found
    found.stop()


def test_kill_9_under_load_loses_nothing_and_keeps_every_order(deployment: Deployment, record_property: Any) -> None:
    deployment.start()
    chance = random.Random(20230220)
    with Load(deployment) as load:
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.3, 1.5))
            deployment.replicas[0].kill()
            deployment.replicas[0].start()
        time.sleep(1)
    kept = assert_kept(deployment, load)
    assert kept["accepted"] > ROUNDS * 10
    for name, value in kept.items():
        record_property(f"intake_kill9_{name}", value)


def test_of_two_replicas_one_dies_and_the_other_takes_over_in_ten_seconds(
    deployment: Deployment, record_property: Any
) -> None:
    deployment.start(replicas=2)
    with Load(deployment) as load:
        time.sleep(2)
        deployment.replicas[1].kill()
        killed = time.monotonic()
        dead = deployment.replicas.pop()
        posted = [post(deployment, code, "takeover") for code in ENTERPRISES[:4]]
        eventually(lambda: all(published(deployment, *each) for each in posted), 10, "the dead replica's shards")
        record_property("intake_takeover_s", round(time.monotonic() - killed, 1))
    assert_kept(deployment, load)
    dead.stop()


def post(deployment: Deployment, code: str, key: str) -> tuple[str, str]:
    """(enterprise, submission id) of one submission."""
    body = hazard_unit(code, f"HU-{key}")
    answer = deployment.replicas[0].call("POST", "/v1/hazard-units", body, deployment.keys[code], idempotency_key=key)
    assert answer.status == 201, answer
    return code, answer.body["submission_id"]


def published(deployment: Deployment, code: str, id: str) -> bool:
    answer = deployment.replicas[0].call("GET", f"/v1/inspections/{id}", key=deployment.keys[code])
    return answer.status == 200 and answer.body["status"] == "published"


def test_a_frozen_replica_that_wakes_up_reorders_nothing(deployment: Deployment) -> None:
    deployment.start(replicas=2)
    with Load(deployment) as load:
        time.sleep(1)
        frozen = deployment.replicas.pop()
        assert frozen.process is not None
        frozen.process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        frozen.process.send_signal(signal.SIGCONT)
        time.sleep(2)
    deployment.replicas.append(frozen)
    assert_kept(deployment, load)


def test_a_broker_outage_fails_no_request_and_the_backlog_drains_in_order(
    tmp_path: Path, mongo_uri: str, record_property: Any
) -> None:
    from deploy.local.kafka import LocalKafka

    with LocalKafka(tmp_path / "kafka") as kafka:
        deployment = Deployment(tmp_path, kafka.bootstrap, mongo_uri)
        try:
            deployment.start()
            with Load(deployment, failing=()) as load:
                time.sleep(1)
                kafka.kill(0)
                time.sleep(OUTAGE_S)
                kafka.start_node(0)
                time.sleep(1)
            kept = assert_kept(deployment, load)
            record_property("intake_outage_accepted", kept["accepted"])
        finally:
            deployment.stop()


def test_a_store_that_dies_is_503_and_leaves_nothing_half_done(tmp_path: Path, kafka_bootstrap: str) -> None:
    from deploy.local.store import LocalStore

    store = LocalStore(tmp_path / "store")
    with store:
        deployment = Deployment(tmp_path, kafka_bootstrap, store.uri)
        try:
            deployment.start()
            with Load(deployment) as load:
                time.sleep(1)
                store.kill()
                key = deployment.keys[ENTERPRISES[0]]
                body = hazard_unit(ENTERPRISES[0], "HU-while-away")
                answer = deployment.replicas[0].call("POST", "/v1/hazard-units", body, key, idempotency_key="away")
                assert (answer.status, answer.body["type"]) == (503, "urn:keycounty:problem:store_unavailable")
                assert int(answer.headers["retry-after"]) >= 1
                time.sleep(1)
                store.start()
                time.sleep(3)
            assert_kept(deployment, load)
        finally:
            deployment.stop()
