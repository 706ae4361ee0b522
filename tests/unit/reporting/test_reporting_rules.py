"""The evaluation's decisions, one by one."""

from datetime import date

import pytest

from services.reporting.rules.agreement import agreement
from services.reporting.rules.guidance_class import suggested_class
from services.reporting.rules.problems import long_term, problems
from services.reporting.rules.rates import four_rates
from services.reporting.rules.short_boards import Peer, compared, short_boards
from shared.events.base import Colour, Grade, Outcome, Stage
from shared.rulesets.unit_index import ShortBoard
from tests.builders import ENTERPRISE, ROUND, enterprise_id
from tests.unit.reporting.risk_events import enterprise_assessed, finding_assessed, hazard_unit, unit_assessed, verdict

SELF, COUNTY, EXPERT = Stage
OTHER = enterprise_id(2)
RULES = ShortBoard(floor=0.6, percentile=20, peers=5)


def test_honesty_counts_majors_that_others_reported_and_the_enterprise_had() -> None:
    findings = [
        finding_assessed("both", by=(SELF, COUNTY)),
        finding_assessed("hidden", by=(EXPERT,)),
        finding_assessed("own", by=(SELF,)),
        finding_assessed("ordinary", by=(COUNTY,), grade=Grade.ORDINARY),
    ]
    found = agreement(ROUND, [], findings)
    assert (found.honesty.part, found.honesty.whole) == (1, 2)
    assert [row.enterprise_id for row in found.least_honest] == [ENTERPRISE]
    assert found.found_by == {
        "expert_verification": 1,
        "re_examination": 1,
        "self_inspection": 1,
        "self_inspection+re_examination": 1,
    }


def test_strictness_is_what_the_county_had_of_the_experts_majors() -> None:
    findings = [
        finding_assessed("a", by=(COUNTY, EXPERT)),
        finding_assessed("b", by=(EXPERT,)),
        finding_assessed("c", by=(COUNTY,)),
    ]
    found = agreement(ROUND, [], findings)
    assert (found.strictness.part, found.strictness.whole) == (1, 2)


def test_a_carried_over_finding_was_known_to_whoever_reported_it_when_it_opened() -> None:
    known = finding_assessed("old", by=(EXPERT,), opened_round="2022-2", carried_over=True)
    known = known.model_copy(
        update={"verdicts": {**known.verdicts, SELF: type(known.verdicts[EXPERT]).model_validate(verdict("2022-2"))}}
    )
    assert agreement(ROUND, [], [known]).honesty.part == 1


def test_what_an_earlier_episode_said_does_not_count_for_a_recurrence() -> None:
    back = finding_assessed("back", by=(EXPERT,), recurrence=True, episode=2)
    back = back.model_copy(
        update={"verdicts": {**back.verdicts, SELF: type(back.verdicts[EXPERT]).model_validate(verdict("2022-2"))}}
    )
    assert agreement(ROUND, [], [back]).honesty.part == 0


def test_a_conform_is_no_report() -> None:
    disputed = finding_assessed("d", by=(SELF,), state="disputed")
    said = {**disputed.verdicts, COUNTY: type(disputed.verdicts[SELF]).model_validate(verdict(outcome=Outcome.CONFORM))}
    assert agreement(ROUND, [], [disputed.model_copy(update={"verdicts": said})]).by_stage[COUNTY] == 0


def test_the_estimate_looks_only_at_enterprises_that_both_stages_inspected() -> None:
    both = enterprise_assessed(stages=(SELF, EXPERT))
    findings = [
        finding_assessed("a", by=(SELF, EXPERT)),
        finding_assessed("b", by=(EXPERT,)),
        finding_assessed("c", by=(SELF,), enterprise_id=OTHER),
    ]
    found = agreement(ROUND, [both, enterprise_assessed(OTHER, stages=(SELF,))], findings).estimate
    assert found is not None
    assert (found.first, found.second, found.both) == (1, 2, 1)
    assert agreement(ROUND, [enterprise_assessed(stages=(SELF,))], findings).estimate is None


