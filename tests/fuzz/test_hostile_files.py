"""Zip bombs, entities, formulas, wrong encodings: every hostile file to every route that takes files."""

from collections.abc import Callable

import pytest

from tests.fuzzing import FILES, Attack, every_file_to_every_door

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]


def test_hostile_files_are_refused_and_leave_nothing(
    attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    stored = attack.stored()
    found = every_file_to_every_door(attack)
    record_property("hostile_files", len(FILES))
    assert attack.crashes == []
    assert all(0 not in statuses for statuses in found.values())
    assert attack.stored() == stored
