"""One of two replicas killed at random moments under load, fifty times: every alert told, none under two ids, and no
more repeats than sends under way.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.kafka import LocalKafka
from deploy.local.store import LocalStore
from tests.faults.notify.deployment import Deployment

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]
KILLS = 50
OUTAGES = 5
ALERTS_A_KILL = 30
# What a replica has under way at most, and so may repeat when it dies.
SENDS_AT_ONCE = 4


async def test_fifty_kills_lose_no_alert_and_double_none(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    found = await campaign(kafka_bootstrap, mongo_uri, tmp_path, KILLS, seed=1)
    for name, value in found.items():
        record_property(f"notify_{name}", value)
    assert found["missed"] == 0
    assert found["doubled"] == 0
    assert found["repeats"] <= KILLS * SENDS_AT_ONCE


async def campaign(kafka: str, mongo: str, folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Counts of alerts missed, alerts told under two message ids, and repeats."""
    dice = random.Random(seed)
    deployment = Deployment(kafka, mongo, folder, units=6, SENDS_AT_ONCE=str(SENDS_AT_ONCE))
    await deployment.start()
    deployment.receiver.slow_s = 0.02
    ids: list[str] = []
    try:
        for name in ("notify-a", "notify-b"):
            await deployment.replica(name)
        for _ in range(kills):
            ids += await deployment.hazards(ALERTS_A_KILL)
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            victim = deployment.replicas[dice.choice(["notify-a", "notify-b"])]
            await victim.kill()
            await victim.start()
            await victim.ready()
        await deployment.all_told(ids, 180)
    except TimeoutError:
        pass
    finally:
        await deployment.stop()
    return counted(ids, deployment.receiver.taken) | {"kills": kills}


@pytest.mark.parametrize("part", ["store", "broker"])
async def test_a_store_or_broker_killed_and_back_loses_no_alert_and_doubles_none(
    part: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with LocalKafka(tmp_path / "kafka") as kafka, LocalStore(tmp_path / "store") as store:
        found = await outages(part, kafka, store, tmp_path)
    for name, value in found.items():
        record_property(f"notify_{part}_{name}", value)
    assert found["missed"] == 0
    assert found["doubled"] == 0
    assert found["repeats"] <= OUTAGES * 2 * SENDS_AT_ONCE


async def outages(part: str, kafka: LocalKafka, store: LocalStore, folder: Path) -> dict[str, int]:
    """Counts as `campaign`'s, with the store or the broker away for up to two seconds at random moments."""
    dice = random.Random(2)
    deployment = Deployment(kafka.bootstrap, store.uri, folder, units=6, SENDS_AT_ONCE=str(SENDS_AT_ONCE))
    await deployment.start()
    deployment.receiver.slow_s = 0.02
    ids: list[str] = []
    try:
        for name in ("notify-a", "notify-b"):
            await deployment.replica(name)
        for _ in range(OUTAGES):
            ids += await deployment.hazards(ALERTS_A_KILL)
            await asyncio.sleep(dice.uniform(0.0, 0.8))
            await asyncio.to_thread(store.kill if part == "store" else kafka.kill)
            await asyncio.sleep(dice.uniform(0.0, 2.0))
            await asyncio.to_thread(store.start if part == "store" else kafka.start_node)
        await deployment.all_told(ids, 120)
        assert all(replica.process.returncode is None for replica in deployment.replicas.values())
    except TimeoutError:
        pass
    finally:
        await deployment.stop()
    return counted(ids, deployment.receiver.taken) | {"outages": OUTAGES}


def counted(ids: list[str], taken: list[tuple[str, str, str]]) -> dict[str, int]:
    messages = {alert: {id for other, _, id in taken if other == alert} for alert, _, _ in taken}
    repeats = sum(count - 1 for count in Counter(id for _, _, id in taken).values())
    return {
        "alerts": len(ids),
        "missed": sum(id not in messages for id in ids),
        "doubled": sum(len(found) > 1 for found in messages.values()),
        "repeats": repeats,
    }


def test_the_count_sees_what_was_missed_doubled_and_repeated() -> None:
    taken = [("a", "u", "1"), ("a", "u", "1"), ("b", "u", "2"), ("b", "u", "3")]
    assert counted(["a", "b", "c"], taken) == {"alerts": 3, "missed": 1, "doubled": 1, "repeats": 1}
