"""The guidance class suggested for the next round (ours; a person decides). Called by the evaluation."""

from shared.events.base import Colour, GuidanceClass, Value
from shared.events.risk import UnitAssessed


class SuggestedClass(Value):
    """The suggestion with its reason (a stable code) beside what was decided for this round, and for the one before."""

    suggested: GuidanceClass | None
    reason: str
    decided: GuidanceClass | None
    before: GuidanceClass | None = None
    decided_by: str | None = None
    decided_reason: str | None = None


def suggested_class(now: UnitAssessed, before: UnitAssessed | None) -> tuple[GuidanceClass | None, str]:
    """`county_index.toml`, [guidance]: demonstration when blue in this round and the one before and no veto fired;
    comprehensive when orange or red; else improvement. None without a colour.
    """
    if now.colour is None:
        return None, "no_colour"
    if now.colour in (Colour.ORANGE, Colour.RED):
        return GuidanceClass.COMPREHENSIVE, "orange_or_red"
    if now.vetoes:
        return GuidanceClass.IMPROVEMENT, "veto_fired"
    if now.colour is Colour.BLUE and before is not None and before.colour is Colour.BLUE:
        return GuidanceClass.DEMONSTRATION, "blue_twice"
    return GuidanceClass.IMPROVEMENT, "blue_once" if now.colour is Colour.BLUE else "yellow"
