"""The same log gives the same state and outputs: a change of either needs a new version of a rule set, or a reason."""

import copy
import json

from services.scoring.replay import Outcome as Replayed
from services.scoring.replay import Replay, differing, state_of
from services.scoring.rules.fold import PartitionFold
from shared.events.catalogue import CATALOGUE
from shared.rulesets import load
from tests.unit.scoring import frozen

RECORDED = json.loads(frozen.OUTCOME.read_text(encoding="utf-8"))
DELIVERIES = frozen.deliveries()


def new_fold(partition: int) -> PartitionFold:
    return PartitionFold(load(), partition)


def test_the_frozen_log_holds_every_type_of_event() -> None:
    wanted = {name for name, row in CATALOGUE.items() if row.topic == "inspections.v1"}
    assert {dict(record.headers)["ce_type"].decode() for record in DELIVERIES} == wanted


def test_the_frozen_log_folds_to_what_was_recorded() -> None:
    difference = frozen.first_difference(RECORDED["units"], frozen.folded(DELIVERIES))
    assert difference is None, (
        f"a result has changed without a new rule-set version: {difference} "
        "(if it must, record it: python -m tests.unit.scoring.frozen --because REASON)"
    )


def test_the_recorded_outcome_belongs_to_the_rule_sets_at_hand() -> None:
    at_hand = frozen.rule_sets()
    changed = [name for name, sha in RECORDED["rule_sets"].items() if at_hand.get(name) != sha]
    assert changed == []


def test_a_difference_is_named_by_unit_and_field() -> None:
    other = copy.deepcopy(RECORDED["units"])
    unit = sorted(other)[1]
    other[unit]["outputs"]["unit.assessed.v1 index"] = "0"
    assert frozen.first_difference(RECORDED["units"], other) == f"{unit}: unit.assessed.v1 index"


def test_a_log_with_one_event_less_does_not_fold_to_the_same() -> None:
    less = [record for record in DELIVERIES if record.offset != len(DELIVERIES) // 2]
    assert frozen.first_difference(RECORDED["units"], frozen.folded(less)) is not None


def replayed(cut: int, fold: type[PartitionFold] | None = None) -> Replayed:
    replay = Replay(new_fold)
    for start in range(0, len(DELIVERIES), cut):
        replay.take(0, DELIVERIES[start : start + cut])
    return replay.outcome()


def test_replay_gives_the_same_hashes_and_outputs_however_the_log_is_cut() -> None:
    once, often = replayed(len(DELIVERIES)), replayed(7)
    assert once.hashes == often.hashes
    assert sorted(once.hazards) == sorted(often.hazards)
    assert once.last == often.last


def test_the_rows_of_all_flushes_restore_the_state() -> None:
    from services.scoring.handlers import CHANGELOG, fold_batch

    fold, rows = new_fold(0), {}
    for start in range(0, len(DELIVERIES), 100):
        for record in fold_batch(fold, 0, DELIVERIES[start : start + 100]):
            if record.topic == CHANGELOG:
                rows[record.key] = record.value
    restored = state_of({key: value for key, value in rows.items() if key and value}, new_fold(0))
    assert restored.state_hash() == fold.state_hash()


def test_the_rules_that_hold_change_nothing_in_a_rehearsal() -> None:
    assert differing(replayed(500), replayed(500)) == []
