"""The campaigns of `make faults` with few rounds, in every `make test`."""

from pathlib import Path

import pytest

from tests.faults.notify.campaign import MOST_REPEATS, kills, outages

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_two_kills_of_one_of_two_replicas(kafka_bootstrap: str, mongo_uri: str, tmp_path: Path) -> None:
    found = await kills(kafka_bootstrap, mongo_uri, tmp_path, 2, seed=3)
    assert (found["missed"], found["doubled"]) == (0, 0)
    assert found["repeats"] <= 2 * MOST_REPEATS


async def test_an_outage_of_the_store_and_one_of_the_broker(tmp_path: Path) -> None:
    found = await outages(["store", "broker"], tmp_path, 2, seed=4)
    assert (found["missed"], found["doubled"]) == (0, 0)
    assert found["repeats"] <= 2 * 2 * MOST_REPEATS
