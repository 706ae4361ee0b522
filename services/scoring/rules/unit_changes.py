"""`smallest_change` of a unit: for each single input the least change that moves its colour. Called when a unit is
assessed.
"""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from services.scoring.rules.components import Figures
from services.scoring.rules.measures import COLOURS, MICRO, Json
from services.scoring.rules.rulebook import Index
from services.scoring.rules.unit_index import VETOES, band, fired, scored, scores, verdict, weighed, worst_of

Kind = Literal["points", "count", "days", "share"]


class Input(NamedTuple):
    """One kind of count or figure: how far it can go down and up (in steps), what a step is, and the figures after so
    many.
    """

    name: str
    unit: Kind
    step: float
    down: int
    up: int
    moved: Callable[[int], Figures]

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that it moves."""
        return MOVES.get(self.name, (self.name,))


IN_VETOES = frozenset(figure for veto in VETOES.values() for figure in veto.reads)
MOVES = {
    "overdue_major": ("overdue_major", "resolved"),
    "closed_in_time": ("timely",),
    "settled_installations": ("settled",),
    "mean_enterprise_score": ("grade_sum",),
    "mean_park_value": ("park_values",),
    "mean_key_task_progress": ("task_progress",),
}


class Trial:
    """The colour after a change of one input: only the components and vetoes that read it are worked out again."""

    def __init__(self, figures: Figures, index: Index) -> None:
        self._index = index
        self._scores = scores(figures, index)
        self._base = band(weighed(self._scores, index), index)
        self._worst = worst_of(fired(figures, index))
        self.now = max(self._base, self._worst)

    def of(self, each: Input) -> Callable[[int], int]:
        """Steps of an input to the colour they lead to."""
        index, trial, base, worst = self._index, self._scores.copy(), self._base, self._worst
        readers = [(at, index.components[at]) for figure in each.figures for at in index.readers.get(figure, ())]
        vetoing = not IN_VETOES.isdisjoint(each.figures)

        def colour(k: int) -> int:
            figures = each.moved(k)
            for at, component in readers:
                trial[at] = scored(figures, component)
            reached = band(weighed(trial, index), index) if readers else base
            return max(reached, worst_of(fired(figures, index)) if vetoing else worst)

        return colour


def inputs(figures: Figures) -> list[Input]:
    """Every input of the unit that the world can change; the others stay fixed."""
    f, change = figures, figures._replace
    count: list[tuple[str, int, int, Callable[[int], Figures]]] = [
        (
            "open_major",
            f.open_major - f.overdue_major,
            max(1, f.enrolled - f.open_major - f.overdue_major),
            lambda k: change(open_major=f.open_major + k),
        ),
        ("overdue_major", f.overdue_major, f.open_major - f.overdue_major, lambda k: overdue(f, k)),
        ("closed_in_time", f.timely, f.resolved - f.timely, lambda k: change(timely=f.timely + k)),
        (
            "self_inspected",
            f.self_inspected,
            f.enrolled - f.self_inspected,
            lambda k: change(self_inspected=f.self_inspected + k),
        ),
        ("re_examined", f.re_examined, f.enrolled - f.re_examined, lambda k: change(re_examined=f.re_examined + k)),
        (
            "expert_verified",
            f.expert_verified,
            f.enrolled - f.expert_verified,
            lambda k: change(expert_verified=f.expert_verified + k),
        ),
        ("settled_installations", f.settled, f.installations - f.settled, lambda k: change(settled=f.settled + k)),
        ("direct_red", f.direct_red, int(f.direct_red < f.graded), lambda k: change(direct_red=f.direct_red + k)),
        ("larger_accidents", f.larger_accidents, 1, lambda k: change(larger_accidents=f.larger_accidents + k)),
        ("major_accidents", f.major_accidents, 1, lambda k: change(major_accidents=f.major_accidents + k)),
    ]
    found = [Input(name, "count", 1, down, up, moved) for name, down, up, moved in count]
    if f.grade_weight:
        found.append(
            _mean(
                "mean_enterprise_score",
                "points",
                f.grade_sum,
                f.grade_weight,
                100,
                lambda total: change(grade_sum=total),
            )
        )
    if f.parks:
        found.append(
            _mean("mean_park_value", "share", f.park_values, f.parks, 1, lambda total: change(park_values=total))
        )
    if f.tasks:
        found.append(
            _mean(
                "mean_key_task_progress",
                "share",
                f.task_progress,
                f.tasks,
                1,
                lambda total: change(task_progress=total),
            )
        )
    return found


def overdue(figures: Figures, k: int) -> Figures:
    """k more (or fewer) major findings past due, among the open ones: they count as past due for rectification too."""
    return figures._replace(overdue_major=figures.overdue_major + k, resolved=figures.resolved + k)


def _mean(name: str, unit: Kind, total: int, weight: int, most: int, moved: Callable[[int], Figures]) -> Input:
    """A mean of `total / weight` millionths between 0 and `most`, changed in hundredths."""
    step, top = weight * MICRO // 100, weight * most * MICRO
    down, up = -(-total // step), -(-(top - total) // step)
    return Input(name, unit, 0.01, down, up, lambda k: moved(min(top, max(0, total + k * step))))


def smallest_change(figures: Figures, index: Index, days: Iterable[tuple[int, Figures]]) -> list[Json]:
    """The list, smallest first (by size, then by name). `days` gives, for each later day on which something falls due
    or a
    period begins or ends, how many days ahead it is and the figures of that day."""
    trial = Trial(figures, index)
    now = trial.now
    found: list[tuple[float, str, float, Kind, int]] = []
    for each in inputs(figures):
        best = _least(each, trial.of(each), now)
        if best is not None:
            k, colour = best
            found.append((abs(k) * each.step, each.name, k * each.step, each.unit, colour))
    for ahead, then in days:
        colour = verdict(then, index).colour
        if colour != now:
            found.append((float(ahead), "day", float(ahead), "days", colour))
            break
    found.sort()
    return [_change(name, change, unit, colour) for _, name, change, unit, colour in found]


def _least(each: Input, colour_of: Callable[[int], int], now: int) -> tuple[int, int] | None:
    """The least number of steps that moves the colour and the colour reached; of two equal ones the better colour."""
    found = []
    for sign, room in ((1, each.up), (-1, each.down)):
        k = _first(colour_of, now, sign, room)
        if k:
            found.append((k, colour_of(sign * k), sign))
    if not found:
        return None
    k, colour, sign = min(found)
    return sign * k, colour


def _first(colour_of: Callable[[int], int], now: int, sign: int, room: int) -> int:
    """The least k in 1..room whose colour differs, 0 when none does: in one direction the colour only moves away."""
    if room <= 0 or colour_of(sign * room) == now:
        return 0
    low, high = 0, room
    while high - low > 1:
        middle = (low + high) // 2
        if colour_of(sign * middle) == now:
            low = middle
        else:
            high = middle
    return high


def _change(name: str, change: float, unit: Kind, colour: int) -> Json:
    return {"input": name, "change": round(change, 6), "unit": unit, "colour": COLOURS[colour]}
