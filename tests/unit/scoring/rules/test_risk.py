"""Grades, hazard units, the unit index, vetoes and what they raise."""

from datetime import date, timedelta

import pytest

from shared.errors import Rejected
from shared.events.base import Colour, Stage
from tests import builders as build
from tests.unit.scoring.rules.folding import DAY, RULES, World, instant, named

NOON = build.NOON


def graded(deductions, **changes):
    world = World()
    world.tell(build.inspection_submitted(1, grading=build.grading(deductions, **changes)))
    return world, world.last("enterprise.assessed").grade


@pytest.mark.parametrize(
    ("deductions", "bonuses", "score", "colour"),
    [
        ({"1.1": 10}, {}, 90, Colour.BLUE),
        ({"1.1": 10, "1.2": 0.1}, {}, 89.9, Colour.YELLOW),
        ({"1.1": 25}, {}, 90, Colour.BLUE),
        ({"1.1": 10, "6.1": 15}, {}, 75, Colour.YELLOW),
        ({"1.1": 10, "6.1": 15, "7.1": 10, "5.1": 5}, {}, 60, Colour.ORANGE),
        ({"1.1": 10, "6.1": 15, "7.1": 10, "5.1": 5.5}, {}, 59.5, Colour.RED),
        ({"9.1": 18}, {"9.1": 15}, 105, Colour.BLUE),
        ({"9.1": 10}, {"9.1": 40}, 110, Colour.BLUE),
    ],
)
def test_the_score_follows_the_table(deductions, bonuses, score, colour):
    _, grade = graded(deductions, bonuses=bonuses)
    assert (grade.score, grade.colour) == (score, colour)
    assert sum(each.points for each in grade.contributions) == pytest.approx(score)


def test_a_direct_red_rule_makes_red_whatever_the_score():
    world, grade = graded({}, direct_red=("dr2",))
    assert (grade.score, grade.colour, grade.colour_without_direct_red) == (100, Colour.RED, Colour.BLUE)
    assert [(each.input, each.change, each.colour) for each in grade.smallest_change] == [
        ("direct_red", -1, Colour.BLUE)
    ]
    assert "enterprise.red" in world.standing()
    assert [veto.id for veto in world.last("unit.assessed").vetoes] == ["direct_red_enterprise"]


def test_an_unknown_item_is_rejected_before_anything_changes():
    world = World()
    before = world.fold.state_hash()
    with pytest.raises(Rejected, match=r"4\.9"):
        world.tell(build.inspection_submitted(1, findings=[build.finding("5")], grading=build.grading({"4.9": 1})))
    assert world.fold.state_hash() == before
    assert world.flush() == []


def test_the_latest_non_null_grading_of_the_highest_stage_counts():
    world = World()
    world.tell(build.inspection_submitted(1, stage=Stage.EXPERT_VERIFICATION, grading=build.grading({"1.1": 10})))
    world.tell(build.inspection_submitted(2, grading=build.grading({})))
    assert world.last("enterprise.assessed").grade.score == 90
    world.tell(build.inspection_submitted(3, stage=Stage.EXPERT_VERIFICATION, supersedes_reason="no grading"))
    assert world.last("enterprise.assessed").grade.score == 90


@pytest.mark.parametrize(
    "deductions", [{"1.1": 4, "6.1": 8.5}, {"1.1": 30, "5.1": 2}, {"6.1": 15, "7.1": 10, "1.1": 9}]
)
def test_each_smallest_change_moves_the_colour_and_a_smaller_one_does_not(deductions):
    _, grade = graded(deductions)
    for change in grade.smallest_change:
        if change.unit == "count":
            continue
        kind, code = change.input.split(".", 1)
        for size, moves in ((change.change, True), (change.change - (0.01 if change.change > 0 else -0.01), False)):
            altered = {"deductions": dict(deductions), "bonuses": {}}
            altered[kind][code] = altered[kind].get(code, 0) + size
            _, other = graded(altered["deductions"], bonuses=altered["bonuses"])
            assert (other.colour is not grade.colour) == moves, (change, size)
            assert not moves or other.colour is change.colour
    sizes = [abs(change.change) for change in grade.smallest_change]
    assert sizes == sorted(sizes)
    assert sizes


