"""The campaign of intake: kill -9 under load, a broker and a store that go away, a full disk, replicas that die or
freeze. Its short rounds are in tests/integration/intake.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.intake import campaign
from tests.faults.intake.running_intake import Deployment

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
Record = Callable[[str, object], None]
KILLS = 30
OUTAGE_S = 60.0
FROZEN_S = 8.0


@pytest.fixture
def deployment(tmp_path: Path, kafka_bootstrap: str, mongo_uri: str) -> Iterator[Deployment]:
    found = Deployment(tmp_path, kafka_bootstrap, mongo_uri)
    yield found
    found.stop()


def test_kill_9_under_load_loses_nothing_and_keeps_every_order(deployment: Deployment, record_property: Record) -> None:
    deployment.start()
    record_property("intake_kills", KILLS)
    for name, value in campaign.kills(deployment, KILLS).items():
        record_property(f"intake_kill9_{name}", value)


def test_of_two_replicas_one_dies_and_the_other_takes_over_in_ten_seconds(
    deployment: Deployment, record_property: Record
) -> None:
    deployment.start(replicas=2)
    record_property("intake_takeover_s", round(campaign.takeover(deployment), 1))


def test_a_frozen_replica_that_wakes_up_reorders_nothing(deployment: Deployment) -> None:
    deployment.start(replicas=2)
    campaign.freeze(deployment, FROZEN_S)


def test_a_broker_outage_fails_no_request_and_the_backlog_drains_in_order(
    tmp_path: Path, mongo_uri: str, record_property: Record
) -> None:
    record_property("intake_outage_s", OUTAGE_S)
    record_property("intake_outage_accepted", campaign.broker_outage(tmp_path, mongo_uri, OUTAGE_S)["accepted"])


def test_a_store_that_dies_is_503_and_leaves_nothing_half_done(tmp_path: Path, kafka_bootstrap: str) -> None:
    campaign.store_away(tmp_path, kafka_bootstrap)


def test_a_full_disk_is_told_and_passes(tmp_path: Path, kafka_bootstrap: str) -> None:
    campaign.disk_full(tmp_path, kafka_bootstrap)
