"""Fifty rounds of every kind in turn: part of `make faults`."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from tests.faults.scoring.campaign import campaign, figures, table

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(3600)]
ROUNDS = 50


async def test_every_one_of_fifty_rounds_is_exact(
    record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = await campaign(ROUNDS, 1, Path(folder))
    found = figures(results)
    record_property("scoring", found)
    with capsys.disabled():
        Console().print(table(results))
    assert (found["found"], found["late"]) == ({}, {})
