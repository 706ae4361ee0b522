"""The unit index worked out plainly from a unit's whole log, by the words of county_index.toml, GB 18218-2018 and
Decree 493: written apart from the fold and from the rule sets' own arithmetic. For property tests.
"""

import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from shared.events import inspections as log
from shared.events.envelope import Event
from shared.rulesets.loading import PACKAGED
from tests.unit.scoring.rules.recomputation import STAGES, recomputed

SHANGHAI = timezone(timedelta(hours=8))
LEVEL_WEIGHT = {1: 5, 2: 4, 3: 3, 4: 2, None: 1}
WORST = ["blue", "yellow", "orange", "red"]


@dataclass
class Judgement:
    """What a unit comes to."""

    index: float
    colour: str
    vetoes: set[str]
    provisional: bool


def judged(events: list[Event]) -> Judgement:
    """The judgement of one unit whose log has one round, not closed yet, from which nobody is withdrawn."""
    real = [each for each in events if not getattr(each.data, "drill", False)]
    opened = [each.data for each in real if isinstance(each.data, log.RoundOpened)][-1]
    day = max((each.data.day for each in real if isinstance(each.data, log.DayStarted)), default=None)
    plain, enrolled = recomputed(events), len(opened.enterprises)
    done = [
        {each.data.enterprise_id for each in real if stage == getattr(each.data, "stage", None)}
        & set(opened.enterprises)
        for stage in STAGES
    ]
    closed = len(plain.closings) + plain.overdue
    scores: dict[int, list[float | None]] = {
        30: [graded(plain.scores, opened.enterprises, levels(real))],
        25: [1 - min(1, (plain.open_major + plain.overdue_major) / enrolled)],
        15: [sum(plain.closings) / closed if closed else 1.0],
        10: [
            0.5 * len(done[0]) / enrolled
            + 0.3 * len(done[1]) / enrolled
            + 0.2 * min(1, len(done[2]) / opened.expert_target)
        ],
        8: [settled(real, day)],
        6: [parks(real), last(real, log.KeyTaskProgressed, "progress") or 0.0],
    }
    known = [(weight, score) for weight, of in scores.items() for score in of if score is not None]
    index = 100 * sum(weight * score for weight, score in known) / sum(weight for weight, _ in known)
    vetoes = fired(real, plain, opened, day)
    base = next(colour for colour, least in zip(WORST, (90, 75, 60, 0), strict=True) if round(index, 6) >= least)
    worst = [{"major_finding_open_in_important_period": 1, "major_accident": 3}.get(veto, 2) for veto in vetoes]
    colour = WORST[max([WORST.index(base), *worst])]
    closes = opened.windows[STAGES[0]].to
    over = any(now >= closes for now in [each.time for each in real] + ([midnight(day)] if day else []))
    return Judgement(index, colour, vetoes, not over and len(done[0]) < enrolled / 2)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


def last(events: list[Event], kind: type, name: str) -> Any:
    """A field of the last event of a kind; None without one."""
    found = [getattr(each.data, name) for each in events if isinstance(each.data, kind)]
    return found[-1] if found else None


def graded(scores: dict[str, float], enrolled: tuple[str, ...], levels_: dict[str, list[int]]) -> float | None:
    """Mean of min(score, 100) / 100, weighted by the highest level of each enterprise."""
    weights = {id: LEVEL_WEIGHT[min(levels_.get(id, []), default=None)] for id in scores if id in enrolled}
    if not weights:
        return None
    return sum(weight * min(scores[id], 100) / 100 for id, weight in weights.items()) / sum(weights.values())


def levels(events: list[Event]) -> dict[str, list[int]]:
    """Levels of the declared hazard units by enterprise."""
    units: dict[tuple[str, str], int | None] = {}
    for event in events:
        data = event.data
        if isinstance(data, log.HazardUnitDeclared):
            units[data.enterprise_id, data.hazard_unit_id] = level(data)
        elif isinstance(data, log.HazardUnitWithdrawn):
            units.pop((data.enterprise_id, data.hazard_unit_id), None)
    found: dict[str, list[int]] = {}
    for (enterprise, _), each in units.items():
        found.setdefault(enterprise, []).extend([] if each is None else [each])
    return found


def level(data: log.HazardUnitDeclared) -> int | None:
    """S = sum(q/Q); R = alpha * sum(beta * q/Q), all substances named in Table 1 and Table 3."""
    with (PACKAGED / "gb18218_2018_table1.csv").open(encoding="utf-8-sig") as table:
        rows = {int(row["seq"]): row for row in csv.DictReader(table)}
    ratios = [
        (
            Fraction(str(each.quantity_t)) / Fraction(rows[each.seq or 0]["critical_quantity_t"]),
            Fraction(rows[each.seq or 0]["beta_table3"]),
        )
        for each in data.substances
    ]
    people = data.exposed_population
    alpha = Fraction("2" if people >= 100 else "1.5" if people >= 50 else "1.2" if people >= 30 else "1")
    r = (alpha if people else Fraction("0.5")) * sum(ratio * beta for ratio, beta in ratios)
    if sum(ratio for ratio, _ in ratios) < 1:
        return None
    return 1 if r >= 100 else 2 if r >= 50 else 3 if r >= 10 else 4


def settled(events: list[Event], day: date | None) -> float | None:
    """Installations with a treatment, or not old, of all: old at the design life or beyond twenty years."""
    found: dict[tuple[str, str], bool] = {}
    for event in events:
        data = event.data
        if isinstance(data, log.InstallationDeclared):
            on, life = day or event.time.astimezone(SHANGHAI).date(), int(data.design_life_years or 99)
            born = data.commissioned_on
            old = on >= born.replace(year=born.year + life) or on > born.replace(year=born.year + 20)
            found[data.enterprise_id, data.installation_id] = not old or data.treatment is not None
        elif isinstance(data, log.InstallationWithdrawn):
            found.pop((data.enterprise_id, data.installation_id), None)
    return sum(found.values()) / len(found) if found else None


def parks(events: list[Event]) -> float | None:
    """The one park's value by its band."""
    score = last(events, log.ParkAssessed, "score")
    return None if score is None else 0.0 if score < 60 else 0.4 if score < 70 else 0.8 if score < 85 else 1.0


def fired(events: list[Event], plain: Any, opened: log.RoundOpened, day: date | None) -> set[str]:
    """Names of the vetoes that fire."""
    dead = {
        each.data.accident_id: each.data.deaths + each.data.missing
        for each in events
        if isinstance(each.data, log.AccidentReported)
    }
    reds: dict[tuple[str, int], bool] = {}
    for event in events:
        data = event.data
        if isinstance(data, log.InspectionSubmitted) and data.grading is not None:
            reds[data.enterprise_id, STAGES.index(data.stage)] = bool(data.grading.direct_red)
    counting = dict(sorted(reds))
    period = any(each.from_ <= day <= each.to for each in opened.important_periods) if day else False
    found = {
        "major_accident": any(deaths >= 10 for deaths in dead.values()),
        "larger_accident": any(3 <= deaths < 10 for deaths in dead.values()),
        "direct_red_enterprise": any(reds[place] for place in counting.items() if place[0] in opened.enterprises),
        "major_finding_overdue": plain.overdue_major > 0,
        "major_finding_open_in_important_period": period and plain.open_major > 0,
    }
    return {name for name, holds in found.items() if holds}
