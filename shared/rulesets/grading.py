"""Enterprise grading, 应急〔2018〕19号: items, direct-red rules, bands. Used by intake and scoring."""

from dataclasses import dataclass

from pydantic import Field

from shared.events.base import Colour
from shared.rulesets.tables import Row, doubled, require, rows

Named = tuple[str, bytes]


class Item(Row):
    """One item: its points, and the most that its bonuses can add (0: it knows no bonus), read off the text of the
    rule.
    """

    code: str
    category_zh: str
    title_zh: str
    points: float = Field(ge=0)
    bonus_max: float = Field(ge=0)
    deductions_bonuses_en: str


class DirectRed(Row):
    """A rule that makes an enterprise red whatever its score."""

    code: str
    title_zh: str
    paraphrase_en: str


class Band(Row):
    """A colour and the lowest score that earns it."""

    colour: Colour
    min_inclusive: float


@dataclass(frozen=True, slots=True)
class GradingTable:
    """Items by code, direct-red rules by code, bands from the safest colour down."""

    items: dict[str, Item]
    direct_red: dict[str, DirectRed]
    bands: tuple[Band, ...]

    def colour_of(self, score: float) -> Colour:
        """Blue >= 90, yellow 75 to < 90, orange 60 to < 75, red < 60 (the last band has no floor)."""
        return next((band.colour for band in self.bands if score >= band.min_inclusive), self.bands[-1].colour)


def parse(items: Named, direct_red: Named, bands: Named) -> GradingTable:
    """The table from its files (name, bytes). Raises `InvalidRules`."""
    rated, reds, colours = rows(*items, Item), rows(*direct_red, DirectRed), rows(*bands, Band)
    points = sum(item.points for item in rated)
    minima = [band.min_inclusive for band in colours]
    errors = doubled(f"{items[0]}: item", (item.code for item in rated))
    errors += doubled(f"{direct_red[0]}: rule", (rule.code for rule in reds))
    if points != 100:
        errors.append(f"{items[0]}: the points sum to {points}, not to 100")
    if [band.colour for band in colours] != list(Colour):
        errors.append(f"{bands[0]}: needs blue, yellow, orange, red in this order")
    if minima != sorted(set(minima), reverse=True):
        errors.append(f"{bands[0]}: the minima must fall from blue to red")
    require(errors)
    return GradingTable({item.code: item for item in rated}, {rule.code: rule for rule in reds}, colours)
