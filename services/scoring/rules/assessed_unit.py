"""`unit.assessed`, whole: the unit index with everything that explains it. Called by the fold when it is due."""

import heapq
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import date, timedelta

from services.scoring.rules import fitting, tally, unit_changes
from services.scoring.rules.components import INPUTS, Figures
from services.scoring.rules.measures import COLOURS, MICRO, Json
from services.scoring.rules.output import Cause, Derived, instant, type_of
from services.scoring.rules.rulebook import Index
from services.scoring.rules.state import Accident, Park, Round, Unit
from services.scoring.rules.tally import Totals
from services.scoring.rules.unit_index import scores
from shared.events.base import Colour, Grade
from shared.events.risk import UnitAssessed
from shared.rulesets.unit_index import Component

UNIT = type_of(UnitAssessed)
MOST_CAUSES = 50  # a veto names at most so many; the counts tell how many there are
MOST_DAYS = 400  # how far ahead the smallest change of the day is looked for
MEANS = {"grade_sum", "grade_weight", "park_values", "task_progress"}


def unit(found: Unit, totals: Totals, cause: Cause) -> Derived:
    """The unit's risk as it stands in its current round, which it must have."""
    current = found.rounds[found.current or ""]
    opened, verdict = current.opened, totals.verdict
    days = days_ahead(found, totals, current) if verdict.value is not None else iter(())
    change = unit_changes.smallest_change(totals.figures, current.index, days) if verdict.value is not None else []
    data = {
        "unit_id": found.id,
        "round_id": opened.round_id,
        "guidance_class": opened.guidance_class,
        "index": verdict.value,
        "colour": _colour(verdict.colour),
        "colour_without_vetoes": _colour(verdict.base),
        "provisional": totals.provisional,
        "components": components(totals.figures, current.index),
        "vetoes": tuple(
            _veto(name, at_best, found, totals) for name, at_best in current.index.vetoes if name in verdict.vetoes
        ),
        "smallest_change": change,
        "rule_sets": current.book.shown_refs or [current.index.ref],
        "counts": tally.by_name(found, totals)
        | {"expert_target": opened.expert_target, "key_tasks": len(opened.key_tasks)},
        "parks": tuple(_park(id, park) for id, park in sorted(found.parks.items())),
        "key_tasks": {task.id: found.tasks.get(task.id, 0) / MICRO for task in opened.key_tasks},
        "accidents": tuple(_accident(each) for each in accidents(found)),
        "guidance": _guidance(found),
        "important_periods": [period.model_dump(by_alias=True) for period in opened.important_periods],
        "day": found.shown_day,
        "round_closed": current.closed_revision > 0,
        "left_out": {},
        "as_of": cause.at,
        "log_position": cause.position,
    }
    return Derived(UNIT, fitting.fitted(data, fitting.unit), found.id, found.id, cause)


def _colour(position: int) -> Colour | None:
    return COLOURS[position] if position >= 0 else None


def components(figures: Figures, index: Index) -> list[Json]:
    """Each component with its inputs and the points it gives to the index: they sum to it."""
    scored = scores(figures, index)
    total = sum(weight for weight, score in zip(index.weights, scored, strict=True) if score is not None)
    return [
        {
            "id": component.id,
            "score": score,
            "weight": component.weight,
            "inputs": shown_inputs(figures, component),
            "clause": f"{index.label} {component.id}",
            "rule": index.ref["id"],
            "version": index.ref["version"],
            "points": None if score is None else round(100 * component.weight * score / total, 6),
        }
        for (component, _, _), score in zip(index.components, scored, strict=True)
    ]


def shown_inputs(figures: Figures, component: Component) -> Json:
    """What a component is worked out from; sums of millionths are shown as the figures they stand for."""
    inputs = {name: getattr(figures, name) for name in INPUTS[component.id]}
    shown = {name: value / MICRO if name in MEANS else value for name, value in inputs.items()}
    if component.id == "enterprise_grades":
        shown["grade_sum"] = figures.grade_sum / MICRO / MICRO
    return shown


def _veto(name: str, at_best: int, found: Unit, totals: Totals) -> Json:
    return {"id": name, "at_best": COLOURS[at_best], "causes": tuple(causes(name, found, totals))}


def causes(name: str, found: Unit, totals: Totals) -> list[str]:
    """Ids of what made a veto fire, at most `MOST_CAUSES`."""
    return heapq.nsmallest(MOST_CAUSES, CAUSES[name](found, totals))


def of_grades(found: Unit, grades: Container[str]) -> list[str]:
    """The accidents of the current round with one of the grades, by id."""
    return [each.id for each in accidents(found) if each.grade in grades]


CAUSES: dict[str, Callable[[Unit, Totals], Iterable[str]]] = {
    "major_accident": lambda found, _: of_grades(found, ("major", "extraordinary")),
    "larger_accident": lambda found, _: of_grades(found, ("larger",)),
    "direct_red_enterprise": lambda _, totals: totals.direct_red,
    "major_finding_overdue": lambda _, totals: totals.overdue_major,
    "major_finding_open_in_important_period": lambda _, totals: totals.open_major,
}


def accidents(found: Unit) -> list[Accident]:
    """The accidents of the current round, drills left out, by id."""
    standing = [each for each in found.accidents.values() if each.round_id == found.current and not each.drill]
    return sorted(standing, key=lambda each: each.id)


def days_ahead(found: Unit, totals: Totals, current: Round) -> Iterator[tuple[int, Figures]]:
    """The days to come on which the figures change by themselves: findings fall overdue, important periods begin or
    end.
    """
    today = found.shown_day
    if today is None:
        return
    falls = {due + timedelta(days=1) for due in totals.due}
    periods = current.opened.important_periods
    turns = {period.from_ for period in periods} | {period.to + timedelta(days=1) for period in periods}
    figures, past = totals.figures, iter(sorted(totals.due))
    due = next(past, None)
    for day in sorted(each for each in falls | turns if 0 < (each - today).days <= MOST_DAYS):
        while due is not None and due < day:
            figures = _fallen(totals, due, figures)
            due = next(past, None)
        yield (day - today).days, figures._replace(important_period=_in_period(day, current))


def _fallen(totals: Totals, due: date, figures: Figures) -> Figures:
    falling = totals.due[due]
    majors = sum(finding.grade is Grade.MAJOR for finding in falling.values())
    return figures._replace(overdue_major=figures.overdue_major + majors, resolved=figures.resolved + len(falling))


def _in_period(day: date, current: Round) -> bool:
    return any(period.from_ <= day <= period.to for period in current.opened.important_periods)


def _park(id: str, park: Park) -> Json:
    return {"park_id": id, "score": park.score, "band": park.band, "assessed_on": park.assessed_on}


def _accident(found: Accident) -> Json:
    return {
        "accident_id": found.id,
        "enterprise_id": found.enterprise_id,
        "occurred_at": instant(found.occurred_at),
        "grade": found.grade,
        "deaths": found.deaths,
        "missing": found.missing,
        "serious_injuries": found.serious_injuries,
        "direct_loss_yuan": found.direct_loss_yuan,
    }


def _guidance(found: Unit) -> Json:
    given = found.given
    return {
        "visits": given.visits,
        "advice": given.advice,
        "trainings": given.trainings,
        "hours": given.hours / MICRO,
        "people": given.people,
    }
