"""The unit index (this product's own choice): its value, vetoes and colour. Pure functions of a unit's figures."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.scoring.rules.components import Figures, Score
from services.scoring.rules.measures import COLOURS
from services.scoring.rules.rulebook import Index
from shared.rulesets.unit_index import Component


class Verdict(NamedTuple):
    """The index (0..100, None without any data) and its colours as positions (0 blue .. 3 red); `vetoes` in the file's
    order.
    """

    value: float | None
    base: int
    colour: int
    vetoes: tuple[str, ...]


NOTHING = Verdict(None, -1, -1, ())


class Veto(NamedTuple):
    """When a veto fires, and the figures it reads."""

    reads: tuple[str, ...]
    fires: Callable[[Figures], bool]


VETOES: dict[str, Veto] = {
    "major_accident": Veto(("major_accidents",), lambda figures: figures.major_accidents > 0),
    "larger_accident": Veto(("larger_accidents",), lambda figures: figures.larger_accidents > 0),
    "direct_red_enterprise": Veto(("direct_red",), lambda figures: figures.direct_red > 0),
    "major_finding_overdue": Veto(("overdue_major",), lambda figures: figures.overdue_major > 0),
    "major_finding_open_in_important_period": Veto(
        ("open_major", "important_period"), lambda figures: figures.important_period and figures.open_major > 0
    ),
}


def verdict(figures: Figures, index: Index) -> Verdict:
    """What the figures come to."""
    return judged(scores(figures, index), figures, index)


def scores(figures: Figures, index: Index) -> list[float | None]:
    """The score of each component; None for one that is skipped."""
    return [scored(figures, each) for each in index.components]


def scored(figures: Figures, of: tuple[Component, Score, float | None]) -> float | None:
    """The score of one component, or what its rule gives when it has no data."""
    component, score_of, empty = of
    score = score_of(figures, component)
    return empty if score is None else score


def judged(scores: Sequence[float | None], figures: Figures, index: Index) -> Verdict:
    """The index from the scores; then the vetoes, which only make its colour worse."""
    found = fired(figures, index)
    value, worst = weighed(scores, index), worst_of(found)
    vetoes = tuple([name for name, _ in found])
    base = band(value, index)
    return Verdict(value, base, max(base, worst), vetoes)


def fired(figures: Figures, index: Index) -> Sequence[tuple[str, int]]:
    """The vetoes that fire, in the file's order, each with the best colour it leaves."""
    return [each for each in index.vetoes if VETOES[each[0]].fires(figures)]


def worst_of(vetoes: Iterable[tuple[str, int]]) -> int:
    """The best colour that all of them leave; -1 without any."""
    worst = -1
    for _, at_best in vetoes:
        worst = max(worst, at_best)
    return worst


def weighed(scores: Sequence[float | None], index: Index) -> float | None:
    """Sum of weight * score, rescaled to 100 when components are skipped; None when all are.

    Rounded to millionths, so that a sum of decimals that should meet a band's bound does meet it.
    """
    total = weight = 0.0
    for share, score in zip(index.weights, scores, strict=True):
        if score is not None:
            total += share * score
            weight += share
    return round(100 * total / weight, 6) if weight else None


def band(value: float | None, index: Index) -> int:
    """Position of the colour of an index; -1 without one."""
    if value is None:
        return -1
    for colour, bound in enumerate(index.bands):
        if value >= bound:
            return colour
    return len(COLOURS) - 1