def test_a_hazard_unit_is_assessed_and_its_level_weighs():
    world = World()
    world.tell(build.hazard_unit_declared(1))
    found = world.last("enterprise.assessed").hazard_units[0]
    assert (found.s, found.r, found.level, found.missing_roles) == (1.5, 7.5, 4, ())
    assert not [kind for kind in world.standing() if not kind.startswith("unit")]


def test_levels_are_hazards_when_newly_reached_or_risen_and_not_when_fallen():
    world = World()
    world.tell(build.hazard_unit_declared(1, substances=((12, 250.0),), exposed_population=100))
    (raised,) = world.raised("hazard_unit.level_1")
    assert raised.condition
    assert raised.subject == f"{build.ENTERPRISE}:HU-1"
    world.tell(build.hazard_unit_declared(2, substances=((12, 50.0),), exposed_population=100))
    assert world.last("enterprise.assessed").highest_level == 2
    assert not [kind for kind in world.standing() if kind.startswith("hazard_unit")]
    world.tell(build.hazard_unit_declared(3, substances=((12, 250.0),), exposed_population=100))
    assert [each.episode for each in world.raised("hazard_unit.level_1")] == [1, 2]


def test_a_missing_person_is_a_condition_that_returns_when_it_gets_worse():
    world = World()
    world.tell(build.hazard_unit_declared(1, responsible=build.NOBODY))
    assert len(world.raised("responsible_person_missing")) == 1
    world.tell(build.hazard_unit_declared(2, responsible={"principal": None, "technical": None, "operational": "p"}))
    assert len(world.raised("responsible_person_missing")) == 2
    world.tell(build.hazard_unit_declared(3))
    assert "responsible_person_missing" not in world.standing()


def test_an_installation_grows_old_with_the_day():
    world = World()
    twenty = date(2003, 2, 20)
    world.tell(build.installation_declared(1, commissioned_on=twenty, design_life_years=None))
    assert not world.last("enterprise.assessed").installations[0].old
    world.tell(build.day_started(date(2023, 2, 20)))
    assert not world.last("enterprise.assessed").installations[0].old
    world.tell(build.day_started(date(2023, 2, 21)))
    assert world.last("enterprise.assessed").installations[0].old
    component = {each.id: each for each in world.last("unit.assessed").components}["old_installations"]
    assert component.score == 0


def test_missing_persons_count_as_dead_and_a_supplement_replaces_the_figures():
    world = World()
    world.tell(build.accident_reported(1, deaths=1, missing=2))
    found = world.last("unit.assessed")
    assert [(veto.id, veto.at_best) for veto in found.vetoes] == [("larger_accident", Colour.ORANGE)]
    assert "accident.larger" in world.standing()
    first = found.accidents[0]
    world.tell(
        build.accident_reported(2, deaths=1, missing=0, supplement_to=first.accident_id, occurred_at=first.occurred_at)
    )
    assert world.last("unit.assessed").vetoes == ()
    assert {kind for kind in world.standing() if kind.startswith("accident")} == {"accident.ordinary"}


def test_an_accident_belongs_to_the_round_that_holds_its_time():
    world = World()
    later = NOON + timedelta(days=150)
    world.tell(build.round_opened(1, round_id="2023-2", opens=later.date(), at=later))
    world.tell(build.accident_reported(1, occurred_at=NOON, at=later))
    assert world.last("unit.assessed").accidents == ()
    world.tell(build.accident_reported(2, occurred_at=later + DAY, at=later + DAY))
    assert len(world.last("unit.assessed").accidents) == 1


def test_components_follow_the_table_and_those_without_data_are_skipped():
    world = World(enterprises=(build.ENTERPRISE, "91370305MA3KEY0T24"))
    world.tell(
        build.inspection_submitted(1, findings=[build.finding("5")], grading=build.grading({"1.1": 10})),
        build.park_assessed(1, score=72.5),
        build.key_task_progressed(2, progress=0.5),
    )
    found = world.last("unit.assessed")
    scores = {each.id: each.score for each in found.components}
    assert scores == {
        "enterprise_grades": 0.9,
        "major_findings": 0.5,
        "rectification": 1.0,
        "coverage": 0.25,
        "old_installations": None,
        "chemical_parks": 0.8,
        "key_tasks": 0.5,
    }
    expected = 100 * (30 * 0.9 + 25 * 0.5 + 15 * 1 + 10 * 0.25 + 6 * 0.8 + 6 * 0.5) / 92
    assert found.index == pytest.approx(expected, abs=1e-6)
    assert sum(each.points for each in found.components if each.points is not None) == pytest.approx(expected, abs=1e-5)
    assert {(each.rule, each.version) for each in found.components} == {("unit-index", 1)}


