"""Assessments that would be larger than a record may be: what tells least is left out, and counted in `left_out`.

Called by assessed and assessed_unit. One enterprise must not be able to stop its partition by declaring a great deal.
"""

from collections.abc import Callable, Iterable, Sequence

import orjson

from services.scoring.rules.measures import Json
from shared.rulesets.decree493 import WORST_FIRST

MOST_BYTES = 720_000  # of the value: with key and headers under the 768 KiB of a record
NO_LEVEL = 5


def fitted(data: Json, shorter: Callable[[Json], Json]) -> bytes:
    """The data as JSON; made shorter only when they must be."""
    value = orjson.dumps(data)
    return value if len(value) <= MOST_BYTES else orjson.dumps(shorter(data))


def enterprise(data: Json) -> Json:
    """Hazard units stay riskiest first, then the old installations, then the contributions of the hazard units."""
    units, ages = data["hazard_units"], data["installations"]
    room = MOST_BYTES - len(orjson.dumps(data | {"hazard_units": [], "installations": []}))
    bare, room = kept([each | {"contributions": []} for each in sorted(units, key=_riskiest)], room)
    installations, room = kept(sorted(ages, key=_oldest), room)
    whole = {each["hazard_unit_id"]: each for each in units}
    explained, _ = kept([whole[each["hazard_unit_id"]] for each in bare], room)
    found = {each["hazard_unit_id"]: each for each in (*bare, *explained)}
    left_out = {
        "hazard_units": len(units) - len(found),
        "installations": len(ages) - len(installations),
        "contributions": len(units) - len(explained),
    }
    return data | {
        "hazard_units": [each for _, each in sorted(found.items())],
        "installations": sorted(installations, key=lambda each: str(each["installation_id"])),
        "left_out": {name: count for name, count in left_out.items() if count},
    }


def unit(data: Json) -> Json:
    """Accidents stay worst first, then the parks of the lowest scores."""
    room = MOST_BYTES - len(orjson.dumps(data | {"accidents": [], "parks": []}))
    accidents, room = kept(sorted(data["accidents"], key=_worst), room)
    parks, _ = kept(sorted(data["parks"], key=lambda each: (each["score"], each["park_id"])), room)
    left_out = {"accidents": len(data["accidents"]) - len(accidents), "parks": len(data["parks"]) - len(parks)}
    return data | {
        "accidents": sorted(accidents, key=lambda each: str(each["accident_id"])),
        "parks": sorted(parks, key=lambda each: str(each["park_id"])),
        "left_out": {name: count for name, count in left_out.items() if count},
    }


def kept(items: Iterable[Json], room: int) -> tuple[Sequence[Json], int]:
    """As many of the first items as have room (bytes), and the room that is left."""
    found = []
    for each in items:
        size = len(orjson.dumps(each)) + 1
        if size > room:
            break
        room -= size
        found.append(each)
    return found, room


def _riskiest(each: Json) -> tuple[int, float, str]:
    return each["level"] or NO_LEVEL, -(each["r"] or 0.0), each["hazard_unit_id"]


def _oldest(each: Json) -> tuple[bool, bool, str]:
    return not each["old"], each["treatment"] is not None, each["installation_id"]


def _worst(each: Json) -> tuple[int, str]:
    return WORST_FIRST.index(each["grade"]), each["accident_id"]
