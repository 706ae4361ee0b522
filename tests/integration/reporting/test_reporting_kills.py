"""Reporting killed while it projects, rebuilds and freezes: every document and every evaluation is that of a batch
recomputation from the log.
"""

import os

import pytest

from services.reporting.settings import ReportingSettings
from tests.integration.reporting.kills import KillRound, Until
from tests.unit.reporting.folded import folded

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
async def test_after_kills_all_is_as_recomputed_from_the_log(
    reporting_settings: ReportingSettings, until: Until, seed: int
) -> None:
    one = KillRound(reporting_settings, folded(seed=seed, units=2, enterprises=3, rounds=1), seed, until)
    await one.run()
    assert one.kills == 4