def test_each_rate_names_the_enterprises_behind_it() -> None:
    enterprises = [
        enterprise_assessed(
            stages=(SELF, COUNTY), hazard_units=(hazard_unit(), hazard_unit("HU-2", missing=("principal",)))
        ),
        enterprise_assessed(OTHER, hazard_units=(hazard_unit("HU-3"),)),
    ]
    late = finding_assessed("late", state="closed", due_on=date(2023, 3, 1), closed_on=date(2023, 3, 2))
    on_time = finding_assessed("good", state="closed", due_on=date(2023, 3, 1), closed_on=date(2023, 3, 1))
    overdue = finding_assessed("overdue", enterprise_id=OTHER, due_on=date(2023, 3, 1), overdue=True)
    open_ = finding_assessed("open", due_on=date(2024, 3, 1))
    counts = {
        "hazard_units": 3,
        "hazard_units_covered": 1,
        "enrolled": 2,
        "self_inspected": 1,
        "re_examined": 1,
        "closed": 2,
        "closed_in_time": 1,
        "overdue_major": 1,
    }
    coverage, own, county, rectification = four_rates(
        counts, [ENTERPRISE, OTHER], enterprises, [late, on_time, overdue, open_]
    )
    assert (coverage.part, coverage.whole) == (1, 3)
    assert {row.enterprise_id: row.lacking for row in coverage.behind} == {ENTERPRISE: ("HU-2",), OTHER: ("HU-3",)}
    assert (own.part, own.whole, [row.enterprise_id for row in own.behind]) == (1, 2, [OTHER])
    assert county.share == 0.5
    assert (rectification.part, rectification.whole) == (1, 3)
    assert {row.enterprise_id for row in rectification.behind} == {ENTERPRISE, OTHER}


def test_an_enterprise_that_never_reported_is_behind_too() -> None:
    _, own, _, _ = four_rates({"enrolled": 2}, [ENTERPRISE, OTHER], [], [])
    assert [row.enterprise_id for row in own.behind] == sorted([ENTERPRISE, OTHER])
    assert own.share == 0


def peers(score: float, count: int = 5) -> list[Peer]:
    return [
        Peer(unit_id=f"p{i}", guidance_class="improvement", index=80, scores={"coverage": score + i / 100})
        for i in range(count)
    ]


def test_a_component_below_its_floor_is_a_short_board() -> None:
    unit = unit_assessed(scores={"coverage": 0.59})
    assert [(board.component, board.reasons) for board in short_boards(unit, [], RULES)] == [
        ("coverage", ("below_floor",))
    ]


def test_the_lowest_of_its_class_is_a_short_board_only_among_enough_peers() -> None:
    unit = unit_assessed(scores={"coverage": 0.7})
    assert [board.reasons for board in short_boards(unit, peers(0.8), RULES)] == [("lowest_of_class",)]
    assert not short_boards(unit, peers(0.8, count=4), RULES)


def test_where_all_of_a_class_stand_alike_nobody_has_a_short_board() -> None:
    alike = [Peer(unit_id=f"p{i}", guidance_class="improvement", index=80, scores={"coverage": 0.7}) for i in range(9)]
    assert not short_boards(unit_assessed(), alike, RULES)


def test_peers_of_another_class_do_not_count() -> None:
    others = [peer.model_copy(update={"guidance_class": "demonstration"}) for peer in peers(0.9)]
    assert not short_boards(unit_assessed(), others, RULES)


def test_components_stand_beside_their_medians() -> None:
    unit = unit_assessed(scores={"coverage": 0.7})
    found = next(row for row in compared(unit, [*peers(0.8)]) if row.id == "coverage")
    assert found.national_median == pytest.approx(0.82)
    assert found.class_peers == 5


def test_the_class_suggested_follows_the_colours_of_two_rounds() -> None:
    blue = unit_assessed(colour=Colour.BLUE)
    assert suggested_class(blue, blue) == ("demonstration", "blue_twice")
    assert suggested_class(blue, None) == ("improvement", "blue_once")
    assert suggested_class(unit_assessed(), blue) == ("comprehensive", "orange_or_red")
    vetoed = unit_assessed(colour=Colour.YELLOW, vetoes=({"id": "x", "at_best": "yellow", "causes": ()},))
    assert suggested_class(vetoed, blue) == ("improvement", "veto_fired")


def test_problems_are_counted_by_item_stage_and_focus() -> None:
    findings = [
        finding_assessed("a", focus=("major_hazard", "chemical_park")),
        finding_assessed("b", item="6", state="closed"),
    ]
    found = problems(ROUND, findings)
    assert (found.total, found.major, found.open) == (2, 2, 1)
    assert {row.key: row.total for row in found.by_focus} == {"major_hazard": 1, "chemical_park": 1, "none": 1}
    assert [row.item for row in found.by_item] == ["5", "6"]
    assert {row.key: row.total for row in found.by_stage}[SELF] == 2


def test_the_long_term_mechanism_counts_what_came_back() -> None:
    found = long_term(
        [finding_assessed("a", recurrence=True), finding_assessed("b", carried_over=True, state="closed")]
    )
    assert (found.recurring, found.carried_over, found.carried_over_closed) == (1, 1, 1)
    assert found.recurring_items[0].item == "5"
