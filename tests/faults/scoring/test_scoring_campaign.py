"""Fifty rounds of every kind in turn: part of `make faults`."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.scoring.campaign import campaign

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]
ROUNDS = 50


async def test_every_one_of_fifty_rounds_is_exact(record_property: Callable[[str, object], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = await campaign(ROUNDS, 1, Path(folder))
    record_property("scoring_rounds", len(results))
    record_property("scoring_exact", sum(not result.found for result in results))
    assert {f"{result.kind} {result.seed}": result.found for result in results if result.found} == {}