def test_a_provisional_index_raises_nothing_until_the_window_closes():
    others = tuple(f"91370305MA3KEY{number:04d}" for number in range(9))
    world = World(enterprises=(build.ENTERPRISE, *others))
    assert world.last("unit.assessed").provisional
    places = [build.finding(str(item)) for item in range(1, 16)]
    world.tell(build.inspection_submitted(1, findings=places))
    assert not [kind for kind in world.standing() if kind.startswith("unit")]
    world.tell(build.day_started(date(2023, 3, 10)))
    assert not world.last("unit.assessed").provisional
    assert [kind for kind in world.standing() if kind.startswith("unit")]


def test_orange_that_turns_red_clears_the_one_hazard_and_raises_the_other():
    world = World()
    world.tell(build.inspection_submitted(1), build.accident_reported(2, deaths=3))
    assert "unit.orange" in world.standing()
    world.tell(build.accident_reported(3, deaths=10))
    assert "unit.red" in world.standing()
    assert "unit.orange" not in world.standing()


def test_an_open_major_finding_in_an_important_period_vetoes_blue():
    world = World(important_periods=({"name": "session", "from": date(2023, 3, 4), "to": date(2023, 3, 13)},))
    for stage, seq in ((Stage.SELF_INSPECTION, 1), (Stage.EXPERT_VERIFICATION, 2)):
        world.tell(build.inspection_submitted(seq, stage=stage, findings=[build.finding("5")]))
    veto = "major_finding_open_in_important_period"
    assert veto not in [each.id for each in world.last("unit.assessed").vetoes]
    world.tell(build.day_started(date(2023, 3, 4)))
    assert veto in [each.id for each in world.last("unit.assessed").vetoes]
    world.tell(build.day_started(date(2023, 3, 14)))
    assert veto not in [each.id for each in world.last("unit.assessed").vetoes]


def test_every_colour_change_within_a_batch_is_sent():
    world = World()
    world.tell(
        build.inspection_submitted(1, grading=build.grading({})),
        build.inspection_submitted(2, stage=Stage.RE_EXAMINATION),
    )
    accident = build.accident_reported(3, deaths=10)
    over = build.accident_reported(
        4, deaths=0, supplement_to=accident.data.accident_id, occurred_at=accident.data.occurred_at
    )
    told = [each.data.colour for each in world.tell(accident, over) if named(each) == "unit.assessed"]
    assert told[0] is Colour.RED
    assert told[-1] is not Colour.RED


def test_the_day_on_which_a_finding_falls_due_is_among_the_smallest_changes():
    others = tuple(f"91370305MA3KEY{number:04d}" for number in range(9))
    world = World(enterprises=(build.ENTERPRISE, *others))
    due = NOON.date() + 5 * DAY
    world.tell(build.day_started(NOON.date()))
    world.tell(
        *(
            build.inspection_submitted(
                seq, stage=stage, at=instant(NOON.date()), findings=[build.finding("5", due_on=due)] if seq == 1 else ()
            )
            for seq, stage in enumerate(Stage, 1)
        )
    )
    found = world.last("unit.assessed")
    days = [(each.change, each.colour) for each in found.smallest_change if each.unit == "days"]
    # (25 * 9/10 + 15 * 1 + 10 * (0.5/10 + 0.3/10 + 0.2) + 6 * 0) / 56; past due the 9 becomes 8 and the 1 becomes 0.
    assert (found.index, found.colour) == (pytest.approx(100 * 40.3 / 56, abs=1e-6), Colour.ORANGE)
    assert days == [(6, Colour.RED)]


def test_guidance_is_summed_over_the_round():
    world = World()
    world.tell(build.guidance_recorded(1), build.guidance_recorded(2, kind="visit", hours=1.5, people=3))
    given = world.last("unit.assessed").guidance
    assert (given.trainings, given.visits, given.hours, given.people) == (1, 1, 4.5, 43)


def test_rule_sets_are_named_with_the_result():
    assert World().last("unit.assessed").rule_sets == RULES.refs()
