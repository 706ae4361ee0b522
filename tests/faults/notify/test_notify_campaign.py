"""One of two replicas killed at random moments under load, fifty times; the store and the broker killed and back: every
recipient told of every alert, none under two ids, and no more repeats than sends under way.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.notify.campaign import MOST_REPEATS, counted, kills, outages

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]
Record = Callable[[str, object], None]
KILLS, OUTAGES = 50, 10


async def test_fifty_kills_lose_no_message_and_double_none(
    kafka_bootstrap: str, mongo_uri: str, tmp_path: Path, record_property: Record
) -> None:
    found = await kills(kafka_bootstrap, mongo_uri, tmp_path, KILLS, seed=1)
    for name, value in found.items():
        record_property(f"notify_{name}", value)
    assert (found["missed"], found["doubled"]) == (0, 0)
    assert found["repeats"] <= KILLS * MOST_REPEATS


@pytest.mark.parametrize("part", ["store", "broker"])
async def test_a_store_or_broker_killed_and_back_loses_no_message_and_doubles_none(
    part: str, tmp_path: Path, record_property: Record
) -> None:
    found = await outages([part], tmp_path, OUTAGES, seed=2)
    for name, value in found.items():
        record_property(f"notify_{part}_{name}", value)
    assert (found["missed"], found["doubled"]) == (0, 0)
    assert found["repeats"] <= OUTAGES * 2 * MOST_REPEATS


def test_the_count_sees_what_was_missed_doubled_and_repeated() -> None:
    wanted = {"a": ["x", "y"], "b": ["x"], "c": ["x"]}
    taken = [("a", "x", "1"), ("a", "x", "1"), ("a", "y", "2"), ("b", "x", "3"), ("b", "x", "4")]
    assert counted(wanted, taken) == {"alerts": 3, "messages": 4, "missed": 1, "doubled": 1, "repeats": 1}
