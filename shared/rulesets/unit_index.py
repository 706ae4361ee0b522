"""The unit index: components, weights, bands, vetoes (this product's own choice, data of county_index.toml). Used by
scoring and reporting.
"""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from shared.events.base import Colour, GuidanceClass, Stage
from shared.rulesets.parks import BandName
from shared.rulesets.tables import Rules, doubled

ComponentId = Literal[
    "enterprise_grades",
    "major_findings",
    "rectification",
    "coverage",
    "old_installations",
    "chemical_parks",
    "key_tasks",
]
VetoId = Literal[
    "major_accident",
    "larger_accident",
    "direct_red_enterprise",
    "major_finding_overdue",
    "major_finding_open_in_important_period",
]
LEVEL_WEIGHTS: dict[int, float] = {1: 4, 2: 3, 3: 2, 4: 1}
STAGE_WEIGHTS: dict[Stage, float] = dict(zip(Stage, (0.5, 0.3, 0.2), strict=True))
BAND_VALUES: dict[BandName, float] = {"A": 0.0, "B": 0.4, "C": 0.8, "D": 1.0}


class Component(Rules):
    """A component: its weight, and its score (0..1) without data, or "skip" to leave it out and rescale.

    `level_weights` (enterprise_grades): added to an enterprise's weight of 1 by its highest hazard-unit level;
    `stage_weights` (coverage); `band_values` (chemical_parks): score of a park by its band.
    """

    id: ComponentId
    weight: float = Field(gt=0)
    empty: Literal["skip"] | float
    level_weights: dict[int, float] = Field(default_factory=LEVEL_WEIGHTS.copy)
    stage_weights: dict[Stage, float] = Field(default_factory=STAGE_WEIGHTS.copy)
    band_values: dict[BandName, float] = Field(default_factory=BAND_VALUES.copy)


class Veto(Rules):
    """A veto and the best colour it leaves."""

    id: VetoId
    at_best: Colour


class ShortBoard(Rules):
    """A short board: a score below `floor` (0..1), or in the lowest `percentile` of the class when it has `peers`
    units.
    """

    floor: float = Field(ge=0, le=1)
    percentile: float = Field(ge=0, le=100)
    peers: int = Field(default=5, ge=1)


class Provisional(Rules):
    """Until the self-inspection window closes or this share of the enrolled self-inspected: index provisional."""

    self_inspected_share: float = Field(default=0.5, ge=0, le=1)


class UnitIndex(Rules):
    """The whole rule set."""

    id: str
    version: int = Field(ge=1)
    effective_from: date | None = None
    effective_to: date | None = None
    component: tuple[Component, ...]
    bands: Mapping[Colour, float]
    veto: tuple[Veto, ...] = ()
    provisional: Provisional = Provisional()
    guidance: Mapping[GuidanceClass, str]
    short_board: ShortBoard

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        wrong = []
        if abs(sum(component.weight for component in self.component) - 100) > 1e-9:
            wrong.append("the weights must sum to 100")
        wrong += doubled("component", (each.id for each in self.component)) + doubled(
            "veto", (each.id for each in self.veto)
        )
        beyond = [each for each in self.component if each.empty != "skip" and not 0 <= each.empty <= 1]
        wrong += [f"component {each.id}: empty must be within 0..1" for each in beyond]
        bounds = [self.bands.get(colour, -1.0) for colour in Colour]
        if bounds[-1] != 0 or any(better <= worse for better, worse in pairwise(bounds)):
            wrong.append("bands must give blue > yellow > orange > red = 0")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def colour_of(self, index: float) -> Colour:
        """The colour of an index 0..100, lower bounds inclusive."""
        return next((colour for colour in Colour if index >= self.bands[colour]), Colour.RED)

    def components(self) -> Mapping[ComponentId, Component]:
        """The components by id, in the file's order."""
        return {component.id: component for component in self.component}

    def at_best(self, veto: VetoId) -> Colour | None:
        """The best colour that a veto leaves; None when the rule set does not know it."""
        return next((each.at_best for each in self.veto if each.id == veto), None)
