"""A short round of each kind of fault against workers of scoring on the real broker; `make faults` runs the long
ones."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local.kafka import LocalKafka
from tests.faults.scoring.rounds import BARS_S, STOP, TAKEOVER, Result, a_mismatch, a_round

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]
SHORT = {"seconds": 5.0, "units": 2}


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of these tests' own, for some of them kill it."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


async def all_exact(*rounds: Coroutine[Any, Any, Result]) -> None:
    """Rounds side by side, on topics of their own."""
    found = {result.kind: result.found for result in await asyncio.gather(*rounds)}
    assert {kind: wrong for kind, wrong in found.items() if wrong} == {}


async def test_kills_freezes_and_bad_records_leave_all_exact(kafka: LocalKafka, tmp_path: Path) -> None:
    kinds = ("killed", "frozen", "restored", "bad records")
    await all_exact(*(a_round(kafka, tmp_path, kind, seed, **SHORT) for seed, kind in enumerate(kinds, 1)))


async def test_joins_leaves_and_takeovers_leave_all_exact(kafka: LocalKafka, tmp_path: Path) -> None:
    kinds = ("taken over", "terminated", "joins and leaves")
    rounds = [a_round(kafka, tmp_path, kind, seed, **SHORT) for seed, kind in enumerate(kinds, 11)]
    await all_exact(*rounds, a_mismatch(kafka, tmp_path, 14))


async def test_a_broker_that_is_killed_in_flight_leaves_all_exact(kafka: LocalKafka, tmp_path: Path) -> None:
    await all_exact(a_round(kafka, tmp_path, "broker killed", 21, **SHORT))


async def test_one_broker_of_three_killed_in_flight_leaves_all_exact(tmp_path: Path) -> None:
    with LocalKafka(tmp_path / "three", nodes=3) as three:
        await all_exact(a_round(three, tmp_path, "broker killed", 31, **SHORT))


def test_a_time_over_its_bar_is_told() -> None:
    within = Result("terminated", 1, 1, 1.0, [], [], {STOP: BARS_S[STOP], TAKEOVER: BARS_S[TAKEOVER]})
    assert within.late == []
    assert replace(within, times={STOP: BARS_S[STOP] + 0.1}).late == ["SIGTERM to exit took 5.1 s"]
