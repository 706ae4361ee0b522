"""Components of the unit index (this product's own choice: county_index.toml), each a pure function of a unit's
figures.
"""

from collections.abc import Callable
from typing import NamedTuple

from services.scoring.rules.measures import MICRO
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


Score = Callable[[Figures, Component], float | None]
SCORES: dict[str, Score] = {
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
