"""Grades of production accidents, State Council Decree 493 (2007), article 3. Used by intake (answer) and scoring
(hazard, veto).
"""

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from pydantic import Field

from shared.rulesets.tables import Row, require, rows

Grade = Literal["extraordinary", "major", "larger", "ordinary"]
WORST_FIRST: tuple[Grade, ...] = ("extraordinary", "major", "larger", "ordinary")


class RowGrade(Row):
    """A grade and its lower bounds (inclusive: "or more" counts the number itself); any one suffices."""

    grade: Grade
    grade_zh: str
    deaths_min: int = Field(ge=0)
    serious_injuries_min: int = Field(ge=0)
    direct_loss_yuan_min: Decimal = Field(ge=0)


@dataclass(frozen=True, slots=True)
class AccidentGrades:
    """The grades, worst first; the last has no bound."""

    grades: tuple[RowGrade, ...]


def grade(table: AccidentGrades, deaths: int, missing: int, serious_injuries: int, direct_loss_yuan: float) -> Grade:
    """Grade by deaths, serious injuries or direct loss (yuan), whichever is worst; missing persons count as dead
    (ours).
    """
    for row in table.grades:
        if (
            deaths + missing >= row.deaths_min
            or serious_injuries >= row.serious_injuries_min
            or Decimal(repr(direct_loss_yuan)) >= row.direct_loss_yuan_min
        ):
            return row.grade
    return table.grades[-1].grade


def parse(grades: tuple[str, bytes]) -> AccidentGrades:
    """The grades from their file (name, bytes). Raises `InvalidRules`."""
    found = rows(*grades, RowGrade)
    errors = []
    if tuple(row.grade for row in found) != WORST_FIRST:
        errors.append(f"{grades[0]}: needs the grades {', '.join(WORST_FIRST)} in this order")
    if not all(_falls(worse, row) for worse, row in pairwise(found)):
        errors.append(f"{grades[0]}: every bound must fall from grade to grade")
    if not found or found[-1].deaths_min != 0:
        errors.append(f"{grades[0]}: the last grade must begin at 0 deaths")
    require(errors)
    return AccidentGrades(found)


def _falls(worse: RowGrade, row: RowGrade) -> bool:
    return (
        worse.deaths_min > row.deaths_min
        and worse.serious_injuries_min > row.serious_injuries_min
        and worse.direct_loss_yuan_min > row.direct_loss_yuan_min
    )
