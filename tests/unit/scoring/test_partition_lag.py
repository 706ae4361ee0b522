"""How far behind a partition says that it is, in seconds."""

import time
from datetime import UTC, datetime

from services.scoring.partition import Partition
from services.scoring.ports import PartitionFold, Transactions
from services.scoring.settings import ScoringSettings
from services.scoring.wiring import options
from tests.contract.scoring.toy_fold import ToyFold


class NoTransactions(Transactions):
    """Nothing is committed here."""


def partition() -> Partition:
    fold: PartitionFold = ToyFold(0)
    return Partition(0, fold, NoTransactions())


def test_with_a_backlog_it_is_the_age_of_the_last_record_folded() -> None:
    behind = partition()
    behind.folded_to_ms = 40_000
    assert behind.lag_s(now=5.0, now_ms=100_000) == 60.0


def test_after_an_idle_time_it_is_no_more_than_the_time_since() -> None:
    idle = partition()
    idle.folded_to_ms = 0
    idle.level(now=1000.0)
    assert idle.lag_s(now=1000.5, now_ms=3_600_000) == 0.5


def test_before_the_first_record_nothing_is_known() -> None:
    assert partition().lag_s(now=5.0, now_ms=100_000) == 0.0


def test_records_are_stamped_by_the_machines_clock_even_under_a_simulated_one() -> None:
    simulated = ScoringSettings(
        kafka_bootstrap="127.0.0.1:1", mongo_uri="mongodb://127.0.0.1:1", clock_start=datetime(2023, 2, 20, tzinfo=UTC)
    )
    assert abs(options(simulated).now_ms() / 1000 - time.time()) < 60
