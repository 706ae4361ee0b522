"""Grades of enterprises (应急〔2018〕19号): score, colour, explanation. Called by the fold."""

from datetime import date

import orjson

from services.scoring.rules.measures import COLOURS, MICRO, Json
from services.scoring.rules.rulebook import Grading, Rulebook, contribution
from services.scoring.rules.state import STAGE_NAMES, Enterprise, Graded
from shared.errors import Rejected
from shared.events.inspections import Grading as Reported

STEP = MICRO // 100  # the least change shown: a hundredth of a point
MOST_KEPT = 5000  # contributions kept as JSON, of some 200 bytes each
RED = len(COLOURS) - 1
Offer = tuple[int, str, int, int]  # size, input, direction, colour


def check(reported: Reported, table: Grading) -> None:
    """Raises `Rejected` when a grading names items or direct-red rules that the table does not have."""
    if reported.deductions.keys() <= table.items.keys() and reported.bonuses.keys() <= table.items.keys():
        unknown = [code for code in reported.direct_red if code not in table.direct_red]
    else:
        unknown = [code for code in (*reported.deductions, *reported.bonuses) if code not in table.items]
    if unknown:
        raise Rejected("unknown_grading_item", ", ".join(unknown))


def score(graded: Graded, table: Grading) -> int:
    """Millionths of a point: every item's points less its deduction, never below 0, plus its bonus."""
    total, items = table.total, table.items
    for code, deduction in graded.deductions.items():
        total -= min(deduction, items[code].points)
    for code, bonus in graded.bonuses.items():
        total += min(bonus, items[code].bonus_max)
    return total


def band(score: int, table: Grading) -> int:
    """Position of the colour (0 blue .. 3 red) that a score earns."""
    for colour, bound in enumerate(table.bands):
        if score >= bound:
            return colour
    return RED


def regrade(enterprise: Enterprise, round_id: str | None, book: Rulebook) -> None:
    """Sets the grade that counts in the round: the latest non-null grading of the highest stage."""
    for stage in (2, 1, 0):
        graded = enterprise.gradings[stage]
        if graded is not None and graded.round_id == round_id:
            table = book.grading(graded.on)
            enterprise.graded_stage = stage
            enterprise.score = score(graded, table)
            enterprise.base_colour = band(enterprise.score, table)
            enterprise.colour = RED if graded.direct_red else enterprise.base_colour
            return
    enterprise.score = enterprise.graded_stage = enterprise.colour = enterprise.base_colour = -1


def shown(enterprise: Enterprise, graded: Graded, table: Grading) -> Json:
    """The grade with everything that explains it."""
    return {
        "score": enterprise.score / MICRO,
        "colour": COLOURS[enterprise.colour],
        "colour_without_direct_red": COLOURS[enterprise.base_colour],
        "direct_red": graded.direct_red,
        "stage": STAGE_NAMES[enterprise.graded_stage],
        "rule_set": table.ref,
        "contributions": contributions(graded, table),
        "smallest_change": smallest_change(enterprise, graded, table),
    }


def contributions(graded: Graded, table: Grading) -> list[orjson.Fragment]:
    """One per item, in the table's order: their points sum to the score."""
    found = table.untouched.copy()
    deductions, bonuses = graded.deductions, graded.bonuses
    for code in (deductions | bonuses) if bonuses else deductions:
        found[code] = contribution_of(code, deductions.get(code, 0), bonuses.get(code, 0), table)
    return list(found.values())


def contribution_of(code: str, deduction: int, bonus: int, table: Grading) -> orjson.Fragment:
    """An item's contribution. The same few deductions come again and again, so each is written once."""
    shown = table.shown.get((code, deduction, bonus))
    if shown is None:
        if len(table.shown) >= MOST_KEPT:
            table.shown.clear()
        shown = table.shown[code, deduction, bonus] = contribution(table.rule_set, table.items[code], deduction, bonus)
    return shown


def smallest_change(enterprise: Enterprise, graded: Graded, table: Grading) -> list[Json]:
    """For each single deduction, bonus or direct-red rule the least change that moves the colour, smallest first.

    Deductions and bonuses in points, rounded up to hundredths; a change of a deduction is negative when points are
    given back.
    """
    base = enterprise.base_colour
    if graded.direct_red:
        return [_change("direct_red", -len(graded.direct_red), "count", base)] if base != RED else []
    found: list[Offer] = [] if base == RED else [(MICRO, "direct_red", 1, RED)]
    if base > 0:
        better(found, graded, table, table.bands[base - 1] - enterprise.score, base - 1)
    if base < RED:
        worse(found, graded, table, enterprise.score - table.bands[base] + 1, base + 1)
    found.sort()
    least: dict[str, Offer] = {}
    for offer in found:
        least.setdefault(offer[1], offer)
    return [
        _change(name, sign * size / MICRO, "count" if name == "direct_red" else "points", colour)
        for size, name, sign, colour in least.values()
    ]


def better(found: list[Offer], graded: Graded, table: Grading, need: int, colour: int) -> None:
    """What would earn `need` more: a deduction given back (first what lies beyond the item's points), a bonus."""
    bonuses, steps = graded.bonuses, _steps(need)
    for code, deduction in graded.deductions.items():
        item = table.items[code]
        if need <= deduction and need <= item.points:
            beyond = max(0, deduction - item.points)
            found.append((min(_steps(need + beyond), deduction), item.deductions, -1, colour))
    for item in table.with_bonus:
        room = item.bonus_max - bonuses.get(item.code, 0)
        if need <= room:
            found.append((min(steps, room), item.bonuses, 1, colour))


def worse(found: list[Offer], graded: Graded, table: Grading, need: int, colour: int) -> None:
    """What would lose `need`: a further deduction, a bonus taken away (first what lies beyond its most)."""
    deductions, steps = graded.deductions, _steps(need)
    for code, item in table.items.items():
        room = item.points - deductions.get(code, 0)
        if need <= room:
            found.append((steps if steps < room else room, item.deductions, 1, colour))
    for code, bonus in graded.bonuses.items():
        item = table.items[code]
        if need <= min(bonus, item.bonus_max):
            found.append((min(_steps(need + max(0, bonus - item.bonus_max)), bonus), item.bonuses, -1, colour))


def _steps(need: int) -> int:
    return -(-need // STEP) * STEP


def _change(name: str, change: float, unit: str, colour: int) -> Json:
    return {"input": name, "change": float(change), "unit": unit, "colour": COLOURS[colour]}


def reported(grading: Reported, round_id: str, table: Grading, on: date) -> Graded:
    """A grading as the state keeps it."""
    items = table.items
    return Graded(
        round_id,
        on,
        {items[code].code: round(points * MICRO) for code, points in grading.deductions.items()},
        {items[code].code: round(points * MICRO) for code, points in grading.bonuses.items()},
        grading.direct_red,
    )
