"""Findings: who may open, dispute, close and move them."""

from datetime import timedelta

import pytest

from shared.errors import Rejected
from shared.events.base import Grade, Outcome, Stage, hazard_id
from tests import builders as build
from tests.unit.scoring.rules.folding import DAY, World, named

NOON = build.NOON
DUE = NOON.date() + timedelta(days=20)


def world_with_a_major_finding(**changes):
    world = World()
    place = build.finding("5", ref="TF-2", due_on=DUE, **changes)
    world.tell(build.inspection_submitted(1, findings=[place]))
    return world, place.finding_id


def test_a_reported_finding_is_open_and_raises_one_hazard():
    world, id = world_with_a_major_finding()
    found = world.last("finding.assessed")
    assert (found.finding_id, found.state, found.episode, found.due_on) == (id, "open", 1, DUE)
    (raised,) = world.raised("major_finding")
    assert raised.hazard_id == hazard_id("major_finding", str(id), 1)
    assert world.standing()["major_finding"] == "major_finding"


def test_an_ordinary_finding_is_no_hazard():
    world = World()
    place = build.finding("2", checklist="general-78", ref="a", grade=Grade.ORDINARY)
    world.tell(build.inspection_submitted(1, checklist="general-78", findings=[place], items=["2"]))
    assert world.last("finding.assessed").grade is Grade.ORDINARY
    assert "major_finding" not in world.standing()


def test_a_superseding_conform_disputes_and_does_not_close():
    world, _ = world_with_a_major_finding()
    world.tell(build.inspection_submitted(2, supersedes_reason="typing error"))
    found = world.last("finding.assessed")
    assert found.state == "disputed"
    assert found.verdicts[Stage.SELF_INSPECTION].outcome is Outcome.CONFORM
    assert "major_finding" in world.standing()
    assert world.fold.progress.superseded == 1


def test_a_superseding_report_of_another_place_takes_its_word_back():
    world, _ = world_with_a_major_finding()
    other = build.finding("5", ref="TF-3")
    world.tell(build.inspection_submitted(2, findings=[other], supersedes_reason="wrong tank"))
    states = {each.data.ref: each.data for each in world.outputs if named(each) == "finding.assessed"}
    assert states["TF-2"].state == "disputed"
    assert states["TF-2"].verdicts == {}
    assert states["TF-3"].state == "open"


def test_the_verdicts_of_the_stages_stand_side_by_side():
    world = World()
    world.tell(build.inspection_submitted(1))
    place = build.finding("5", ref="TF-2")
    world.tell(build.inspection_submitted(2, stage=Stage.EXPERT_VERIFICATION, findings=[place]))
    verdicts = world.last("finding.assessed").verdicts
    assert verdicts[Stage.SELF_INSPECTION].outcome is Outcome.CONFORM
    assert verdicts[Stage.EXPERT_VERIFICATION].outcome is Outcome.FINDING


def test_only_verified_closes_and_clears_the_hazard():
    world, id = world_with_a_major_finding()
    world.tell(build.rectification_reported(id, "planned", 2), build.rectification_reported(id, "done", 3))
    assert world.last("finding.assessed").state == "open"
    world.tell(build.rectification_reported(id, "verified", 4))
    assert world.last("finding.assessed").state == "closed"
    assert "major_finding" not in world.standing()


def test_rejected_sets_a_closed_finding_back_to_open():
    world, id = world_with_a_major_finding()
    world.tell(build.rectification_reported(id, "verified", 2))
    world.tell(build.rectification_reported(id, "rejected", 3, reason="not done"))
    assert world.last("finding.assessed").state == "open"
    assert world.last("unit.assessed").counts["closed"] == 0
    assert [each.episode for each in world.raised("major_finding")] == [1, 2]


def test_reported_again_after_closing_is_the_next_episode():
    world, id = world_with_a_major_finding()
    world.tell(build.rectification_reported(id, "verified", 2))
    place = build.finding("5", ref="TF-2")
    world.tell(build.inspection_submitted(3, stage=Stage.RE_EXAMINATION, findings=[place]))
    found = world.last("finding.assessed")
    assert (found.finding_id, found.episode, found.recurrence, found.due_on) == (id, 2, True, None)
    assert world.raised("major_finding")[-1].hazard_id == hazard_id("major_finding", str(id), 2)


