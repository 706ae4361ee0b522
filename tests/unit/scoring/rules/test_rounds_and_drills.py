"""Rounds, days, withdrawals, sequences and drills."""

from datetime import timedelta

import pytest

from services.scoring.rules.fold import PartitionFold, RuleSetMismatch
from shared.errors import Rejected
from shared.events.base import Stage
from tests import builders as build
from tests.unit.scoring.rules.folding import DAY, RULES, World, named

NOON = build.NOON


def test_a_second_copy_of_a_submission_is_a_duplicate_and_changes_nothing():
    world = World()
    event = build.inspection_submitted(1, findings=[build.finding("5")])
    world.tell(event)
    before = world.fold.state_hash()
    assert [named(each) for each in world.tell(event)] == ["fold.progressed"]
    assert world.fold.state_hash() == before
    assert world.fold.progress.duplicate == 1


def test_a_jump_in_a_sequence_is_applied_and_reported_as_a_gap():
    world = World()
    world.tell(build.inspection_submitted(1), build.inspection_submitted(4, stage=Stage.RE_EXAMINATION))
    assert world.last("fold.progressed").gaps == {build.ENTERPRISE: 2}
    assert world.last("enterprise.assessed").seq == 4
    assert world.restored().progress.gaps == {build.ENTERPRISE: 2}


def test_every_submission_is_counted_in_one_outcome():
    world = World()
    world.tell(
        build.inspection_submitted(1),
        build.inspection_submitted(2, supersedes_reason="x"),
        build.inspection_submitted(3, drill=True),
    )
    with pytest.raises(Rejected):
        world.fold.apply(build.inspection_submitted(4, checklist="nobody-knows"), 90)
    world.fold.note_dead_letter(90)
    world.flush()
    told = world.last("fold.progressed")
    assert (told.applied, told.superseded, told.drill, told.dead_lettered, told.position) == (1, 1, 1, 1, 90)


def test_a_rule_set_with_another_hash_stops_the_fold():
    wrong = [ref.model_copy(update={"sha256": "0" * 64}) for ref in RULES.refs()]
    with pytest.raises(RuleSetMismatch, match="unit-index@1"):
        PartitionFold(RULES, 0).apply(build.round_opened(rule_sets=wrong), 0)


def test_rows_of_a_round_whose_rule_sets_are_not_at_hand_stop_the_worker_before_any_event():
    world = World()
    key = f"{build.UNIT}|round|{build.ROUND}".encode()
    other = world.rows[key].replace(RULES.refs()[0].sha256.encode(), b"0" * 64)
    with pytest.raises(RuleSetMismatch, match=RULES.refs()[0].id):
        PartitionFold(RULES, 0).load(key, other)


def test_a_restored_unit_is_read_when_an_event_falls_on_it_and_the_others_stay_as_they_are():
    world = World()
    world.tell(build.round_opened(1, unit_id="another", enterprises=(), rule_sets=RULES.refs()))
    world.tell(build.inspection_submitted(1, findings=[build.finding("5")]))
    again = world.restored()
    assert again.units == {}
    again.apply(build.inspection_submitted(2, stage=Stage.RE_EXAMINATION), world.offset + 1)
    assert again.units.keys() == {build.UNIT}
    assert again.totals[build.UNIT].figures.open_major == 1
    assert again.state_hash().keys() == {build.UNIT, "another"}


def test_a_rehearsal_folds_with_the_rules_at_hand():
    wrong = [ref.model_copy(update={"sha256": "0" * 64}) for ref in RULES.refs()]
    fold = PartitionFold(RULES, 0, rehearse=True)
    fold.apply(build.round_opened(rule_sets=wrong), 0)
    assert any(named(each) == "unit.assessed" for each in fold.flush().events)


def test_an_older_revision_of_a_round_is_of_no_effect():
    world = World()
    world.tell(build.round_opened(3, expert_target=9, rule_sets=RULES.refs()))
    assert world.last("unit.assessed").counts["expert_target"] == 9
    world.tell(build.round_opened(2, expert_target=4, rule_sets=RULES.refs()))
    assert world.last("unit.assessed").counts["expert_target"] == 9


def test_a_day_emits_results_only_where_something_changed():
    world = World()
    world.tell(build.inspection_submitted(1))
    quiet = world.tell(build.day_started(NOON.date() + DAY))
    assert [named(each) for each in quiet] == ["fold.progressed"]


