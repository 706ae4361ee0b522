"""The checker of the fault rounds sees what it is there for: losses, doubles, changed bytes, wrong counts."""

import hashlib
import json
from typing import Any

from tests.faults.scoring import checker
from tests.faults.scoring.kafka import SOURCE, Seen
from tests.faults.scoring.traffic import BAD


def seen(offset: int = 0, value: bytes = b"{}", **headers: str) -> Seen:
    return Seen(0, offset, b"unit", value, tuple((name, text.encode()) for name, text in headers.items()))


def submission(offset: int, seq: int) -> Seen:
    return seen(offset, json.dumps({"seq": seq}).encode(), ce_subject="e")


def progressed(**counts: int) -> Seen:
    return seen(0, json.dumps(counts).encode(), ce_type="keycounty.fold.progressed.v1")


def hazard(id: str, value: bytes = b"{}") -> Seen:
    return seen(0, value, ce_type="keycounty.hazard.raised.v1", ce_id=id, ce_subject=id)


SOURCE_LOG = [submission(0, 1), submission(1, 2), submission(2, 2), submission(3, 5)]
EXACT: dict[str, Any] = {"partitions": {"0": {"applied": 2, "drill": 1, "duplicate": 1, "dead_lettered": 0}}}


def test_counts_follow_from_subjects_and_sequences_alone() -> None:
    assert checker.expected_counts(SOURCE_LOG)[0] == {"outcome": 3, "duplicate": 1}
    assert checker._counts(SOURCE_LOG, [progressed(applied=3, duplicate=1)], EXACT) == []


def test_a_lost_submission_is_seen() -> None:
    assert checker._counts(SOURCE_LOG, [progressed(applied=2, duplicate=1)], EXACT) != []


def test_a_submission_applied_twice_is_seen() -> None:
    assert checker._counts(SOURCE_LOG, [progressed(applied=4, duplicate=0)], EXACT) != []


def test_an_event_visible_twice_is_seen() -> None:
    assert checker._twice([hazard("a"), hazard("b")]) == []
    assert checker._twice([hazard("a"), hazard("a")]) != []


def test_a_missing_hazard_and_one_too_many_are_seen() -> None:
    again = {"hazards": ["a", "b"]}
    assert checker._hazards([hazard("b"), hazard("a")], again) == []
    assert checker._hazards([hazard("a")], again) != []
    assert checker._hazards([hazard("a"), hazard("b"), hazard("c")], again) != []


def test_a_last_output_of_other_content_is_seen() -> None:
    again = {"last": {"keycounty.hazard.raised.v1|a": hashlib.sha256(b"new").hexdigest()}}
    assert checker._last_outputs([hazard("a", b"old"), hazard("a", b"new")], again) == []
    assert checker._last_outputs([hazard("a", b"new"), hazard("a", b"old")], again) != []
    assert checker._last_outputs([], again) != []


def test_a_dead_letter_that_is_missing_doubled_unexpected_or_changed_is_seen() -> None:
    bad = seen(4, b"bytes", **{BAD: "bytes"})
    letter = seen(0, b"bytes", kc_source=f"{SOURCE}:0:4")
    other = seen(0, b"bytes", kc_source=f"{SOURCE}:0:5")
    assert checker._dead_letters([bad], [letter]) == []
    for wrong in ([], [letter, letter], [letter, other], [seen(0, b"other", kc_source=f"{SOURCE}:0:4")]):
        assert checker._dead_letters([bad], wrong) != []