def test_an_enterprise_cannot_verify_its_own_finding():
    world, id = world_with_a_major_finding()
    before = world.fold.state_hash()
    with pytest.raises(Rejected, match="county or expert"):
        world.tell(build.rectification_reported(id, "verified", 2, by="enterprise"))
    assert world.fold.state_hash() == before


def test_an_unknown_finding_is_rejected():
    world = World()
    with pytest.raises(Rejected, match="unknown_finding"):
        world.tell(build.rectification_reported(build.finding("5").finding_id, "done", 1))


def test_the_highest_stage_gives_the_due_date():
    world, _ = world_with_a_major_finding()
    sooner = build.finding("5", ref="TF-2", due_on=DUE - 5 * DAY)
    world.tell(build.inspection_submitted(2, stage=Stage.EXPERT_VERIFICATION, findings=[sooner]))
    found = world.last("finding.assessed")
    assert (found.due_on, found.due_from) == (DUE - 5 * DAY, Stage.EXPERT_VERIFICATION)
    later = build.finding("5", ref="TF-2", due_on=DUE + 5 * DAY)
    world.tell(build.inspection_submitted(3, stage=Stage.RE_EXAMINATION, findings=[later]))
    assert world.last("finding.assessed").due_on == DUE - 5 * DAY


def test_an_enterprise_does_not_move_its_own_due_date():
    world, id = world_with_a_major_finding()
    later = build.finding("5", ref="TF-2", due_on=DUE + 30 * DAY)
    world.tell(build.inspection_submitted(2, findings=[later], supersedes_reason="more time"))
    world.tell(build.rectification_reported(id, "planned", 3, due_on=DUE + 30 * DAY))
    assert world.last("finding.assessed").due_on == DUE


def test_a_finding_is_overdue_the_day_after_its_due_date_and_an_extension_takes_that_back():
    world, id = world_with_a_major_finding()
    world.tell(build.day_started(DUE))
    assert world.standing()["major_finding"] == "major_finding"
    assert not world.last("finding.assessed").overdue
    world.tell(build.day_started(DUE + DAY))
    assert world.last("finding.assessed").overdue
    assert world.standing()["major_finding"] == "major_finding_overdue"
    world.tell(build.rectification_reported(id, "extended", 2, due_on=DUE + 9 * DAY, reason="parts"))
    found = world.last("finding.assessed")
    assert (found.overdue, found.due_from) == (False, "extended")
    assert world.standing()["major_finding"] == "major_finding"


def test_a_closed_finding_leaves_the_state_when_its_round_closes_and_keeps_its_episode():
    world, id = world_with_a_major_finding()
    world.tell(build.rectification_reported(id, "verified", 2))
    world.tell(build.round_closed(2))
    assert f"{build.UNIT}|finding|{id}".encode() not in world.rows
    assert world.last("unit.assessed").counts["closed_in_time"] == 1
    world.tell(build.inspection_submitted(3, findings=[build.finding("5", ref="TF-2")]))
    assert world.last("finding.assessed").episode == 2


def test_an_open_finding_carries_over_under_the_same_id_and_hazard():
    world, id = world_with_a_major_finding()
    world.tell(build.round_closed(2))
    later = NOON + timedelta(days=150)
    world.tell(build.round_opened(1, round_id="2023-2", opens=later.date(), at=later, rule_sets=()))
    found = world.last("finding.assessed")
    assert (found.finding_id, found.carried_over, found.opened_round) == (id, True, "2023-1")
    assert len(world.raised("major_finding")) == 1
    assert "major_finding" in world.standing()


@pytest.mark.parametrize("said", ["conform", "another place"])
def test_a_county_that_takes_its_word_back_does_not_lower_the_grade_it_gave(said):
    world = World()
    common = {"checklist": "general-78", "items": ["2"]}
    own = build.finding("2", checklist="general-78", ref="a", grade=Grade.ORDINARY)
    world.tell(build.inspection_submitted(1, findings=[own], **common))
    county = own.model_copy(update={"grade": Grade.MAJOR})
    world.tell(build.inspection_submitted(2, stage=Stage.RE_EXAMINATION, findings=[county], **common))
    other = build.finding("2", checklist="general-78", ref="b", grade=Grade.ORDINARY)
    instead = [] if said == "conform" else [other]
    world.tell(build.inspection_submitted(3, stage=Stage.RE_EXAMINATION, findings=instead, **common))
    found = world.last("finding.assessed", str(own.finding_id))
    assert (found.state, found.grade) == ("disputed", Grade.MAJOR)
    assert "major_finding" in world.standing()


