"""Ten thousand generated requests to the running services: no 5xx, every error explained, nothing stored but what was
accepted.
"""

from collections.abc import Callable

import pytest

from tests.fuzzing import Attack, fuzzed

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_no_request_makes_a_service_stumble(
    attack: Attack, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    before = attack.changes()
    fuzzed(attack, request.config.getoption("--requests"), request.config.getoption("--fuzz-seed"))
    record_property("requests", sum(attack.statuses.values()))
    record_property("kinds", dict(attack.kinds))
    record_property("statuses", {str(status): count for status, count in sorted(attack.statuses.items())})
    record_property("submissions_accepted", len(attack.accepted))
    assert attack.crashes == []
    assert attack.untold == []
    assert attack.stored() <= attack.accepted
    assert attack.changes() - before <= attack.written
