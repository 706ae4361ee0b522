"""The unit index (this product's own choice: county_index.toml): components, vetoes, colour. Pure functions of a unit's figures."""

from collections.abc import Callable
from typing import NamedTuple

from services.scoring.rules.rulebook import COLOURS, MICRO, Index
from shared.events.base import Stage
from shared.rulesets.unit_index import Component


class Figures(NamedTuple):
    """All that the index depends on; whole numbers, sums of weights and scores in millionths."""

    enrolled: int = 0
    graded: int = 0
    grade_weight: int = 0
    grade_sum: int = 0
    open_major: int = 0
    overdue_major: int = 0
    resolved: int = 0
    timely: int = 0
    self_inspected: int = 0
    re_examined: int = 0
    expert_verified: int = 0
    expert_target: int = 0
    installations: int = 0
    settled: int = 0
    parks: int = 0
    park_values: int = 0
    tasks: int = 0
    task_progress: int = 0
    direct_red: int = 0
    larger_accidents: int = 0
    major_accidents: int = 0
    important_period: bool = False


class Verdict(NamedTuple):
    """The index (0..100, None without any data) and its colours as positions (0 blue .. 3 red); `vetoes` in the file's order."""

    value: float | None
    base: int
    colour: int
    vetoes: tuple[str, ...]


NOTHING = Verdict(None, -1, -1, ())


def enterprise_grades(figures: Figures, _: Component) -> float | None:
    """Weighted mean of min(score, 100) / 100 over the enterprises graded in the round."""
    if not figures.grade_weight:
        return None
    return figures.grade_sum / (figures.grade_weight * 100 * MICRO)


def major_findings(figures: Figures, _: Component) -> float | None:
    """1 - min(1, (open + overdue) / enrolled)."""
    if not figures.enrolled:
        return None
    return 1 - min(1.0, (figures.open_major + figures.overdue_major) / figures.enrolled)


def rectification(figures: Figures, _: Component) -> float | None:
    """Findings verified by their due date / findings closed or past due."""
    return figures.timely / figures.resolved if figures.resolved else None


def coverage(figures: Figures, component: Component) -> float | None:
    """Shares of the three stages, weighted; an expert target of 0 counts as met."""
    if not figures.enrolled:
        return None
    weights, enrolled = component.stage_weights, figures.enrolled
    verified = min(1.0, figures.expert_verified / figures.expert_target) if figures.expert_target else 1.0
    return (
        weights[Stage.SELF_INSPECTION] * figures.self_inspected / enrolled
        + weights[Stage.RE_EXAMINATION] * figures.re_examined / enrolled
        + weights[Stage.EXPERT_VERIFICATION] * verified
    )


def old_installations(figures: Figures, _: Component) -> float | None:
    """Installations with a treatment decided or not old / all declared."""
    return figures.settled / figures.installations if figures.installations else None


def chemical_parks(figures: Figures, _: Component) -> float | None:
    """Mean of the bands' values."""
    return figures.park_values / (figures.parks * MICRO) if figures.parks else None


def key_tasks(figures: Figures, _: Component) -> float | None:
    """Mean progress of the round's key tasks."""
    return figures.task_progress / (figures.tasks * MICRO) if figures.tasks else None


SCORES: dict[str, Callable[[Figures, Component], float | None]] = {
    "enterprise_grades": enterprise_grades,
    "major_findings": major_findings,
    "rectification": rectification,
    "coverage": coverage,
    "old_installations": old_installations,
    "chemical_parks": chemical_parks,
    "key_tasks": key_tasks,
}
INPUTS: dict[str, tuple[str, ...]] = {
    "enterprise_grades": ("graded", "grade_weight", "grade_sum"),
    "major_findings": ("open_major", "overdue_major", "enrolled"),
    "rectification": ("timely", "resolved"),
    "coverage": ("self_inspected", "re_examined", "expert_verified", "expert_target", "enrolled"),
    "old_installations": ("settled", "installations"),
    "chemical_parks": ("parks", "park_values"),
    "key_tasks": ("tasks", "task_progress"),
}
FIRED: dict[str, Callable[[Figures], bool]] = {
    "major_accident": lambda figures: figures.major_accidents > 0,
    "larger_accident": lambda figures: figures.larger_accidents > 0,
    "direct_red_enterprise": lambda figures: figures.direct_red > 0,
    "major_finding_overdue": lambda figures: figures.overdue_major > 0,
    "major_finding_open_in_important_period": lambda figures: figures.important_period and figures.open_major > 0,
}


def component_score(figures: Figures, component: Component) -> float | None:
    """Score 0..1; without data what the component's `empty` says, None when it is skipped."""
    score = SCORES[component.id](figures, component)
    if score is not None:
        return score
    return None if component.empty == "skip" else float(component.empty)


def verdict(figures: Figures, index: Index) -> Verdict:
    """Sum of weight * score, rescaled to 100 when components are skipped; then the vetoes, which only make it worse.

    Rounded to millionths, so that a sum of decimals that should meet a band's bound does meet it.
    """
    total = weight = 0.0
    for component in index.rules.component:
        score = component_score(figures, component)
        if score is not None:
            total += component.weight * score
            weight += component.weight
    vetoes = tuple(name for name, _ in index.vetoes if FIRED[name](figures))
    worst = max((at_best for name, at_best in index.vetoes if name in vetoes), default=-1) if vetoes else -1
    if not weight:
        return Verdict(None, -1, worst, vetoes)
    value = round(100 * total / weight, 6)
    base = next((colour for colour, bound in enumerate(index.bands) if value >= bound), len(COLOURS) - 1)
    return Verdict(value, base, max(base, worst), vetoes)
