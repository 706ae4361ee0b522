"""Short rounds of the faults campaign of intake; `make faults` has the long ones, and the broker's outage."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.intake import campaign
from tests.faults.intake.running_intake import Deployment

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def deployment(tmp_path: Path, kafka_bootstrap: str, mongo_uri: str) -> Iterator[Deployment]:
    found = Deployment(tmp_path, kafka_bootstrap, mongo_uri)
    yield found
    found.stop()


def test_a_kill_under_load_loses_nothing(deployment: Deployment) -> None:
    deployment.start()
    campaign.kills(deployment, 1)


def test_of_two_replicas_one_dies_and_the_other_takes_over_in_ten_seconds(deployment: Deployment) -> None:
    deployment.start(replicas=2)
    campaign.takeover(deployment)


def test_a_store_that_dies_is_503_and_leaves_nothing_half_done(tmp_path: Path, kafka_bootstrap: str) -> None:
    campaign.store_away(tmp_path, kafka_bootstrap)


def test_a_full_disk_is_told_and_passes(tmp_path: Path, kafka_bootstrap: str) -> None:
    campaign.disk_full(tmp_path, kafka_bootstrap)
