"""Risk bands of chemical parks, 应急〔2023〕123号. Used by intake and scoring."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from shared.rulesets.tables import Row, require, rows

BandName = Literal["A", "B", "C", "D"]


class RowBand(Row):
    """A band of the park's score, lower bound inclusive; A is the riskiest."""

    band: BandName
    risk_zh: str
    score_min_inclusive: float
    score_max_exclusive: float | None = None


@dataclass(frozen=True, slots=True)
class ParkBands:
    """The bands from A to D."""

    bands: tuple[RowBand, ...]


def band(table: ParkBands, score: float) -> BandName:
    """Band of a score 0..100: A (high risk) < 60, B < 70, C < 85, D >= 85."""
    return next(row.band for row in reversed(table.bands) if score >= row.score_min_inclusive or row is table.bands[0])


def parse(bands: tuple[str, bytes]) -> ParkBands:
    """The bands from their file (name, bytes). Raises `InvalidRules`."""
    found = rows(*bands, RowBand)
    gaps = [
        f"{bands[0]}: band {low.band} does not end where band {high.band} begins"
        for low, high in pairwise(found)
        if low.score_max_exclusive != high.score_min_inclusive
    ]
    named = [row.band for row in found] == ["A", "B", "C", "D"]
    if not named or found[0].score_min_inclusive != 0 or found[-1].score_max_exclusive is not None:
        gaps.append(f"{bands[0]}: needs bands A to D from 0 up, the last open")
    require(gaps)
    return ParkBands(found)