def test_a_withdrawn_enterprise_counts_nowhere_and_its_hazards_are_cleared():
    world = World()
    world.tell(
        build.inspection_submitted(1, findings=[build.finding("5")]),
        build.hazard_unit_declared(2, responsible=build.NOBODY),
    )
    assert set(world.standing()) >= {"major_finding", "responsible_person_missing"}
    world.tell(build.enterprise_withdrawn(at=NOON + timedelta(hours=1)))
    assert not set(world.standing()) & {"major_finding", "responsible_person_missing"}
    counts = world.last("unit.assessed").counts
    assert (counts["open_major"], counts["enrolled"], counts["hazard_units"]) == (0, 0, 0)
    assert world.last("enterprise.assessed").withdrawn


def test_an_enterprise_that_submits_again_counts_again():
    world = World()
    world.tell(build.inspection_submitted(1, findings=[build.finding("5")]))
    gone = build.enterprise_withdrawn(at=NOON + timedelta(hours=1))
    world.tell(gone)
    world.tell(build.inspection_submitted(2, stage=Stage.RE_EXAMINATION, findings=[build.finding("5")]))
    assert world.last("unit.assessed").counts["open_major"] == 1
    assert "major_finding" in world.standing()
    world.tell(gone)
    assert world.last("unit.assessed").counts["open_major"] == 1


def test_a_drill_has_rows_of_its_own_and_reaches_no_index():
    world = World()
    before = world.last("unit.assessed")
    place = build.finding("5", drill=True)
    graded = build.grading({}, direct_red=("dr1",))
    world.tell(build.inspection_submitted(1, findings=[place], grading=graded, drill=True))
    assert world.standing(drill=True).keys() == {"major_finding", "enterprise.red"}
    assert world.standing() == {}
    assert world.last("unit.assessed") == before
    assert world.last("enterprise.assessed").drill


def test_a_drill_is_cleared_after_24_hours_and_the_next_one_is_a_new_hazard():
    world = World()
    drilled = build.inspection_submitted(1, findings=[build.finding("5", drill=True)], drill=True)
    world.tell(drilled)
    first = world.raised("major_finding")[-1].hazard_id
    world.tell(build.day_started(NOON.date() + DAY))
    assert "major_finding" in world.standing(drill=True)
    world.tell(build.day_started(NOON.date() + 2 * DAY))
    assert world.standing(drill=True) == {}
    world.tell(build.inspection_submitted(2, findings=[build.finding("5", drill=True)], drill=True, at=NOON + 3 * DAY))
    assert world.raised("major_finding")[-1].hazard_id != first


def test_a_drill_cannot_close_a_real_finding():
    world = World()
    place = build.finding("5")
    world.tell(build.inspection_submitted(1, findings=[place]))
    with pytest.raises(Rejected, match="no drill finding"):
        world.tell(build.rectification_reported(place.finding_id, "verified", 2, drill=True))


def test_an_event_that_is_none_of_the_log_is_rejected():
    world = World()
    with pytest.raises(Rejected, match="unexpected_type"):
        world.fold.apply(world.outputs[0], 5)


def test_a_new_round_ends_the_hazard_of_what_was_graded_red_in_a_drill():
    world = World()
    graded = build.grading({}, direct_red=("dr1",))
    world.tell(build.inspection_submitted(1, grading=graded, drill=True))
    assert "enterprise.red" in world.standing(drill=True)
    later = NOON + timedelta(hours=5)
    world.tell(build.round_opened(1, round_id="2023-2", opens=later.date(), at=later, rule_sets=RULES.refs()))
    assert world.standing(drill=True) == {}


@pytest.mark.parametrize("event", [build.enterprise_withdrawn(), build.round_closed(3)])
def test_an_event_of_no_effect_leaves_no_trace_of_a_unit_that_nothing_is_known_of(event):
    world = World(opened=False)
    world.tell(event)
    assert world.fold.state_hash() == world.restored().state_hash() == {}


@pytest.mark.parametrize(
    "event",
    [
        build.installation_declared(1),
        build.hazard_unit_declared(1, declared_on=NOON.date().replace(year=2018)),
        build.park_assessed(1, assessed_on=NOON.date().replace(year=2018)),
        build.accident_reported(1, occurred_at=NOON.replace(year=2006)),
    ],
    ids=lambda event: event.type.split(".", 1)[1],
)
def test_what_is_older_than_every_version_of_its_rule_set_is_taken_by_the_first_also_before_any_round(event):
    world = World(opened=False)
    world.tell(event)
    assert (world.fold.progress.applied, world.fold.state_hash()) == (1, world.restored().state_hash())
