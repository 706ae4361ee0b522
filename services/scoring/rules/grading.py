"""Grades of enterprises (应急〔2018〕19号): score, colour, what made it and the least change that moves it. Called by the fold."""

from datetime import date

from services.scoring.rules.output import built
from services.scoring.rules.rulebook import COLOURS, MICRO, Grading, Rulebook, micro
from services.scoring.rules.state import STAGES, Enterprise, Graded
from shared.errors import Rejected
from shared.events.base import Colour
from shared.events.inspections import Grading as Reported
from shared.events.risk import Change, Contribution, EnterpriseGrade

STEP = MICRO // 100  # the least change shown: a hundredth of a point
RED = len(COLOURS) - 1
Offer = tuple[int, str, int, int]  # size, input, direction, colour


def check(reported: Reported, table: Grading) -> None:
    """Raises `Rejected` when a grading names items or direct-red rules that the table does not have."""
    unknown = [code for code in (*reported.deductions, *reported.bonuses) if code not in table.points]
    unknown += [code for code in reported.direct_red if code not in table.direct_red]
    if unknown:
        raise Rejected("unknown_grading_item", ", ".join(unknown))


def score(graded: Graded, table: Grading) -> int:
    """Millionths of a point: every item's points less its deduction, never below 0, and its bonus on top; not capped."""
    total, points, most = table.total, table.points, table.bonus_max
    for code, deduction in graded.deductions.items():
        total -= min(deduction, points[code])
    for code, bonus in graded.bonuses.items():
        total += min(bonus, most[code])
    return total


def band(score: int, table: Grading) -> int:
    """Position of the colour (0 blue .. 3 red) that a score earns."""
    for colour, bound in enumerate(table.bands):
        if score >= bound:
            return colour
    return RED


def regrade(enterprise: Enterprise, round_id: str | None, book: Rulebook) -> None:
    """Sets the grade that counts in the round: the latest non-null grading of the highest stage."""
    enterprise.score = enterprise.graded_stage = enterprise.colour = enterprise.base_colour = -1
    for stage in (2, 1, 0):
        graded = enterprise.gradings[stage]
        if graded is not None and graded.round_id == round_id:
            table = book.grading(graded.on)
            enterprise.graded_stage = stage
            enterprise.score = score(graded, table)
            enterprise.base_colour = band(enterprise.score, table)
            enterprise.colour = RED if graded.direct_red else enterprise.base_colour
            return


def shown(enterprise: Enterprise, table: Grading) -> EnterpriseGrade | None:
    """The grade with everything that explains it; None without a grading in the round."""
    graded = enterprise.gradings[enterprise.graded_stage] if enterprise.graded_stage >= 0 else None
    if graded is None:
        return None
    return built(
        EnterpriseGrade,
        {
            "score": enterprise.score / MICRO,
            "colour": COLOURS[enterprise.colour],
            "colour_without_direct_red": COLOURS[enterprise.base_colour],
            "direct_red": graded.direct_red,
            "stage": STAGES[enterprise.graded_stage],
            "rule_set": table.ref,
            "contributions": contributions(graded, table),
            "smallest_change": smallest_change(enterprise, graded, table),
        },
    )


def contributions(graded: Graded, table: Grading) -> tuple[Contribution, ...]:
    """One per item, in the table's order: their points sum to the score."""
    deductions, bonuses = graded.deductions, graded.bonuses
    found = []
    for code, untouched in zip(table.points, table.untouched, strict=True):
        if code not in deductions and code not in bonuses:
            found.append(untouched)
            continue
        deduction, bonus, points = deductions.get(code, 0), bonuses.get(code, 0), table.points[code]
        inputs = {"item": code, "points": points / MICRO, "deduction": deduction / MICRO, "bonus": bonus / MICRO}
        kept = max(0, points - deduction) + min(bonus, table.bonus_max[code])
        found.append(
            built(
                Contribution,
                {
                    "rule": untouched.rule,
                    "version": untouched.version,
                    "clause": untouched.clause,
                    "inputs": inputs,
                    "points": kept / MICRO,
                },
            )
        )
    return tuple(found)


def smallest_change(enterprise: Enterprise, graded: Graded, table: Grading) -> tuple[Change, ...]:
    """For each single deduction, bonus or direct-red rule the least change that moves the colour, smallest first.

    Deductions and bonuses in points, rounded up to hundredths; a change of a deduction is negative when points are given back.
    """
    if graded.direct_red:
        return _without_direct_red(enterprise, graded)
    base, now = enterprise.base_colour, enterprise.score
    up = table.bands[base - 1] - now if base > 0 else None
    down = now - table.bands[base] + 1 if base < RED else None
    found: list[Offer] = []
    for code, points in table.points.items():
        deduction, bonus = graded.deductions.get(code, 0), graded.bonuses.get(code, 0)
        most = table.bonus_max[code]
        if up is not None:
            _offer(found, f"deductions.{code}", -1, up, min(deduction, points), max(0, deduction - points), base - 1)
            _offer(found, f"bonuses.{code}", 1, up, max(0, most - bonus), 0, base - 1)
        if down is not None:
            _offer(found, f"deductions.{code}", 1, down, max(0, points - deduction), 0, base + 1)
            _offer(found, f"bonuses.{code}", -1, down, min(bonus, most), max(0, bonus - most), base + 1)
    if base != RED:
        found.append((MICRO, "direct_red", 1, RED))
    return _least(found)


def _offer(found: list[Offer], name: str, sign: int, need: int, room: int, beyond: int, colour: int) -> None:
    """Adds a change when the item has room for it; `beyond` must be given back before anything changes."""
    if need <= room:
        found.append((min(-(-(need + beyond) // STEP) * STEP, room + beyond), name, sign, colour))


def _least(found: list[Offer]) -> tuple[Change, ...]:
    found.sort()
    seen: set[str] = set()
    changes = []
    for size, name, sign, colour in found:
        if name in seen:
            continue
        seen.add(name)
        unit = "count" if name == "direct_red" else "points"
        changes.append(_change(name, sign * size / MICRO, unit, COLOURS[colour]))
    return tuple(changes)


def _without_direct_red(enterprise: Enterprise, graded: Graded) -> tuple[Change, ...]:
    if enterprise.base_colour == RED:
        return ()
    return (_change("direct_red", -len(graded.direct_red), "count", COLOURS[enterprise.base_colour]),)


def _change(name: str, change: float, unit: str, colour: Colour) -> Change:
    return built(Change, {"input": name, "change": float(change), "unit": unit, "colour": colour})


def reported(grading: Reported, round_id: str, table: Grading, on: date) -> Graded:
    """A grading as the state keeps it."""
    codes = table.codes
    return Graded(
        round_id,
        on,
        {codes[code]: micro(points) for code, points in grading.deductions.items()},
        {codes[code]: micro(points) for code, points in grading.bonuses.items()},
        grading.direct_red,
    )
