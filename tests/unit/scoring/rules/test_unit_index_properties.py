"""Properties of the unit index and of its smallest changes, over any figures."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.rules.components import SCORES, Figures
from services.scoring.rules.measures import COLOURS, MICRO
from services.scoring.rules.rulebook import Rulebook
from services.scoring.rules.unit_changes import inputs, smallest_change
from services.scoring.rules.unit_index import verdict
from tests.unit.scoring.rules.folding import RULES

INDEX = Rulebook(RULES).index(date(2023, 2, 1))
MORE = settings(max_examples=50, deadline=None)


@st.composite
def any_figures(draw) -> Figures:
    """Figures that a unit can have: parts never exceed their wholes."""
    enrolled = draw(st.integers(0, 12))
    graded, opened = draw(st.integers(0, enrolled)), draw(st.integers(0, 15))
    overdue, closed = draw(st.integers(0, opened)), draw(st.integers(0, 8))
    weights = [draw(st.integers(1, 5)) * MICRO for _ in range(graded)]
    total = sum(weight * draw(st.integers(0, 1000)) * (MICRO // 10) for weight in weights)
    installations, parks, tasks = draw(st.integers(0, 6)), draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return Figures(
        enrolled,
        graded,
        sum(weights),
        total,
        opened,
        overdue,
        closed + overdue,
        draw(st.integers(0, closed)),
        draw(st.integers(0, enrolled)),
        draw(st.integers(0, enrolled)),
        draw(st.integers(0, enrolled)),
        draw(st.integers(0, 6)),
        installations,
        draw(st.integers(0, installations)),
        parks,
        sum(draw(st.sampled_from([0, 400_000, 800_000, MICRO])) for _ in range(parks)),
        tasks,
        sum(draw(st.integers(0, MICRO)) for _ in range(tasks)),
        draw(st.integers(0, graded)),
        draw(st.integers(0, 2)),
        draw(st.integers(0, 1)),
        draw(st.booleans()),
    )


@MORE
@given(figures=any_figures())
def test_every_component_is_between_0_and_1_or_without_data(figures):
    for component in INDEX.rules.component:
        score = SCORES[component.id](figures, component)
        assert score is None or 0 <= score <= 1 + 1e-12


@MORE
@given(figures=any_figures())
def test_vetoes_only_make_the_colour_worse(figures):
    found = verdict(figures, INDEX)
    assert found.colour >= found.base
    assert (found.colour == found.base) or found.vetoes


@MORE
@given(figures=any_figures())
def test_each_smallest_change_is_the_least_that_moves_the_colour(figures):
    now = verdict(figures, INDEX).colour
    told = {change["input"]: change for change in smallest_change(figures, INDEX, ())}
    for each in inputs(figures):
        least = next(
            (k for k in range(1, max(each.up, each.down) + 1) if moves(each, k, now) or moves(each, -k, now)), None
        )
        if least is None:
            assert each.name not in told
            continue
        change = told[each.name]
        steps = round(change["change"] / each.step)
        assert abs(steps) == least
        assert COLOURS.index(change["colour"]) == verdict(each.moved(steps), INDEX).colour != now
    sizes = [abs(change["change"]) for change in told.values()]
    assert sizes == sorted(sizes)


def moves(each, k: int, now: int) -> bool:
    """Whether so many steps are possible and move the colour."""
    return -each.down <= k <= each.up and verdict(each.moved(k), INDEX).colour != now


def test_the_first_later_day_that_moves_the_colour_is_told():
    figures = Figures(enrolled=1, open_major=1, self_inspected=1, re_examined=1, expert_verified=1, expert_target=1)
    better = figures._replace(open_major=0)
    days = [(3, better), (5, better._replace(overdue_major=1, open_major=1, resolved=1)), (9, better)]
    now = verdict(better, INDEX)
    assert COLOURS[now.colour] == "blue"
    change = next(each for each in smallest_change(better, INDEX, days) if each["input"] == "day")
    assert (change["change"], change["unit"]) == (5, "days")
