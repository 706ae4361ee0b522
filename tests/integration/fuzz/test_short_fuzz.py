"""The fuzz campaign's attack, four hundred requests long, with every hostile file; `make fuzz` is the whole of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fuzzing import Attack, every_file_to_every_door, fuzzed
from tests.system import County, running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    with running(tmp_path_factory.mktemp("fuzz") / "data") as system:
        found = Attack(County(system).register(enterprises=2))
        yield found
        found.close()


def test_hostile_files_are_refused_and_leave_nothing(attack: Attack) -> None:
    found = every_file_to_every_door(attack)
    assert attack.crashes == []
    assert all(0 not in statuses for statuses in found.values())
    assert attack.stored() == set()


def test_the_attack_notices_a_crash_and_an_error_that_is_not_explained(attack: Attack) -> None:
    blank = replace(attack, statuses=Counter(), crashes=[], untold=[], accepted=set())
    blank.take("told", "POST", "/v1/inspections", 500, {"content-type": "application/problem+json"}, b"")
    blank.take("told", "POST", "/v1/inspections", 422, {"content-type": "text/html"}, b"")
    blank.take("told", "POST", "/v1/inspections", 201, {"content-type": "application/json"}, b'{"submission_id": "s"}')
    blank.close()
    assert len(blank.crashes) == len(blank.untold) == 1
    assert blank.accepted == {"s"}


def test_no_generated_request_makes_a_service_stumble_or_is_stored_unaccepted(attack: Attack) -> None:
    before = attack.changes()
    fuzzed(attack, 400, seeded=20230220)
    assert attack.crashes == []
    assert attack.untold == []
    assert attack.stored() <= attack.accepted
    assert attack.changes() - before <= attack.written
    assert len(attack.statuses) > 4, "the requests were all of one kind"