def test_a_higher_stage_that_reports_another_grade_gives_the_grade():
    world = World()
    common = {"checklist": "general-78", "items": ["2"]}
    place = build.finding("2", checklist="general-78", ref="a", grade=Grade.MAJOR)
    world.tell(build.inspection_submitted(1, findings=[place], **common))
    lower = place.model_copy(update={"grade": Grade.ORDINARY})
    world.tell(build.inspection_submitted(2, stage=Stage.EXPERT_VERIFICATION, findings=[lower], **common))
    assert world.last("finding.assessed").grade is Grade.ORDINARY
    assert "major_finding" not in world.standing()


@pytest.mark.parametrize("late", [["5"], []])
def test_a_late_word_of_an_earlier_round_leaves_that_of_the_later_round_standing(late):
    world, id = world_with_a_major_finding()
    later = NOON + timedelta(days=150)
    world.tell(build.round_opened(1, round_id="2023-2", opens=later.date(), at=later, rule_sets=()))
    place = build.finding("5", ref="TF-2")
    world.tell(build.inspection_submitted(2, round_id="2023-2", findings=[place], at=later + DAY))
    said = world.last("finding.assessed", str(id)).verdicts[Stage.SELF_INSPECTION]
    again = [build.finding(item, ref="TF-2") for item in late]
    world.tell(build.inspection_submitted(3, findings=again, late=True, at=later + 2 * DAY))
    found = world.last("finding.assessed", str(id))
    assert (found.verdicts[Stage.SELF_INSPECTION], found.state) == (said, "open")
    assert said.round_id == "2023-2"


def assessments(outputs):
    return [each.data for each in outputs if named(each) == "finding.assessed"]


def test_a_batch_says_of_a_finding_how_it_ends_and_every_step_of_its_hazard():
    world = World()
    place = build.finding("5", ref="TF-2", due_on=DUE)
    told = world.tell(
        build.inspection_submitted(1, findings=[place]),
        build.day_started(DUE + DAY),
        build.rectification_reported(place.finding_id, "verified", 2),
    )
    (found,) = assessments(told)
    assert (found.state, found.overdue, found.log_position.offset) == ("closed", False, world.offset)
    steps = [named(each) for each in told if named(each).startswith("hazard.") and each.data.kind == "major_finding"]
    assert steps == ["hazard.raised", "hazard.updated", "hazard.cleared"]


def test_a_batch_that_leads_a_finding_into_another_round_says_first_how_it_left_the_earlier_one():
    world, id = world_with_a_major_finding()
    later = NOON + timedelta(days=150)
    told = world.tell(
        build.rectification_reported(id, "done", 2),
        build.round_opened(1, round_id="2023-2", opens=later.date(), at=later, rule_sets=()),
        build.rectification_reported(id, "rejected", 3, by="county"),
        build.inspection_submitted(4, round_id="2023-2", findings=[build.finding("5", ref="TF-2")], at=later + DAY),
    )
    found = [(each.round_id, each.rectification.action, each.carried_over) for each in assessments(told)]
    assert found == [("2023-1", "done", False), ("2023-1", "rejected", True), ("2023-2", "rejected", True)]


def test_what_moved_to_another_unit_within_a_batch_has_its_last_word_last():
    world = World()
    world.tell(build.round_opened(unit_id="other", rule_sets=()))
    place = build.finding("5", ref="TF-2")
    told = world.tell(
        build.inspection_submitted(1, findings=[place]),
        build.inspection_submitted(2, findings=[place], unit_id="other"),
        build.inspection_submitted(3, findings=[place]),
    )
    for kind in ("finding.assessed", "enterprise.assessed"):
        assert [each.data.unit_id for each in told if named(each) == kind] == ["other", build.UNIT]
