"""The unit index (this product's own choice): its value, vetoes and colour. Pure functions of a unit's figures."""

from collections.abc import Callable, Sequence
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


FIRED: dict[str, Callable[[Figures], bool]] = {
    "major_accident": lambda figures: figures.major_accidents > 0,
    "larger_accident": lambda figures: figures.larger_accidents > 0,
    "direct_red_enterprise": lambda figures: figures.direct_red > 0,
    "major_finding_overdue": lambda figures: figures.overdue_major > 0,
    "major_finding_open_in_important_period": lambda figures: figures.important_period and figures.open_major > 0,
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
    """Sum of weight * score, rescaled to 100 when components are skipped; then the vetoes, which only make it worse.

    Rounded to millionths, so that a sum of decimals that should meet a band's bound does meet it.
    """
    total = weight = 0.0
    for share, score in zip(index.weights, scores, strict=True):
        if score is not None:
            total += share * score
            weight += share
    fired = figures.overdue_major or figures.direct_red or figures.larger_accidents or figures.major_accidents
    quiet = not fired and not figures.important_period
    vetoes = () if quiet else tuple([name for name, _ in index.vetoes if FIRED[name](figures)])
    worst = max((at_best for name, at_best in index.vetoes if name in vetoes), default=-1) if vetoes else -1
    if not weight:
        return Verdict(None, -1, worst, vetoes)
    value = round(100 * total / weight, 6)
    base = band(value, index)
    return Verdict(value, base, max(base, worst), vetoes)


def band(value: float, index: Index) -> int:
    """Position of the colour of an index."""
    for colour, bound in enumerate(index.bands):
        if value >= bound:
            return colour
    return len(COLOURS) - 1
