"""A dead letter on a running system: the dry run says which alert would open, sending it again opens that one."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.bus import record_of
from tests.event_builders import accident_reported
from tests.system import KEYCOUNTY, County, eventually, run_async, running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with running(tmp_path_factory.mktemp("redrive") / "data") as system:
        yield County(system).register(enterprises=2)


def dead_letters(county: County, *arguments: str) -> Any:
    command = [str(KEYCOUNTY), "dead-letters", *arguments, "--run-file", str(county.system.data_dir / "run.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


async def put_away(county: County) -> None:
    """A record that is sound today, among the dead letters."""
    record = record_of(accident_reported(1, enterprise_id=county.enterprises[0]))
    producer = AIOKafkaProducer(bootstrap_servers=county.system.run["kafka"])
    await producer.start()
    try:
        partitions = sorted(await producer.partitions_for("keycounty.inspections.v1"))
        place = producer._partition("keycounty.inspections.v1", None, record.key, None, record.key, None)
        assert place in partitions
        ours = {"kc_reason": b"schema", "kc_detail": b"test", "kc_service": b"scoring"}
        ours["kc_source"] = f"inspections.v1:{place}:0".encode()
        headers = [*record.headers, *ours.items()]
        await producer.send_and_wait("keycounty.dead-letters.v1", record.value, record.key, headers=headers)
    finally:
        await producer.stop()


def test_the_dry_run_names_the_alert_that_sending_again_opens(county: County) -> None:
    run_async(put_away(county))
    letters = json.loads(dead_letters(county, "list", "--json"))
    letter = next(each for each in letters if each["detail"] == "test")["id"]
    effect = json.loads(dead_letters(county, "redrive", letter, "--dry-run", "--json"))[0]
    assert effect["refused"] is None
    assert len(effect["raised"]) >= 1
    assert all("accident" in hazard or "red" in hazard or "orange" in hazard for hazard in effect["raised"])
    assert "alert would open: accident." in dead_letters(county, "redrive", letter, "--dry-run")
    assert alerts(county) == set(), "a dry run changes nothing"
    dead_letters(county, "redrive", letter)
    eventually(lambda: set(effect["raised"]) <= alerts(county), 40, "the alerts that the dry run named")


def alerts(county: County) -> set[str]:
    found = county.system.ok("GET", "notify", "/v1/alerts?limit=500", "national")["items"]
    return {f"{alert['kind']} {alert['subject']}" for alert in found}
