"""GB 18218-2018: worked figures, traps of the tables, and properties of S, R and the level."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.inspections import Substance
from shared.rulesets import load
from shared.rulesets.gb18218 import Assessment, Invalid, RuleError, Table, assess

TABLE = load().at("gb18218-2018", date(2023, 2, 20)).of(Table)
CHLORINE, AMMONIA, COAL_GAS, OXYGEN, FLUORINE = 12, 1, 13, 56, 5


def row(seq: int, tonnes: float, class_: str | None = None) -> Substance:
    return Substance.model_validate({"seq": seq, "quantity_t": tonnes, "class": class_})


def classed(class_: str, tonnes: float, name: str = "synthetic") -> Substance:
    return Substance.model_validate({"name": name, "class": class_, "quantity_t": tonnes})


def errors_of(substances: list[Substance], population: int = 0) -> tuple[RuleError, ...]:
    with pytest.raises(Invalid) as caught:
        assess(TABLE, substances, population)
    return caught.value.errors


def test_chlorine_and_ammonia_of_five_tonnes_each_with_sixty_people_are_level_four() -> None:
    found = assess(TABLE, [row(CHLORINE, 5), row(AMMONIA, 5)], 60)
    assert (found.s, found.r, found.level) == (1.5, 7.5, 4)


def test_250_tonnes_of_chlorine_with_100_people_are_level_one() -> None:
    found = assess(TABLE, [row(CHLORINE, 250)], 100)
    assert (found.r, found.level) == (400.0, 1)


def test_below_the_critical_quantity_there_is_no_level_and_no_r() -> None:
    found = assess(TABLE, [row(CHLORINE, 4.999)], 100)
    assert (found.r, found.level) == (None, None)
    assert found.s < 1


def test_s_of_exactly_one_counts_although_floats_would_miss_it() -> None:
    tenths = [row(CHLORINE, 0.5)] * 10  # ten times 0.1: floats sum to 0.9999999999999999
    assert sum(0.1 for _ in range(10)) < 1
    found = assess(TABLE, tenths, 0)
    assert (found.s, found.level) == (1.0, 4)


@pytest.mark.parametrize(
    ("people", "alpha"),
    [(0, 0.5), (1, 1.0), (29, 1.0), (30, 1.2), (49, 1.2), (50, 1.5), (99, 1.5), (100, 2.0), (9999, 2.0)],
)
def test_alpha_follows_table_5(people: int, alpha: float) -> None:
    assert assess(TABLE, [row(CHLORINE, 5)], people).alpha == alpha


@pytest.mark.parametrize(("tonnes", "level"), [(12.4, 4), (12.5, 3), (62.4, 3), (62.5, 2), (124.9, 2), (125, 1)])
def test_levels_begin_at_their_lower_bound(tonnes: float, level: int) -> None:
    """With one person near, R = 1.0 * 4 * q / 5: 10 at 12.5 t, 50 at 62.5 t, 100 at 125 t."""
    assert assess(TABLE, [row(CHLORINE, tonnes)], 1).level == level


def test_a_substance_of_several_classes_takes_the_lowest_quantity_and_the_highest_beta() -> None:
    (found,) = assess(TABLE, [classed("W5.3, J3", 100)], 0).contributions
    assert (found.critical_quantity_t, found.beta) == (50.0, 2.0)
    assert found.critical_quantity_clause.endswith("Table 2 J3")
    assert found.beta_clause.endswith("Table 4 J3")


def test_a_named_row_keeps_its_quantity_whatever_its_class() -> None:
    (found,) = assess(TABLE, [row(FLUORINE, 1, "J1")], 0).contributions
    assert (found.critical_quantity_t, found.beta) == (1.0, 4.0)


def test_table_3_beats_the_class_for_beta() -> None:
    (found,) = assess(TABLE, [row(CHLORINE, 5, "W2")], 0).contributions
    assert (found.beta, found.beta_clause) == (4.0, "GB 18218-2018 Table 3")


def test_carbon_monoxide_is_reached_through_the_coal_gas_row() -> None:
    (found,) = assess(TABLE, [row(COAL_GAS, 20)], 0).contributions
    assert (found.critical_quantity_t, found.beta) == (20.0, 2.0)


def test_j2_has_beta_one() -> None:
    assert assess(TABLE, [classed("J2", 50)], 0).contributions[0].beta == 1.0


def test_the_six_rows_of_nitrocellulose_are_told_apart_by_row_not_by_cas() -> None:
    quantities = [assess(TABLE, [row(seq, 1, "W1.1")], 0).contributions[0].critical_quantity_t for seq in range(37, 43)]
    assert quantities == [1, 1, 10, 50, 50, 50]


def test_a_row_without_a_beta_needs_a_class_and_never_gets_one_by_default() -> None:
    (error,) = errors_of([row(OXYGEN, 10)])
    assert (error.pointer, error.code) == ("/substances/0/class", "class_required")


def test_a_class_only_substance_that_bears_the_name_of_a_row_says_so() -> None:
    (found,) = assess(TABLE, [classed("W5.3", 900, "甲醇")], 0).contributions
    assert (found.critical_quantity_t, found.named_in_table_1) == (1000.0, (65,))


def test_everything_wrong_is_named_at_once_at_its_place() -> None:
    wrong = [
        row(99, 1),
        classed("W99", 1),
        Substance(name="氯", quantity_t=1),
        row(OXYGEN, 1),
        Substance.model_construct(seq=CHLORINE, name=None, class_=None, quantity_t=float("inf")),
    ]
    found = errors_of(wrong, population=-1)
    assert [(error.pointer, error.code) for error in found] == [
        ("/exposed_population", "negative"),
        ("/substances/0/seq", "seq_unknown"),
        ("/substances/1/class", "class_unknown"),
        ("/substances/2", "seq_or_class_required"),
        ("/substances/3/class", "class_required"),
        ("/substances/4/quantity_t", "not_positive"),
    ]
    assert "row 12 of Table 1" in found[3].detail


def test_a_hazard_unit_without_substances_is_an_error() -> None:
    assert [error.code for error in errors_of([])] == ["empty"]


def test_contributions_add_up_to_s_and_r() -> None:
    found = assess(TABLE, [row(CHLORINE, 7.3), row(AMMONIA, 12.1), classed("W5.1", 30)], 60)
    assert found.s == pytest.approx(sum(each.ratio for each in found.contributions))
    assert found.r == pytest.approx(found.alpha * sum(each.weighted for each in found.contributions))


with_beta = [seq for seq, each in TABLE.rows.items() if each.beta_table3 is not None]
quantities = st.floats(min_value=1e-6, max_value=1e6, allow_nan=False)
substances = st.lists(
    st.one_of(
        st.builds(row, st.sampled_from(with_beta), quantities),
        st.builds(classed, st.sampled_from(sorted(TABLE.classes)), quantities),
    ),
    min_size=1,
    max_size=6,
)
people = st.integers(min_value=0, max_value=5000)


def rank(found: Assessment) -> int:
    """5 for no level, 4..1 for the levels: lower is worse."""
    return 5 if found.level is None else found.level


@given(substances, people, st.integers(min_value=0, max_value=5), quantities)
def test_more_of_a_substance_never_lowers_s_nor_betters_the_level(
    held: list[Substance], near: int, index: int, more: float
) -> None:
    chosen = index % len(held)
    grown = [
        each.model_copy(update={"quantity_t": each.quantity_t + more}) if at == chosen else each
        for at, each in enumerate(held)
    ]
    before, after = assess(TABLE, held, near), assess(TABLE, grown, near)
    assert after.s >= before.s
    assert rank(after) <= rank(before)


@given(substances, people, people)
def test_more_people_near_never_better_the_level(held: list[Substance], few: int, many: int) -> None:
    few, many = sorted((few, many))
    assert rank(assess(TABLE, held, many)) <= rank(assess(TABLE, held, few))


@given(substances, people)
def test_the_level_is_the_one_whose_bounds_hold_r_and_exists_only_from_s_of_one_on(
    held: list[Substance], near: int
) -> None:
    found = assess(TABLE, held, near)
    exact = sum(
        (
            Fraction(repr(each.quantity_t)) / Fraction(repr(c.critical_quantity_t))
            for each, c in zip(held, found.contributions, strict=True)
        ),
        Fraction(0),
    )
    assert (found.level is not None) == (exact >= 1) == (found.r is not None)
    if found.r is not None:
        bounds = {1: (100, float("inf")), 2: (50, 100), 3: (10, 50), 4: (0, 10)}
        low, high = bounds[found.level or 0]
        assert low <= found.r <= high


@given(substances, people)
def test_the_order_of_substances_changes_nothing(held: list[Substance], near: int) -> None:
    shuffled = sorted(held, key=lambda each: (each.quantity_t, each.seq or 0))
    one, other = assess(TABLE, held, near), assess(TABLE, shuffled, near)
    assert (one.s, one.r, one.level) == (other.s, other.r, other.level)
